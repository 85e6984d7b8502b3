package main

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// changes sums up, for the log, what another configuration says differently.
type changes struct {
	added, removed, changed []string // IDs of rules
	others                  []string // the keys whose contents differ
}

// compare tells two configurations apart by what they say: a rule that only
// moved within its file has not changed.
func compare(was, is *rules.Config) changes {
	var c changes
	for _, r := range is.Rules {
		old, ok := was.Rule(r.ID)
		switch {
		case !ok:
			c.added = append(c.added, r.ID)
		case !same(old, r):
			c.changed = append(c.changed, r.ID)
		}
	}
	for _, r := range was.Rules {
		if _, ok := is.Rule(r.ID); !ok {
			c.removed = append(c.removed, r.ID)
		}
	}
	for _, part := range []struct {
		key     string
		was, is any
	}{
		{"organisation", was.Organisation, is.Organisation},
		{"sources", was.SigNoz, is.SigNoz},
		{"channels", was.Channels, is.Channels},
		{"page", was.Page, is.Page},
		{"severities", was.Policies, is.Policies},
		{"components", was.Components, is.Components},
		{"regions", was.Regions, is.Regions},
		{"services", was.Services, is.Services},
		{"probes", was.Probes, is.Probes},
		{"maintenance", was.Maintenance, is.Maintenance},
		{"silences", was.Silences, is.Silences},
		{"catch_up", was.CatchUp, is.CatchUp},
		{"reopen_within", was.ReopenWithin, is.ReopenWithin},
		{"zone", was.Zone, is.Zone},
		{"people", was.People, is.People},
		{"business", was.Business, is.Business},
		{"console", was.Console, is.Console},
		{"templates", was.Templates, is.Templates},
		{"checklists", was.Checklists, is.Checklists},
	} {
		if !same(part.was, part.is) {
			c.others = append(c.others, part.key)
		}
	}
	return c
}

// reopens reports whether channels are made anew: mail is made with the address
// of the page, which its links to unsubscribe lead to, and with the people.
func (c changes) reopens() bool { return c.differs("channels", "templates", "page", "people") }

// differs reports whether one of the keys says something else.
func (c changes) differs(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(c.others, k) })
}

// needsRestart names what a running service cannot take up.
func needsRestart(started, is *rules.Config) []string {
	var keys []string
	for _, part := range []struct {
		key     string
		was, is string
	}{
		{"listen.public", started.Listen.Public, is.Listen.Public},
		{"listen.private", started.Listen.Private, is.Listen.Private},
		{"store.path", started.Store.Path, is.Store.Path},
	} {
		if part.was != part.is {
			keys = append(keys, fmt.Sprintf("%s (%s is in use, %s is written)", part.key, part.was, part.is))
		}
	}
	return keys
}

// same reports whether two values say the same, wherever in the files they
// stand.
func same(a, b any) bool { return alike(reflect.ValueOf(a), reflect.ValueOf(b)) }

func alike(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch x := a.Interface().(type) {
	case rules.Pos:
		return true
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	case *time.Location:
		return x.String() == b.Interface().(*time.Location).String()
	case netip.Prefix:
		return x == b.Interface().(netip.Prefix)
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !alike(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alike(a.Elem(), b.Elem())
	default:
		return a.Equal(b)
	}
}
