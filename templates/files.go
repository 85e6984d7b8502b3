package templates

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// File is a built-in template.
type File struct {
	Name  string
	About string // a sentence or two: what it is for, and what it is executed with
	Text  string
}

var firstComment = regexp.MustCompile(`(?s)/\*\s*(.*?)\s*\*/`)

// Files lists the built-in templates by name. Each begins with a comment that
// says what it is for.
func Files() []File {
	built := builtIn()
	list := make([]File, 0, len(built))
	for _, name := range slices.Sorted(maps.Keys(built)) {
		f := File{Name: name, Text: built[name]}
		if m := firstComment.FindStringSubmatch(f.Text); m != nil {
			f.About = strings.Join(strings.Fields(m[1]), " ")
		}
		if catalogueName.MatchString(name) { // JSON has no comments
			var said struct {
				About string `json:"//"`
			}
			_ = json.Unmarshal([]byte(f.Text), &said) // it was parsed before it was built in
			f.About = said.About
		}
		list = append(list, f)
	}
	return list
}

// Own lists the files that are not the built-in ones.
func (s *Set) Own() []string {
	built := builtIn()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.files)), func(name string) bool { return s.files[name] == built[name] })
}
