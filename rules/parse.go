package rules

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// File is one file's name, as mistakes should call it, and what it holds.
type File struct {
	Name string
	Body []byte
}

// Parse reads the files of one configuration, the service's own first. The
// configuration is nil if there are mistakes; the error then joins an *Error
// for each, in the order of files and places (see Mistakes).
//
// Where no file has a rule or names a pack, the starter pack applies.
func Parse(files []File) (*Config, error) {
	d := newDraft()
	for i, f := range files {
		d.read(f, i == 0)
	}
	return d.finish()
}

// Default is the configuration of somebody who wrote none: all that is missing
// is the address of ClickHouse.
func Default() *Config {
	c, err := Parse(nil)
	if err != nil {
		panic(err) // the starter rules are part of the program, and tested
	}
	return c
}

// Mistakes takes apart the error that Parse or Load gave. What is no mistake in
// a file (a file that cannot be read) is not among them.
func Mistakes(err error) []*Error {
	if e, ok := err.(*Error); ok {
		return []*Error{e}
	}
	var all []*Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, Mistakes(e)...)
		}
	}
	return all
}

// draft is a configuration that is being read.
type draft struct {
	cfg      Config
	files    []string
	mistakes []*Error
	checks   []func() // what can only be said once everything is read

	hasRules    bool
	titled      bool
	unread      bool // something that has a name could not be read: who names it is not at fault
	rulesUnread bool // that was a rule
	noPeople    bool // that was a person
	noPage      bool // that was the page's address
	pack        bool // what is read is a pack: what it lacks is no mistake

	zone *time.Location // of times without one
	lag  value          // where it is written

	defaults value        // those of the service's own file, which hold for all
	own      ruleDefaults // those that hold in the file that is being read

	packs     []string          // that are asked for
	packRules map[string]string // rule → pack that it is from
	builtIn   map[string]bool   // components that are from packs
	leftOut   map[string]string // rule of a pack → why it does not apply

	waiting  map[string]bool     // rule → some level of it is to be confirmed
	circular map[string][]string // component → how it depends on itself

	ruleNames, componentNames []string // sorted, once everything is read

	rules      map[string]Pos
	components map[string]Pos
	probes     map[string]Pos
	regions    map[string]Pos // codes and aliases
	checklists map[string]Pos
	severities map[Severity]Pos
}

func newDraft() *draft {
	return &draft{
		cfg:        defaults(),
		zone:       time.UTC,
		packRules:  map[string]string{},
		builtIn:    map[string]bool{},
		leftOut:    map[string]string{},
		rules:      map[string]Pos{},
		components: map[string]Pos{},
		probes:     map[string]Pos{},
		regions:    map[string]Pos{},
		checklists: map[string]Pos{},
		severities: map[Severity]Pos{},
	}
}

// defaults are the values that hold where nobody says otherwise. Those that
// depend on others (the page's title, its folder, the clocks of business) are filled in by finish.
func defaults() Config {
	return Config{
		Organisation: "Service",
		SigNoz: SigNoz{
			Region:    []string{"cloud.region", "aws.region"},
			Lag:       time.Minute,
			Settle:    3 * time.Minute,
			MaxSeries: 2000,
		},
		Page:         Page{Language: "en", Weights: [5]float64{1, 0.3}},
		Store:        Store{Path: "tocsin.db"},
		Listen:       Listen{Public: ":8080", Private: "127.0.0.1:8081"},
		CatchUp:      6 * time.Hour,
		ReopenWithin: 30 * time.Minute,
		Policies:     DefaultPolicies(),
	}
}

// mainKeys stand in the service's own file only; sharedKeys in any.
var (
	mainKeys   = []string{"organisation", "include", "sources", "channels", "page", "store", "listen", "catch_up", "reopen_within", "zone", "business", "people", "console", "packs", "templates"}
	sharedKeys = []string{"severities", "regions", "components", "services", "probes", "maintenance", "silences", "defaults", "rules", "checklists", "tests"}
	topHints   = func() map[string]string {
		hints := notYet("aliases", "subscribers")
		hints["business_hours"] = `is called business: business: {days: [mon, tue, wed, thu, fri], from: "09:00", to: "18:00"}`
		return hints
	}()
)

