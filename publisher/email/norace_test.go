//go:build !race

package email_test

// floodReaders is how many addresses a flood has where nobody says.
const floodReaders = 200
