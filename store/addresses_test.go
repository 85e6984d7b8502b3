package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
)

var noonOfMail = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func TestWhatBecomesOfAnAddress(t *testing.T) {
	for _, c := range []struct {
		name  string
		marks []string
		state string
		times int
	}{
		{"refused once", []string{publisher.Refused}, publisher.Refused, 1},
		{"refused in a row is counted", []string{publisher.Refused, publisher.Refused, publisher.Refused}, publisher.Refused, 3},
		{"a bounce weighs more than what was refused", []string{publisher.Refused, publisher.Refused, publisher.Bounced}, publisher.Bounced, 1},
		{"and is not called refused afterwards", []string{publisher.Bounced, publisher.Refused}, publisher.Bounced, 1},
		{"whoever unsubscribed stays so", []string{publisher.Unsubscribed, publisher.Bounced, publisher.Refused}, publisher.Unsubscribed, 1},
		{"unsubscribing twice is counted", []string{publisher.Unsubscribed, publisher.Unsubscribed}, publisher.Unsubscribed, 2},
		{"one that bounced can still unsubscribe", []string{publisher.Bounced, publisher.Unsubscribed}, publisher.Unsubscribed, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openOne(t)
			for n, state := range c.marks {
				a := publisher.Address{Channel: "mail", Address: "ada@example.com", State: state, Reason: "why", At: noonOfMail.Add(time.Duration(n) * time.Second)}
				if err := db.MarkAddress(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			a, err := db.Address(t.Context(), "mail", "ada@example.com")
			if err != nil || a.State != c.state || a.Times != c.times || a.Reason != "why" {
				t.Errorf("it is %+v (%v), want %s, %d times", a, err, c.state, c.times)
			}
		})
	}
}

func TestAddressesAreListedAndForgotten(t *testing.T) {
	db := openOne(t)
	for _, a := range []publisher.Address{
		{Channel: "mail", Address: "b@example.com", State: publisher.Bounced, Reason: "550 no such user", At: noonOfMail},
		{Channel: "mail", Address: "a@example.com", State: publisher.Unsubscribed, At: noonOfMail},
		{Channel: "staff", Address: "a@example.com", State: publisher.Refused, Reason: "550", At: noonOfMail},
	} {
		if err := db.MarkAddress(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Addresses(t.Context(), "")
	if err != nil || len(all) != 3 || all[0].Address != "a@example.com" || all[0].Reason == "" || !all[0].At.Equal(noonOfMail) {
		t.Fatalf("all are %+v (%v)", all, err)
	}
	if one, err := db.Addresses(t.Context(), "staff"); err != nil || len(one) != 1 || one[0].State != publisher.Refused {
		t.Errorf("those of one channel are %+v (%v)", one, err)
	}
	if n, err := db.ForgetAddress(t.Context(), "staff", "a@example.com"); n != 1 || err != nil {
		t.Errorf("forgot %d (%v)", n, err)
	}
	if a, err := db.Address(t.Context(), "staff", "a@example.com"); err != nil || a != (publisher.Address{}) {
		t.Errorf("what was forgotten is %+v (%v)", a, err)
	}
	if n, err := db.ForgetAddress(t.Context(), "", "a@example.com"); n != 1 || err != nil {
		t.Errorf("forgot %d on all channels (%v)", n, err)
	}
	if n, err := db.ForgetAddress(t.Context(), "", "nobody@example.com"); n != 0 || err != nil {
		t.Errorf("forgot %d of nobody (%v)", n, err)
	}
	if err := db.MarkAddress(t.Context(), publisher.Address{Channel: "mail", Address: "c@example.com", State: "odd", At: noonOfMail}); err == nil {
		t.Error("an unknown state was taken")
	}
}

// A bounce comes in by a command, while the service runs.
func TestAddressesAreWrittenBesideAServiceAndLittleElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	service, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	beside, err := OpenBeside(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	mark := publisher.Address{Channel: "mail", Address: "ada@example.com", State: publisher.Bounced, Reason: "gone", At: noonOfMail}
	if err := beside.MarkAddress(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if a, err := service.Address(t.Context(), "mail", "ada@example.com"); err != nil || a.State != publisher.Bounced {
		t.Errorf("the service sees %+v (%v)", a, err)
	}
	if n, err := beside.ForgetAddress(t.Context(), "mail", "ada@example.com"); n != 1 || err != nil {
		t.Errorf("forgot %d (%v)", n, err)
	}
	if err := beside.Remember(t.Context(), "mail", "key", "of mine"); !errors.Is(err, errBeside) {
		t.Errorf("the key was written beside the service: %v", err)
	}
	read, err := OpenToRead(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if err := read.MarkAddress(t.Context(), mark); !errors.Is(err, errReadOnly) {
		t.Errorf("a store that was opened to read took it: %v", err)
	}
}

func openOne(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
