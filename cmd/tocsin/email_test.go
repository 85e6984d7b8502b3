package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/publisher/email"
	"github.com/featuresignals/tocsin/publisher/email/smtptest"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/store"
	"github.com/featuresignals/tocsin/templates"
)

// mailChannel is a channel of mail with one reader.
func mailChannel(server string) rules.Channel {
	return rules.Channel{Name: "mail", Type: "email", Mail: &rules.Mail{
		Server: server, TLS: "none", From: "status@example.com", Bounces: "bounces@example.com",
		Lists: []rules.List{{Name: "customers", Addresses: []string{"ada@example.net"}}},
	}}
}

// mailing is a configuration with lists of mail, and a service that runs with it.
func mailing(t *testing.T, server string) (*rules.Config, *store.DB) {
	t.Helper()
	config := *rules.Default()
	config.Page.URL = "https://status.example.com"
	config.Channels = append(config.Channels[:len(config.Channels):len(config.Channels)], mailChannel(server))
	config.Store.Path = filepath.Join(t.TempDir(), "tocsin.db")
	service, err := store.Open(t.Context(), config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	return &config, service
}

// sendOne has the channel send a mail to its reader.
func sendOne(t *testing.T, c publisher.Channel) {
	t.Helper()
	at := time.Date(2026, 5, 20, 10, 2, 0, 0, time.UTC)
	u := templates.Update{Number: 1, State: "investigating", Severity: "P0", Symptom: "elevated errors", Said: at}
	i := templates.Incident{ID: "INC-2026-0001", Component: templates.Component{ID: "api", Name: "API"}, Updates: []templates.Update{u}}
	d := publisher.Delivery{Channel: "mail", Key: "INC-2026-0001/1", Target: "ada@example.net", Incident: &i, Update: &u}
	if _, err := c.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// unsubscribeLink gives the token of the reader's link.
func unsubscribeLink(t *testing.T, channels []publisher.Channel, db *store.DB) string {
	t.Helper()
	s := smtptest.New(t, smtptest.Options{TLS: "none"})
	config := *rules.Default()
	config.Page.URL = "https://status.example.com"
	config.Channels = []rules.Channel{mailChannel(s.Addr())}
	all, err := openChannels(&config, builtInWords(t), db)
	if err != nil {
		t.Fatal(err)
	}
	sendOne(t, all[0])
	m := regexp.MustCompile(`/unsubscribe/([a-z2-7]{32})`).FindSubmatch(s.Messages()[0].Data)
	if m == nil {
		t.Fatalf("no link in\n%s", s.Messages()[0].Data)
	}
	return string(m[1])
}

// A mail server hands a bounce over while the service runs with the store.
func TestABounceIsTakenInBesideTheService(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{TLS: "none"})
	config, service := mailing(t, s.Addr())
	channels, err := openChannels(config, builtInWords(t), service)
	if err != nil {
		t.Fatal(err)
	}
	mail := channels[len(channels)-1].(*email.Channel)
	sendOne(t, mail)
	bounce := fmt.Sprintf("To: %s\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n"+
		"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ada@example.net\nAction: failed\nStatus: 5.1.1\n\n--x--\n", s.Messages()[0].From)
	var out, errs bytes.Buffer
	w := &world{ctx: t.Context(), out: &out, errs: &errs}
	if err := new(emailBounceCmd).read(w, config, strings.NewReader(bounce)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), `ada@example.net on channel "mail" is bounced: 5.1.1`) {
		t.Errorf("it says %q", &out)
	}
	if a, err := service.Address(t.Context(), "mail", "ada@example.net"); err != nil || a.State != publisher.Bounced {
		t.Errorf("the service sees %+v (%v)", a, err)
	}

	// What is known is printed, and forgotten; the service's own file says where.
	path := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "store: {path: %q}\n", config.Store.Path), 0o600); err != nil {
		t.Fatal(err)
	}
	tocsin := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"--config", path, "email"}, args...), &out, &errs, nil); code != want {
			t.Fatalf("%v ends with %d: %s", args, code, &errs)
		}
		return out.String() + errs.String()
	}
	if got := tocsin(exitGood, "addresses"); !strings.Contains(got, "ada@example.net") || !strings.Contains(got, "bounced") {
		t.Errorf("the list is\n%s", got)
	}
	var list []publisher.Address
	if err := json.Unmarshal([]byte(tocsin(exitGood, "addresses", "--channel", "mail", "--format", "json")), &list); err != nil || len(list) != 1 || list[0].Times != 1 {
		t.Errorf("as JSON %+v (%v)", list, err)
	}
	if got := tocsin(exitGood, "addresses", "--channel", "post"); !strings.Contains(got, `on a channel "post"; of type email the configuration has none`) {
		t.Errorf("of a channel that is not there it says %q", got)
	}
	if got := tocsin(exitGood, "forget", "ada@Example.net"); !strings.Contains(got, "hears of incidents again") {
		t.Errorf("forgetting says %q", got)
	}
	if got := tocsin(exitFound, "forget", "ada@example.net"); !strings.Contains(got, "nothing is known of ada@example.net") {
		t.Errorf("forgetting twice says %q", got)
	}
	if got := tocsin(exitGood, "addresses", "--format", "json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("afterwards: %q", got)
	}
	log, err := service.AuditLog(t.Context(), 0, 10)
	if err != nil || len(log) != 1 || log[0].Action != "email forget" || log[0].Why != "ada@example.net" {
		t.Errorf("the audit log is %+v (%v)", log, err)
	}
}

// Mail servers try again at 75, and send back what ends otherwise.
func TestABounceThatCannotBeNotedIsToBeTriedAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "store: {path: %q}\n", dir), 0o600); err != nil { // a folder
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"--config", path, "email", "bounce"}, io.Discard, &errs, nil); code != exitLater {
		t.Errorf("it ends with %d: %s", code, &errs)
	}
	if err := os.WriteFile(path, []byte("stroe: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"--config", path, "email", "bounce"}, io.Discard, &errs, nil); code != exitLater {
		t.Errorf("with a mistake in the configuration it ends with %d: %s", code, &errs)
	}
	config, _ := mailing(t, "127.0.0.1:1")
	config.Templates = filepath.Join(dir, "not there") // no mail is worded: what is wrong with templates holds nothing up
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := new(emailBounceCmd).read(&world{ctx: ctx, out: &out, errs: io.Discard}, config, strings.NewReader("Subject: hello\n\nNo bounce.\n"))
	if err != nil || !strings.HasPrefix(out.String(), "nothing is noted") {
		t.Errorf("what is no bounce: %v, %q", err, &out)
	}
}
