//go:build race

package tocsin

// raceDetector says whether these tests were built with -race: what they start
// is built likewise, so that it is built once.
const raceDetector = true
