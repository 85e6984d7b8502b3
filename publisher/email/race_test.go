//go:build race

package email_test

// floodReaders is fewer where the race detector makes each mail ten times as
// dear.
const floodReaders = 40
