package statuspage

import (
	"regexp"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

func TestHowThePageIsInOneWord(t *testing.T) {
	at := time.Date(2026, 5, 20, 10, 42, 0, 0, time.UTC)
	page := func(statuses ...templates.Status) templates.Public {
		p := templates.Public{Checked: at, Indicator: "none", Description: "All Systems Operational"}
		for _, s := range statuses {
			p.Components = append(p.Components, templates.Component{Status: s})
		}
		return p
	}
	blind := page(templates.NoData)
	blind.Blind = at
	major := page(templates.Maintenance, templates.Partial)
	major.Indicator, major.Description = "major", "Partial System Outage"
	late := major
	late.Blind = at
	unsaid := page(templates.Operational)
	unsaid.Description = ""
	for name, c := range map[string]struct {
		p                      templates.Public
		indicator, description string
	}{
		"all is well":                         {page(templates.Operational), "none", "All Systems Operational"},
		"there is maintenance and no more":    {page(templates.Operational, templates.Maintenance), "maintenance", "Service Under Maintenance"},
		"an outage is worse than maintenance": {major, "major", "Partial System Outage"},
		"all data are missing":                {blind, "none", "All Systems Operational, data delayed since 10:42 UTC"},
		"data are missing in an outage":       {late, "major", "Partial System Outage, data delayed since 10:42 UTC"},
		"nobody said anything":                {unsaid, "none", "All Systems Operational"},
		"nothing was measured":                {templates.Public{}, "none", "Waiting for the first data"},
	} {
		if got := Indicator(c.p); got != c.indicator {
			t.Errorf("%s: %s, want %s", name, got, c.indicator)
		}
		if got := Description(c.p); got != c.description {
			t.Errorf("%s: %s, want %s", name, got, c.description)
		}
	}
}

func TestATimeIsWrittenWithMilliseconds(t *testing.T) {
	for at, want := range map[time.Time]string{
		{}: "1970-01-01T00:00:00.000Z",
		time.Date(2026, 5, 20, 12, 42, 3, 4_999_999, time.FixedZone("", 7200)): "2026-05-20T10:42:03.004Z",
	} {
		if got, err := Stamp(at).MarshalText(); err != nil || string(got) != want {
			t.Errorf("%v: %s, %v, want %s", at, got, err, want)
		}
	}
}

// TestNamesAreForEver: programs keep them.
func TestNamesAreForEver(t *testing.T) {
	for _, c := range [][3]string{{"component", "api", "sbm62izjc73s"}, {"page", "FeatureSignals", "pcugux7awvpb"}} {
		got := ID(c[0], c[1])
		if !regexp.MustCompile(`^[a-z2-7]{12}$`).MatchString(got) || got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
