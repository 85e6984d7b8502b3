package rules

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// The values of a file with every key, to be read by whoever changes how a key
// is read.
func TestEveryKeyIsRead(t *testing.T) {
	body, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse([]File{{Name: "full.yaml", Body: body}})
	if err != nil {
		t.Fatal(err)
	}
	c.Rules = slices.DeleteFunc(c.Rules, func(r Rule) bool { return r.Pos.File != "full.yaml" }) // the packs have tests of their own
	c.Components = slices.DeleteFunc(c.Components, func(c Component) bool { return c.Pos.File != "full.yaml" })
	c.Checklists = slices.DeleteFunc(c.Checklists, func(l Checklist) bool { return l.Pos.File != "full.yaml" })
	var b strings.Builder
	dump(&b, reflect.ValueOf(*c), "")
	asGolden(t, "testdata/full.golden", b.String())
}

// dump writes what is set in a value, a line each.
func dump(b *strings.Builder, v reflect.Value, indent string) {
	switch x := v.Interface().(type) {
	case time.Duration, Pos, Severity, Kind, time.Weekday:
		fmt.Fprintf(b, " %v\n", x)
		return
	case time.Time:
		fmt.Fprintf(b, " %s\n", x.Format(time.RFC3339))
		return
	case Patterns, netip.Prefix:
		fmt.Fprintf(b, " %s\n", x)
		return
	case *time.Location:
		fmt.Fprintf(b, " %s\n", x)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		dump(b, v.Elem(), indent)
	case reflect.Struct:
		b.WriteByte('\n')
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				fmt.Fprintf(b, "%s%s:", indent, v.Type().Field(i).Name)
				dump(b, f, indent+"  ")
			}
		}
	case reflect.Slice:
		b.WriteByte('\n')
		for i := range v.Len() {
			fmt.Fprintf(b, "%s-", indent)
			dump(b, v.Index(i), indent+"  ")
		}
	case reflect.Map:
		b.WriteByte('\n')
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		for _, k := range keys {
			fmt.Fprintf(b, "%s%v:", indent, k)
			dump(b, v.MapIndex(k), indent+"  ")
		}
	case reflect.String:
		fmt.Fprintf(b, " %q\n", v)
	default:
		fmt.Fprintf(b, " %v\n", v)
	}
}
