package hostiletest

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// What is tried has to be in every string that there is, or it proves nothing.
func TestEveryStringHasTheWord(t *testing.T) {
	const word = "h0stile"
	c, b := Make(word)
	n := 0
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			n++
			if v.Type() == reflect.TypeFor[string]() && !strings.HasPrefix(v.String(), word) {
				t.Errorf("%s holds %q", path, v)
			}
		case reflect.Pointer:
			if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
				look(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				look(path, k)
				look(path, v.MapIndex(k))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					look(path+"."+f.Name, v.Field(i))
				}
			}
		}
	}
	look("config", reflect.ValueOf(*c))
	look("board", reflect.ValueOf(b))
	if n < 200 {
		t.Errorf("only %d strings were looked at", n)
	}
}
