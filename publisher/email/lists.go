package email

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/templates"
)

// address is one that mail can be sent to. Domains do not care about capitals;
// what stands before the @ may.
type address struct{ local, domain string }

func (a address) String() string { return a.local + "@" + a.domain }

// plain is what addresses look like that need no quotes: those that do are hardly
// met, and hardly ever meant. No line break, no space, no angle bracket.
var plain = regexp.MustCompile("^([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)$")

func parse(s string) (address, error) {
	m := plain.FindStringSubmatch(s)
	if m == nil || len(m[1]) > 64 || len(s) > 254 {
		return address{}, fmt.Errorf("%q is not a mail address: want one such as ada@example.com", shorten(s, 80))
	}
	return address{m[1], strings.ToLower(m[2])}, nil
}

// reader is a list with its addresses.
type reader struct {
	list      rules.List
	addresses []string
	has       map[string]bool
}

// listFile is a file of addresses as it was read.
type listFile struct {
	size int64
	at   time.Time
	reader
}

// readers gives the lists that hear of an update. fresh reads their files again,
// whatever they look like from outside.
func (c *Channel) readers(d publisher.Delivery, fresh bool) ([]reader, error) {
	var all []reader
	for _, l := range c.Mail.Lists {
		if !hears(l, d) {
			continue
		}
		r, err := c.read(l, fresh)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// quiet is how long a file must have rested before what it does not hold any more
// counts as taken out.
const quiet = 2 * time.Second

// read gives a list's addresses, each once. A line that is none is left out and
// said of: one slip must not keep all others from hearing. Whoever writes a file
// anew empties it first: while it has just been written and lacks addresses that it
// had, there is an error beside what it held before.
func (c *Channel) read(l rules.List, fresh bool) (reader, error) {
	var file listFile
	if l.File != "" {
		info, err := os.Stat(l.File)
		if err != nil {
			return reader{}, fmt.Errorf("list %q: %w", l.Name, err)
		}
		file.size, file.at = info.Size(), info.ModTime()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if had, ok := c.files[l.Name]; ok && !fresh && had.size == file.size && had.at.Equal(file.at) {
		return had.reader, nil
	}
	file.reader = reader{list: l, has: map[string]bool{}}
	add := func(s, where string) {
		a, err := parse(s)
		switch {
		case err != nil:
			c.logger.Warn("a line of a list is left out", "list", l.Name, "at", where, "err", err)
		case !file.has[a.String()]:
			file.has[a.String()] = true
			file.addresses = append(file.addresses, a.String())
		}
	}
	for _, s := range l.Addresses {
		add(strings.TrimSpace(s), "addresses")
	}
	if l.File != "" {
		b, err := os.ReadFile(l.File)
		if err != nil {
			return reader{}, fmt.Errorf("list %q: read its addresses: %w", l.Name, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
		for n := 1; lines.Scan(); n++ {
			line := comment.ReplaceAllString(lines.Text(), "")
			if line = strings.TrimSpace(line); line != "" {
				add(line, fmt.Sprintf("%s:%d", l.File, n))
			}
		}
		if err := lines.Err(); err != nil {
			return reader{}, fmt.Errorf("list %q: read %s: %w", l.Name, l.File, err)
		}
		had := c.files[l.Name]
		lacks := slices.ContainsFunc(had.addresses, func(a string) bool { return !file.has[a] })
		if info, err := os.Stat(l.File); lacks && (err != nil || time.Since(info.ModTime()).Abs() < quiet) {
			return had.reader, &publisher.RetryAfter{Wait: quiet, Err: fmt.Errorf("list %q: %s is just being written", l.Name, l.File)}
		}
	}
	c.files[l.Name] = file
	return file.reader, nil
}

// comment is the rest of a line from a # that begins it or follows a space: an
// address may have one in it.
var comment = regexp.MustCompile(`(^|\s)#.*$`)

// hears reports whether a list is for those who hear of an update. Who heard of
// an incident once hears of it to its end, also when it has moved on.
func hears(l rules.List, d publisher.Delivery) bool {
	if d.Inside && !l.Staff {
		return false
	}
	updates := []templates.Update{*d.Update}
	for _, u := range d.Incident.Updates {
		if u.Number < d.Update.Number {
			updates = append(updates, u)
		}
	}
	return touches(l.Components, updates, func(u templates.Update) []string {
		ids := append([]string{d.Incident.Component.ID}, d.Incident.Also...)
		for _, c := range d.Public.Components {
			if slices.Contains(u.Also, c.Name) {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}) && touches(l.Regions, updates, func(u templates.Update) []string {
		var codes []string
		for _, r := range u.Regions {
			codes = append(codes, r.Code)
		}
		if len(codes) == 0 {
			return l.Regions // it does not say where: everybody is to hear
		}
		return codes
	})
}

// touches reports whether something of what is wanted is in some update. Those
// who name nothing want all.
func touches(want []string, updates []templates.Update, of func(templates.Update) []string) bool {
	return len(want) == 0 || slices.ContainsFunc(updates, func(u templates.Update) bool {
		return slices.ContainsFunc(of(u), func(s string) bool { return slices.Contains(want, s) })
	})
}

// oneline makes words fit for a header.
func oneline(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func shorten(s string, n int) string {
	s = oneline(s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
