//go:build !race

package tocsin

// raceDetector: see race_test.go.
const raceDetector = false
