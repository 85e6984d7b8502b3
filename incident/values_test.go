package incident_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// readValues reads the section values of a scenario.
func readValues(text string) (rules.Test, error) {
	test := rules.Test{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		var err error
		switch f[0] {
		case "start":
			test.Start, err = time.Parse("2006-01-02 15:04", strings.Join(f[1:], " "))
		case "down":
			err = readDown(&test, f[1:])
		default:
			err = readLine(&test, f)
		}
		if err != nil {
			return test, fmt.Errorf("values: %q: %w", strings.TrimSpace(line), err)
		}
	}
	return test, nil
}

func readDown(test *rules.Test, f []string) error {
	down := rules.TestDown{Source: rules.SourceSpans}
	if len(f) == 2 {
		down.Source, f = f[0], f[1:]
	}
	from, to, _ := strings.Cut(strings.Join(f, ""), "-")
	var err1, err2 error
	down.From, err1 = minuteOf(from)
	down.To, err2 = minuteOf(to)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("want down [spans|probes] 00:12-00:22")
	}
	test.Down = append(test.Down, down)
	return nil
}

func minuteOf(s string) (int, error) {
	var h, m int
	_, err := fmt.Sscanf(s, "%d:%d", &h, &m)
	return h*60 + m, err
}

// readLine reads [probe] service/region [key=value …] minutes …
func readLine(test *rules.Test, f []string) error {
	var s rules.TestSeries
	if f[0] == "probe" {
		s.Probe, f = true, f[1:]
	}
	s.Service, s.Region, _ = strings.Cut(f[0], "/")
	for f = f[1:]; len(f) > 0; f = f[1:] {
		key, value, ok := strings.Cut(f[0], "=")
		if !ok || strings.Contains(key, "{") {
			break
		}
		switch key {
		case "route":
			s.Route = value
		case "operation":
			s.Operation = value
		case "kind":
			s.Kind = value
		case "status":
			var err error
			if s.Status, err = strconv.Atoi(value); err != nil {
				return err
			}
		default:
			if s.Attributes == nil {
				s.Attributes = map[string]string{}
			}
			s.Attributes[key] = value
		}
	}
	var err error
	s.Minutes, err = rules.ParseSamples(strings.Join(f, " "))
	test.Series = append(test.Series, s)
	return err
}
