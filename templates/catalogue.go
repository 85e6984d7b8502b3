package templates

import (
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// catalogue is the words of the pages in one language: all that is on them
// besides names, numbers, and what people wrote. Its file is strings.LANG.json.
type catalogue struct {
	lang    string
	texts   map[string]saying
	missing []string // keys that English lends
	file    string
	text    *catalogue // of the sentences in words.txt: this one where those are one's own; nil: English
}

// saying is one text, or one for each form of a number: "one", "few", "other".
type saying map[string]string

// DefaultLanguage is the one that there are all words of.
const DefaultLanguage = "en"

var (
	catalogueName = regexp.MustCompile(`^strings\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})\.json$`)
	placeholder   = regexp.MustCompile(`\{[^{}]*\}`)
	numbered      = regexp.MustCompile(`^\{[0-9]\}$`)
	about         = "//" // the key of a comment
)

// english is the built-in catalogue, which is never without a text.
var english = func() *catalogue {
	name := "strings.en.json"
	b, err := embedded.ReadFile("files/" + name)
	if err != nil {
		panic(err) // the program was built without it
	}
	texts, err := parseCatalogue(name, string(b), nil)
	if err != nil {
		panic(err)
	}
	return &catalogue{lang: DefaultLanguage, texts: texts, file: name}
}()

// catalogues reads every file of words. What a language lacks English lends.
func catalogues(files map[string]string) (map[string]*catalogue, error) {
	all := map[string]*catalogue{DefaultLanguage: english}
	var wrong Mistakes
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m := catalogueName.FindStringSubmatch(name)
		if m == nil || m[1] == DefaultLanguage && files[name] == builtIn()[name] {
			continue
		}
		texts, err := parseCatalogue(name, files[name], english.texts)
		if err != nil {
			wrong = wrong.with(name, err)
			continue
		}
		all[m[1]] = &catalogue{lang: m[1], texts: texts, file: name}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	own := files["words.txt"] != builtIn()["words.txt"]
	for _, c := range all {
		if c == english {
			continue
		}
		if own {
			c.text = c
		}
		for _, key := range slices.Sorted(maps.Keys(english.texts)) {
			if c.texts[key] == nil {
				c.texts[key] = english.texts[key]
				if c.lang != DefaultLanguage {
					c.missing = append(c.missing, key)
				}
			}
		}
	}
	return all, nil
}

// forms of a number, as CLDR names them.
var forms = []string{"zero", "one", "two", "few", "many", "other"}

// form gives the form of a whole number in a language. What is not known here
// counts as English does.
func form(lang string, n int) string {
	base, _, _ := strings.Cut(lang, "-")
	ten, hundred := n%10, n%100
	switch base {
	case "ja", "zh", "ko", "vi", "th", "id", "ms":
		return "other"
	case "fr", "pt", "hi", "fa", "bn":
		if n <= 1 {
			return "one"
		}
	case "ru", "uk", "be", "sr", "hr", "bs":
		switch {
		case ten == 1 && hundred != 11:
			return "one"
		case ten >= 2 && ten <= 4 && (hundred < 12 || hundred > 14):
			return "few"
		default:
			return "many"
		}
	case "pl":
		switch {
		case n == 1:
			return "one"
		case ten >= 2 && ten <= 4 && (hundred < 12 || hundred > 14):
			return "few"
		default:
			return "many"
		}
	case "cs", "sk":
		switch {
		case n == 1:
			return "one"
		case n >= 2 && n <= 4:
			return "few"
		}
	case "ar":
		switch {
		case n == 0:
			return "zero"
		case n == 1:
			return "one"
		case n == 2:
			return "two"
		case hundred >= 3 && hundred <= 10:
			return "few"
		case hundred >= 11:
			return "many"
		}
	default:
		if n == 1 {
			return "one"
		}
	}
	return "other"
}

// pattern gives the text of a key, in the form of the first whole number of args.
func (c *catalogue) pattern(key string, args []any) (string, error) {
	said := c.texts[key]
	if said == nil {
		return "", fmt.Errorf("there is no text of the key %q", key)
	}
	for _, a := range args {
		if n, ok := a.(int); ok {
			if s := said[form(c.lang, n)]; s != "" {
				return s, nil
			}
			break
		}
	}
	return said["other"], nil
}

// say gives a text with its values. A key that is not there is a mistake in the
// program, not in a file: files are looked through when they are read.
func (c *catalogue) say(key string, args ...any) string {
	s, err := c.fill(key, args, func(s string) string { return s })
	if err != nil {
		panic(err)
	}
	return s
}

// word gives the text of one of a list of words, and the word itself where it is
// none of the list.
func (c *catalogue) word(list, word string) string {
	if c.texts[list+"."+word] == nil {
		return word
	}
	return c.say(list + "." + word)
}

// html gives a text with its values as HTML: those that are HTML stay, all else
// is escaped.
func (c *catalogue) html(key string, args ...any) (any, error) {
	if !slices.ContainsFunc(args, func(a any) bool { _, ok := a.(template.HTML); return ok }) {
		return c.fill(key, args, func(s string) string { return s })
	}
	s, err := c.fill(key, args, template.HTMLEscapeString)
	return template.HTML(s), err
}

func (c *catalogue) fill(key string, args []any, escape func(string) string) (string, error) {
	pattern, err := c.pattern(key, args)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		return escape(pattern), nil
	}
	var b strings.Builder
	rest := pattern
	for { // every brace is of a placeholder of one digit: wellSaid saw to it
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(escape(before))
		if !found {
			return b.String(), nil
		}
		hole, after, _ := strings.Cut(after, "}")
		rest = after
		n, err := strconv.Atoi(hole)
		if err != nil || n < 0 || n >= len(args) {
			return "", fmt.Errorf("the text of %q wants a value for {%s}", key, hole)
		}
		switch a := args[n].(type) {
		case template.HTML:
			b.WriteString(string(a))
		case int:
			b.WriteString(c.number(a))
		default:
			b.WriteString(escape(fmt.Sprint(a)))
		}
	}
}

