package console

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/rules"
)

// Link is an address that leads out of the console.
type Link struct {
	Title string
	Of    string // what it is about, where titles alone are the same
	URL   string
}

// spans says which spans a link leads to.
type spans struct {
	service  string
	region   []string // values of the region attribute: the code and its aliases
	signal   rules.Signal
	limit    float64 // nanoseconds, for pNN
	from, to time.Time
}

// tracesLink leads to SigNoz's traces explorer; "" where it is not known where
// SigNoz is.
func tracesLink(c rules.SigNoz, of spans) string {
	base, ok := signoz(c)
	if !ok {
		return ""
	}
	var want []string
	if of.service != "" {
		want = append(want, "service.name = "+quote(of.service))
	}
	if len(c.Region) > 0 && len(of.region) > 0 && of.region[0] != "" {
		if len(of.region) == 1 {
			want = append(want, c.Region[0]+" = "+quote(of.region[0]))
		} else {
			var all []string
			for _, r := range of.region {
				all = append(all, quote(r))
			}
			want = append(want, c.Region[0]+" IN ("+strings.Join(all, ", ")+")")
		}
	}
	switch of.signal.Kind {
	case rules.KindErrorRate:
		want = append(want, "has_error = true")
	case rules.KindQuantile:
		if of.limit > 0 {
			want = append(want, "duration_nano > "+strconv.FormatFloat(of.limit, 'f', 0, 64))
		}
	default:
	}
	// The page decodes its parameter twice. Older ones ask for the fields that
	// newer ones fill in.
	query, err := json.Marshal(map[string]any{"queryType": "builder", "builder": map[string]any{
		"queryFormulas": []any{},
		"queryData": []any{map[string]any{
			"dataSource": "traces", "filter": map[string]any{"expression": strings.Join(want, " AND ")},
			"queryName": "A", "expression": "A", "aggregateOperator": "noop", "disabled": false, "having": []any{}, "stepInterval": 60,
			"orderBy": []any{map[string]any{"columnName": "timestamp", "order": "desc"}},
		}},
	}})
	if err != nil {
		return ""
	}
	base = base.JoinPath("traces-explorer")
	base.RawQuery = url.Values{
		"compositeQuery": {url.QueryEscape(string(query))},
		"startTime":      {strconv.FormatInt(of.from.UnixNano(), 10)}, "endTime": {strconv.FormatInt(of.to.UnixNano(), 10)},
	}.Encode()
	return base.String()
}

// serviceLink leads to SigNoz's page of a service.
func serviceLink(c rules.SigNoz, of spans) string {
	base, ok := signoz(c)
	if !ok || of.service == "" {
		return ""
	}
	base = base.JoinPath("services", url.PathEscape(of.service))
	base.RawQuery = url.Values{
		"startTime": {strconv.FormatInt(of.from.UnixMilli(), 10)}, "endTime": {strconv.FormatInt(of.to.UnixMilli(), 10)},
	}.Encode()
	return base.String()
}

func signoz(c rules.SigNoz) (*url.URL, bool) {
	if c.URL == "" {
		return nil, false
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, false
	}
	return u, true
}

// quote writes a value into a filter.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