func (d *draft) read(f File, main bool) {
	before := len(d.mistakes)
	s := d.source(f)
	root, ok := s.syntax(f.Body)
	if !ok {
		d.unread = d.unread || len(d.mistakes) > before
		return
	}
	sh := shape{example: "organisation: FeatureSignals", keys: slices.Concat(mainKeys, sharedKeys), hints: topHints}
	if !main {
		sh.example, sh.keys, sh.hints = "rules: […]", sharedKeys, map[string]string{}
		for _, k := range mainKeys {
			sh.hints[k] = "belongs into the service's own file: move it to " + d.files[0]
		}
		maps.Copy(sh.hints, topHints)
	}
	o, ok := value{src: s, name: "the file", node: root}.object(sh)
	if !ok {
		return
	}
	d.readService(o)
	d.readSeverities(o.get("severities"))
	d.readRegions(o.get("regions"))
	d.readComponents(o.get("components"))
	d.readServices(o.get("services"))
	d.readFileDefaults(o.get("defaults"), main)
	d.readProbes(o.get("probes"))
	d.readMaintenance(o.get("maintenance"))
	d.readSilences(o.get("silences"))
	d.readRules(o.get("rules"))
	d.readChecklists(o.get("checklists"))
	d.readTests(o.get("tests"))
}

func (d *draft) source(f File) *source {
	d.files = append(d.files, f.Name)
	return &source{draft: d, name: f.Name, anchors: map[string]ast.Node{}}
}

// finish fills in what depends on other values, makes the checks that need all
// of them, and gives the result.
func (d *draft) finish() (*Config, error) {
	d.addPacks()
	d.fillChannels()
	d.cfg.Zone, d.cfg.Files = d.zone, d.files
	if d.cfg.Business.Zone == nil {
		d.cfg.Business = DefaultCalendar(d.zone)
	}
	if !d.titled {
		d.cfg.Page.Title = d.cfg.Organisation + " status"
	}
	for _, check := range d.checks {
		check()
	}
	if len(d.mistakes) > 0 {
		return nil, d.joined()
	}
	return &d.cfg, nil
}

// fillChannels adds the page that exists by default, and gives pages without a
// folder one beside the store.
func (d *draft) fillChannels() {
	if !slices.ContainsFunc(d.cfg.Channels, func(c Channel) bool { return c.Name == "status" }) {
		d.cfg.Channels = slices.Insert(d.cfg.Channels, 0, Channel{Name: "status", Type: "page"})
	}
	for i := range d.cfg.Channels {
		c := &d.cfg.Channels[i]
		if c.Type != "page" || c.Folder != "" {
			continue
		}
		name := c.Name
		if name == "status" {
			name = "page"
		}
		c.Folder = filepath.Join(filepath.Dir(d.cfg.Store.Path), name)
	}
}

// joined sorts the mistakes by place and drops those that an alias repeats.
func (d *draft) joined() error {
	order := map[string]int{}
	for i, name := range d.files {
		if _, known := order[name]; !known {
			order[name] = i
		}
	}
	slices.SortStableFunc(d.mistakes, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			strings.Compare(a.Msg, b.Msg),
		)
	})
	d.mistakes = slices.CompactFunc(d.mistakes, func(a, b *Error) bool { return *a == *b })
	errs := make([]error, len(d.mistakes))
	for i, m := range d.mistakes {
		errs[i] = m
	}
	return errors.Join(errs...)
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// id reads a name that programs use: in addresses, keys and file names.
func (v value) id(example string) (string, bool) {
	s, ok := v.scalar(example)
	if !ok {
		return "", false
	}
	if !idPattern.MatchString(s) {
		v.mistake("want small letters, digits and hyphens, at most 64, as in %s; found %q", example, shorten(s))
		return "", false
	}
	return s, true
}

// once notes that a name is taken, or reports where it was taken first.
func (v value) once(taken map[string]Pos, name string) bool {
	if at, twice := taken[name]; twice {
		v.mistake("%q is used twice: first at %s; give one another name", name, at)
		return false
	}
	taken[name] = v.pos()
	return true
}

// sortedNames sorts names, the first time that they are asked for.
func sortedNames(names *[]string, of map[string]Pos) []string {
	if *names == nil {
		*names = slices.Sorted(maps.Keys(of))
	}
	return *names
}

// need reports a key that must be given.
func (o object) need(key, example string) value {
	v := o.get(key)
	if !v.given() {
		o.mistake("%s is missing: add %s", key, example)
	}
	return v
}