// number gives a whole number with its thousands parted.
func (c *catalogue) number(n int) string {
	s := strconv.Itoa(n)
	part := c.texts["number.thousands"]["other"]
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + part + s[at:]
	}
	return s
}

// decimal gives a number with its decimal sign.
func (c *catalogue) decimal(x float64, digits int) string {
	return strings.Replace(strconv.FormatFloat(x, 'f', digits, 64), ".", c.texts["number.decimal"]["other"], 1)
}

// clock gives "14:02 UTC"; "" for the zero time, as the others do.
func (c *catalogue) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return c.say("time.clock", t.UTC().Format("15:04"))
}

// day gives "20 May 2026".
func (c *catalogue) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return c.say("time.day", strconv.Itoa(t.Day()), c.say("month."+strconv.Itoa(int(t.Month()))), strconv.Itoa(t.Year()))
}

// month gives "May 2026".
func (c *catalogue) month(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return c.say("time.month", c.say("month."+strconv.Itoa(int(t.Month()))), strconv.Itoa(t.Year()))
}

// moment gives the time of day, and the day too where that is not the day of
// ref: "14:02 UTC", "14:02 UTC on 19 May 2026".
func (c *catalogue) moment(ref, t time.Time) string {
	if t.IsZero() || sameDay(ref, t) {
		return c.clock(t)
	}
	return c.say("time.on", c.clock(t), c.day(t))
}

// duration gives a length of time in words: "30 minutes", "1 hour 30 minutes",
// "2 days 3 hours". Below a minute it counts seconds.
func (c *catalogue) duration(d time.Duration) string {
	if d <= 0 {
		return c.say("time.minutes", 0)
	}
	if d < time.Minute {
		return c.say("time.seconds", max(1, int(d/time.Second)))
	}
	minutes := int(d / time.Minute)
	if minutes >= 24*60 {
		minutes -= minutes % 60 // beside days, minutes only distract
	}
	var said []string
	for _, u := range []struct {
		n   int
		key string
	}{{minutes / (24 * 60), "time.days"}, {minutes / 60 % 24, "time.hours"}, {minutes % 60, "time.minutes"}} {
		if u.n > 0 {
			said = append(said, c.say(u.key, u.n))
		}
	}
	return strings.Join(said, " ")
}

// every gives an interval to follow the word "every".
func (c *catalogue) every(d time.Duration) string {
	said := c.duration(d)
	if one, ok := strings.CutPrefix(said, "1 "); ok && !strings.Contains(one, " ") && c.lang == DefaultLanguage {
		return one
	}
	return said
}

// enumerate gives a list in words: "Europe", "Europe and India", "Europe, India
// and United States".
func (c *catalogue) enumerate(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return c.say("list.and", strings.Join(list[:len(list)-1], ", "), list[len(list)-1])
}

// Warning is what is no mistake in a template, and yet hardly meant.
type Warning struct {
	File string
	Msg  string
}

// Warnings tells what of a language is not there: pages show it in English.
func (s *Set) Warnings(lang string) []Warning {
	if s.inUTC != nil {
		s = s.inUTC
	}
	if lang == "" || lang == DefaultLanguage {
		return nil
	}
	c := s.catalogues[lang]
	if c == nil {
		return []Warning{{"strings." + Line(20, lang) + ".json", "there is no such file in the folder of templates, so the pages are in English: name a folder in the key templates, copy strings.en.json to that name in it and translate it, or leave the language out"}}
	}
	var all []Warning
	if n := len(c.missing); n > 0 {
		some := strings.Join(c.missing[:min(n, 8)], " ")
		if n > 8 {
			some += " …"
		}
		all = append(all, Warning{c.file, fmt.Sprintf("%s not there, and shown in English: %s", count(n, "text is", "texts are"), some)})
	}
	if s.files["words.txt"] == builtIn()["words.txt"] {
		all = append(all, Warning{c.file, "the sentences of updates are in words.txt and still English: copy it into the folder of templates, and translate it too"})
	}
	return all
}
