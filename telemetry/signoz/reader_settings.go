package signoz

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// wanted are the settings of our queries. What overflows must be an error,
// since a part of an answer is a false calm. The limits protect the store from
// us, and where its own are tighter they stay.
var wanted = map[string]string{
	"max_execution_time": strconv.Itoa(int(queryTime.Seconds())),
	"max_memory_usage":   "2000000000",
	"max_threads":        "4",
	"max_bytes_to_read":  "50000000000",

	"timeout_overflow_mode":   "throw",
	"read_overflow_mode":      "throw",
	"group_by_overflow_mode":  "throw",
	"result_overflow_mode":    "throw",
	"skip_unavailable_shards": "0", // a missing shard is an error, not fewer errors
	"use_query_cache":         "0",

	// A block of 1 MB, the default, is some ten thousand rows of ours, and
	// each pays anew for every expression: a quarter of the whole time.
	"preferred_block_size_bytes": "0",

	logComment:     "", // each query says its own
	cancelWhenGone: "1",
}

const (
	logComment     = "log_comment"
	cancelWhenGone = "cancel_http_readonly_queries_on_client_close" // of no use on the native protocol
)

// limits are those of the wanted settings of which less is stricter.
var limits = []string{"max_execution_time", "max_memory_usage", "max_threads", "max_bytes_to_read"}

// settings are those that a server takes from us.
type settings struct {
	sent    map[string]string
	leftOut []string // wanted, but unknown to the server or not ours to change
}

// harmful gives a setting that would let a part of an answer pass for the whole
// and that we may not change, or "".
func harmful(has map[string]serverSetting) string {
	for _, name := range slices.Sorted(maps.Keys(has)) {
		s := has[name]
		partial := s.value == "break" || s.value == "any" || name == "skip_unavailable_shards" && s.value != "0"
		if s.locked && partial {
			return name
		}
	}
	return ""
}

// of gives the settings of one query, which names itself in log_comment.
func (s settings) of(doing string) clickhouse.Settings {
	all := make(clickhouse.Settings, len(s.sent))
	for name, value := range s.sent {
		all[name] = value
	}
	if _, ok := s.sent[logComment]; ok {
		comment, _ := json.Marshal(map[string]string{"app": "tocsin", "query": doing}) // strings always marshal
		all[logComment] = string(comment)
	}
	return all
}

// serverSetting is a row of system.settings.
type serverSetting struct {
	value  string
	max    string // constraint of the user's profile, "" for none
	locked bool   // the user may not change it
}

// settle chooses what to send from what the server has. An unknown setting
// fails every query over HTTP, so only those that are listed are sent.
func settle(has map[string]serverSetting, http bool) settings {
	s := settings{sent: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if name == cancelWhenGone && !http {
			continue
		}
		on, ok := has[name]
		if !ok || on.locked {
			s.leftOut = append(s.leftOut, name)
			continue
		}
		value := wanted[name]
		if slices.Contains(limits, name) {
			value = tighter(value, on.value, on.max)
		}
		s.sent[name] = value
	}
	return s
}

// tighter gives the least of some limits; 0, none and words are no limit.
func tighter(ours string, theirs ...string) string {
	least, _ := strconv.ParseFloat(ours, 64) // ours are numbers
	for _, t := range theirs {
		if f, err := strconv.ParseFloat(t, 64); err == nil && f > 0 && f < least {
			ours, least = t, f
		}
	}
	return ours
}

// learnSettings asks what the server knows. It is the first question to a
// server, and itself carries no settings.
func (c *client) learnSettings(ctx context.Context) error {
	b := newBinder()
	has := map[string]serverSetting{}
	sql := "SELECT name, value, ifNull(max, '') AS max, (readonly != 0)::Bool AS locked FROM system.settings WHERE name IN " + b.list(slices.Sorted(maps.Keys(wanted)))
	err := c.eachWith(ctx, &settings{}, "ask for settings", sql, b.params, func(r driver.Rows) error {
		var name, value, most string
		var locked bool
		if err := r.Scan(&name, &value, &most, &locked); err != nil {
			return err
		}
		has[name] = serverSetting{value: value, max: most, locked: locked}
		return nil
	})
	if err != nil {
		return err
	}
	if name := harmful(has); name != "" {
		return &Error{
			Trouble: Refuse, Doing: "ask for settings", Address: c.address.shown, Protocol: c.address.protocol(),
			Err: fmt.Errorf("the user's profile has %s = %s and does not let us change it: a part of an answer would pass for the whole: give the user readonly = 2, without that constraint", name, has[name].value),
		}
	}
	known := settle(has, c.address.http)
	c.settings.Store(&known)
	return nil
}
