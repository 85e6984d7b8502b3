package signoz

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Pairs is a Map column's value, sorted by key and without duplicates. Go's
// own maps cost more to fill and come out in another order each time.
type Pairs[V any] []Pair[V]

// Pair is one key of a Map and its value.
type Pair[V any] struct {
	Key   string
	Value V
}

var _ column.IterableOrderedMap = (*Pairs[string])(nil)

// Get gives the value of a key, or the zero value.
func (p Pairs[V]) Get(key string) V {
	if i, ok := p.find(key); ok {
		return p[i].Value
	}
	var none V
	return none
}

func (p Pairs[V]) find(key string) (int, bool) {
	return slices.BinarySearchFunc(p, key, func(p Pair[V], key string) int { return strings.Compare(p.Key, key) })
}

// Put is for the driver, which fills a map with it when it reads one.
func (p *Pairs[V]) Put(key, value any) {
	*p = append(*p, Pair[V]{key.(string), value.(V)})
}

// Iterator is for the driver, which reads a map through it when it writes one.
func (p *Pairs[V]) Iterator() column.MapIterator { return &pairsIterator[V]{pairs: *p, at: -1} }

type pairsIterator[V any] struct {
	pairs Pairs[V]
	at    int
}

func (i *pairsIterator[V]) Next() bool { i.at++; return i.at < len(i.pairs) }
func (i *pairsIterator[V]) Key() any   { return i.pairs[i.at].Key }
func (i *pairsIterator[V]) Value() any { return i.pairs[i.at].Value }

// sorted gives attributes by key. Of a key that comes twice the last counts: a
// JSON column refuses a path that is given twice.
func sorted(attributes pcommon.Map) Pairs[pcommon.Value] {
	all := make(Pairs[pcommon.Value], 0, attributes.Len())
	for k, v := range attributes.All() {
		all = append(all, Pair[pcommon.Value]{k, v})
	}
	slices.SortStableFunc(all, func(a, b Pair[pcommon.Value]) int { return cmp.Compare(a.Key, b.Key) })
	kept := all[:0]
	for i, p := range all {
		if i+1 == len(all) || all[i+1].Key != p.Key {
			kept = append(kept, p)
		}
	}
	return kept
}

// texts gives attributes by key, every value as text.
func texts(attributes pcommon.Map) Pairs[string] {
	all := sorted(attributes)
	pairs := make(Pairs[string], len(all))
	for i, p := range all {
		pairs[i] = Pair[string]{p.Key, p.Value.AsString()}
	}
	return pairs
}

func scopeJSON(scope pcommon.InstrumentationScope) string {
	text := jsonString([]byte(`{"name":`), scope.Name())
	text = jsonString(append(text, `,"version":`...), scope.Version())
	text = jsonObject(append(text, `,"attributes":`...), texts(scope.Attributes()))
	return string(append(text, '}'))
}

func eventJSON(e ptrace.SpanEvent) string {
	text := jsonString([]byte(`{"name":`), e.Name())
	text = strconv.AppendUint(append(text, `,"timeUnixNano":`...), uint64(e.Timestamp()), 10)
	text = jsonObject(append(text, `,"attributeMap":`...), texts(e.Attributes()))
	text = strconv.AppendBool(append(text, `,"isError":`...), e.Name() == "exception")
	return string(append(text, '}'))
}

// linksJSON lists the parent and the span's links.
func linksJSON(span ptrace.Span) string {
	text := []byte{'['}
	add := func(trace pcommon.TraceID, id pcommon.SpanID, kind string) {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, `{"traceId":"`+traceHex(trace)+`","spanId":"`+spanHex(id)+`","refType":"`+kind+`"}`...)
	}
	if !span.ParentSpanID().IsEmpty() {
		add(span.TraceID(), span.ParentSpanID(), "CHILD_OF")
	}
	for _, l := range span.Links().All() {
		add(l.TraceID(), l.SpanID(), "FOLLOWS_FROM")
	}
	return string(append(text, ']'))
}

func jsonObject(text []byte, pairs Pairs[string]) []byte {
	text = append(text, '{')
	for _, p := range pairs {
		text = jsonString(jsonKey(text, p.Key), p.Value)
	}
	return append(text, '}')
}

func jsonKey(text []byte, key string) []byte {
	if text[len(text)-1] != '{' {
		text = append(text, ',')
	}
	return append(jsonString(text, key), ':')
}

// jsonString appends s in quotes. What needs no escape is copied as it is;
// the rest goes through encoding/json, which also mends invalid UTF-8.
func jsonString(text []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always has a JSON form
			}
			return append(text, quoted...)
		}
	}
	return append(append(append(text, '"'), s...), '"')
}

// jsonNumber appends f, and as a text where JSON has no such number.
func jsonNumber(text []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(text, '"'), f, 'g', -1, 64), '"')
	}
	return strconv.AppendFloat(text, f, 'g', -1, 64)
}
