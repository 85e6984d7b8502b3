package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/cmd/tocsin/plot"
	"github.com/featuresignals/tocsin/rules"
)

// How much of what may be long is printed; JSON has all of it.
const (
	mostPrinted     = 60 // differences from the record
	mostPostsInText = 12 // posts of one incident
	width           = 100

	item = "  " // indents a line that begins with a mark
)

// Text writes the report for a terminal: what one reads at a glance, then each
// incident in a paragraph.
func (r *Report) Text(w io.Writer) error {
	t := &text{Report: r, cal: calendar{r.zone}}
	t.head()
	t.summary()
	t.against()
	t.record()
	t.table()
	for _, i := range r.Incidents {
		t.incident(i)
	}
	t.quiet()
	t.rules()
	t.notes()
	_, err := io.WriteString(w, t.out.String())
	return err
}

type text struct {
	*Report
	cal calendar
	out strings.Builder
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

// say writes sentences, broken into lines; those after the first hang.
func (t *text) say(indent, format string, args ...any) {
	column, hang := 0, indent
	if indent == item {
		hang += item
	}
	for i, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			t.out.WriteString(indent)
			column = len(indent)
		case column+1+n > width:
			t.out.WriteString("\n" + hang)
			column = len(hang)
		default:
			t.out.WriteByte(' ')
			column++
		}
		t.out.WriteString(word)
		column += n
	}
	t.out.WriteByte('\n')
}

// columns writes a table; cells are separated by tabs.
func (t *text) columns(rows []string) {
	tw := tabwriter.NewWriter(&t.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tw, row)
	}
	_ = tw.Flush() // into memory
}

func (t *text) head() {
	t.line("What %s would have said", t.Config)
	t.line("%s – %s (%s), %s", t.cal.full(t.From), t.cal.full(t.To), t.Zone, plot.Lasting(t.To.Sub(t.From)))
	t.line("")
}

func (t *text) summary() {
	s, was := t.Summary, (*Summary)(nil)
	if t.Against != nil {
		was = &t.Against.Summary
		t.say("", "Numbers in brackets are those of %s.", t.Against.Config)
		t.line("")
	}
	// count writes one of the numbers, and the other side's where it is another.
	count := func(of func(*Summary) int) string {
		n := plot.Thousands(of(&s))
		if was != nil && of(was) != of(&s) {
			n += " (" + plot.Thousands(of(was)) + ")"
		}
		return n
	}
	rows := []string{"severity\tincidents\tminutes"}
	for n, c := range s.Severities {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s", c.Severity,
			count(func(s *Summary) int { return s.Severities[n].Incidents }), count(func(s *Summary) int { return s.Severities[n].Minutes })))
	}
	rows = append(rows, fmt.Sprintf("all\t%s\t%s", count(func(s *Summary) int { return s.Incidents }), count(func(s *Summary) int { return s.Minutes })))
	t.columns(rows)
	t.line("")
	var posts []string
	for _, c := range s.Channels {
		posts = append(posts, c.Channel+" "+count(func(s *Summary) int { return s.posts(c.Channel) }))
	}
	wakings := count(func(s *Summary) int { return len(s.Nights.Wakings) })
	t.columns([]string{
		"posts\t" + cmp.Or(strings.Join(posts, ", "), "no channel is configured"),
		fmt.Sprintf("nights\t%s of %d woken, wakings: %s (a P0 or P1 was opened, or rose to one, between 22:00 and 07:00)",
			count(func(s *Summary) int { return s.Nights.Woken }), s.Nights.All, wakings),
		"promises\t" + count(func(s *Summary) int { return s.Missed }) + " missed",
	})
}

// posts is how many a channel would have brought; 0 if there is none like it.
func (s Summary) posts(channel string) int {
	for _, c := range s.Channels {
		if c.Channel == channel {
			return c.Posts
		}
	}
	return 0
}

func (t *text) against() {
	a := t.Against
	if a == nil {
		return
	}
	t.line("")
	t.line("AGAINST %s", a.Config)
	t.say("", "%s", a.sentence())
	if len(a.Changes) > 0 {
		t.line("")
		for _, c := range a.Changes {
			t.say(item, "%s", t.change(c))
		}
	}
	if len(a.RuleDiff) > 0 || len(a.Settings) > 0 {
		t.line("")
		t.line("Rules and settings that differ (- %s, + %s):", a.Config, t.Config)
		for _, c := range a.RuleDiff {
			t.line("  rule %s, %s", c.Rule, c.Kind)
			for _, f := range c.Fields {
				t.field("    ", f)
			}
		}
		for _, f := range a.Settings {
			t.field("  ", f)
		}
	}
}

func (t *text) field(indent string, f Field) {
	if f.Was != "" {
		t.line("%s- %s: %s", indent, f.What, f.Was)
	}
	if f.Is != "" {
		t.line("%s+ %s: %s", indent, f.What, f.Is)
	}
}

// sentence sums up what differs.
func (a *Against) sentence() string {
	n := map[string]int{}
	for _, c := range a.Changes {
		n[c.Kind]++
	}
	if len(a.Changes) == 0 {
		return plot.Plural(a.Same, "incident is the same, and there is", "incidents are the same, and there are") + " no other."
	}
	verb := func(n int, one, many string) string { return plot.Plural(n, "incident "+one, "incidents "+many) }
	return fmt.Sprintf("%s, %s, %s, %s.", verb(n[Appears], "appears", "appear"), verb(n[Vanishes], "vanishes", "vanish"),
		verb(n[Changes], "changes", "change"), verb(a.Same, "is the same", "are the same"))
}

// change says what became of one incident.
func (t *text) change(c Change) string {
	switch c.Kind {
	case Appears:
		i, _ := t.find(c.ID)
		return fmt.Sprintf("+ %s %s", t.short(i), t.beside(c, t.Against.Config))
	case Vanishes:
		i, _ := t.Against.find(c.Other)
		return fmt.Sprintf("- %s %s", t.short(i), t.beside(c, t.Config))
	}
	i, _ := t.find(c.ID)
	var parts []string
	for _, f := range c.Fields {
		was, is := t.cal.change(f, i.Began)
		parts = append(parts, f.What+" "+was+" → "+is)
	}
	return fmt.Sprintf("~ %s; %s", t.short(i), strings.Join(parts, ", "))
}

// change writes both sides of a field for people; days are left out where they
// are that of ref.
func (c calendar) change(f Field, ref time.Time) (was, is string) {
	return c.value(f.What, f.Was, ref), c.value(f.What, f.Is, ref)
}

func (c calendar) value(what, v string, ref time.Time) string {
	switch what {
	case "began", "detected", "ended":
		at, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return "still open"
		}
		return c.since(ref, at)
	case "course":
		var parts []string
		for p := range strings.SplitSeq(v, ", ") {
			sev, at, _ := strings.Cut(p, " ")
			if when, err := time.Parse(time.RFC3339, at); err == nil && sev != rules.SeverityNone.String() {
				parts = append(parts, sev+" from "+c.since(ref, when))
			}
		}
		return strings.Join(parts, ", ")
	}
	return cmp.Or(v, "none")
}

func (t *text) beside(c Change, config string) string {
	if c.Beside == "" {
		return ""
	}
	return fmt.Sprintf("(part of what is %s with %s)", c.Beside, config)
}

// short names an incident on half a line.
func (t *text) short(i Incident) string {
	return fmt.Sprintf("%s %s %s, %s", i.ID, i.Peak, i.Component, when(i, t.cal))
}

func (t *text) record() {
	r := t.Record
	if r == nil {
		return
	}
	t.line("")
	t.line("AGAINST WHAT WAS JUDGED LIVE")
	for _, s := range r.sentences(t.cal) {
		t.say("", "%s", s)
	}
	if len(r.Differences) == 0 {
		return
	}
	rows := []string{"", "minutes\trule\tseries\tlive\treplay"}
	for n, d := range r.Differences {
		if n == mostPrinted {
			rows = append(rows, fmt.Sprintf("… and %s more: --format json has them", plot.Thousands(len(r.Differences)-n)))
			break
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s", t.cal.stretch(d.From, d.To), d.Rule, series(d.Service, d.Region), d.Live.words(), d.Replay.words()))
	}
	t.columns(rows)
}

// sentences says how far the replay and the record agree.
func (r *Record) sentences(cal calendar) []string {
	var out []string
	switch {
	case r.Compared == 0:
		out = append(out, "Nothing could be compared: no minute of this time was judged live.")
	case r.Differ == 0:
		out = append(out, fmt.Sprintf("All of %s verdicts of %s are the same.", plot.Thousands(r.Compared), cal.stretch(r.From, r.To)))
	default:
		out = append(out, fmt.Sprintf("Of %s verdicts of %s (one for each minute, rule and series) %s otherwise than live. Where rules and settings "+
			"are those that were in force then, spans that came late are the reason.",
			plot.Thousands(r.Compared), cal.stretch(r.From, r.To), plot.Plural(r.Differ, "is", "are")))
	}
	if len(r.Unrecorded) > 0 {
		out = append(out, "Not compared, since the record does not know them: "+plot.Enumerate(r.Unrecorded)+".")
	}
	if len(r.Gone) > 0 {
		out = append(out, "Not compared, since this configuration does not know them: "+plot.Enumerate(r.Gone)+".")
	}
	return out
}

// words sums a verdict up.
func (v Verdict) words() string {
	if v.At.IsZero() {
		return "not judged"
	}
	s := v.Now
	if v.Held != rules.SeverityNone {
		s += ", " + v.Held.String() + " held"
	}
	if v.Requests > 0 && v.Value != nil {
		s += " (" + v.Unit.Spell(*v.Value)
		if v.Unit == plot.Ratio || v.Unit == plot.Nanos {
			s += fmt.Sprintf(", %s of %s", plot.Thousands(int(v.Errors)), plot.Thousands(int(v.Requests)))
		}
		s += ")"
	}
	return s
}

// series names a service and region. Both come from spans: what a terminal would
// take for an order is spelled out.
func series(service, region string) string {
	service, region = printable(service), printable(region)
	switch {
	case region == "":
		return cmp.Or(service, "all")
	case service == "":
		return "all in " + region
	}
	return service + " in " + region
}

func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// places lists regions.
func places(regions []string) []string {
	out := make([]string, len(regions))
	for n, r := range regions {
		out[n] = cmp.Or(printable(r), `""`)
	}
	return out
}

func (t *text) table() {
	t.line("")
	if len(t.Incidents) == 0 {
		t.line("There would have been no incident.")
		return
	}
	rows := []string{"incident\tbegan\tdetected\tended\tlasted\tpeak\tcomponent\tregions\tposts\tby"}
	for _, i := range t.Incidents {
		ended := "open"
		if !i.Ended.IsZero() {
			ended = t.cal.since(i.Began, i.Ended)
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s", i.ID, t.cal.moment(i.Began), t.cal.since(i.Began, i.Detected),
			ended, plot.Lasting(i.lasted(t.To)), i.Peak, i.Component, strings.Join(places(i.Regions), " "), len(i.Posts), strings.Join(i.ruleIDs(), " ")))
	}
	t.columns(rows)
}

// incident tells one in a paragraph.
func (t *text) incident(i Incident) {
	t.line("")
	t.line("%s  %s  %s in %s", i.ID, i.Peak, i.Name, plot.Enumerate(i.Places()))
	for _, s := range i.story(t.cal, t.To) {
		t.say("    ", "%s", s)
	}
	if len(i.Posts) == 0 {
		return
	}
	shown := i.Posts
	if len(shown) > mostPostsInText {
		shown = shown[:mostPostsInText]
	}
	t.line("    %s:", plot.Plural(len(i.Posts), "post", "posts"))
	for _, p := range shown {
		t.line("      %s  %s %s", t.cal.since(i.Began, p.Said), p.Severity, p.Title)
	}
	if n := len(i.Posts) - len(shown); n > 0 {
		t.line("      … and %d more", n)
	}
}

// story is what happened, in sentences.
func (i Incident) story(cal calendar, to time.Time) []string {
	first := fmt.Sprintf("It began on %s, was detected %s later", cal.moment(i.Began), plot.Lasting(i.Detected.Sub(i.Began)))
	if i.Ended.IsZero() {
		first += fmt.Sprintf(" and was still open at the end, after %s.", plot.Lasting(i.lasted(to)))
	} else {
		first += fmt.Sprintf(" and ended at %s, after %s.", cal.since(i.Began, i.Ended), plot.Lasting(i.lasted(to)))
	}
	if i.UnderWay {
		first += " It was under way when the replay begins: it may have begun earlier."
	}
	out := []string{first}
	if !i.Internal.IsZero() {
		out = append(out, fmt.Sprintf("It had been known inside since %s, and concerned no customer until then.", cal.since(i.Began, i.Internal)))
	}
	if i.Explained != "" {
		out = append(out, fmt.Sprintf("%s, of a component that it depends on, explains it.", i.Explained))
	}
	var steps []string
	for _, s := range i.Severities {
		if s.Severity == rules.SeverityNone {
			continue
		}
		steps = append(steps, s.Severity.String()+" from "+cal.since(i.Began, s.At))
	}
	if len(steps) > 1 {
		out = append(out, "Severity: "+plot.Enumerate(steps)+".")
	}
	for _, at := range i.Reopened {
		out = append(out, fmt.Sprintf("It had been resolved, and was reopened at %s.", cal.since(i.Began, at)))
	}
	var causes []string
	for _, c := range i.Causes {
		causes = append(causes, fmt.Sprintf("%s (%s, %s)", c.Rule, series(c.Service, c.Region), c.Peak))
	}
	const most = 8
	if n := len(causes) - most; n > 0 {
		causes = append(causes[:most], fmt.Sprintf("%d more", n))
	}
	out = append(out, "Caused by "+plot.Enumerate(causes)+".")
	times := func(list []time.Time) string {
		var out []string
		for _, at := range list {
			out = append(out, cal.since(i.Began, at))
		}
		return plot.Enumerate(out)
	}
	if len(i.Wakings) > 0 {
		out = append(out, "It would have woken people at "+times(i.Wakings)+".")
	}
	if len(i.Missed) > 0 {
		out = append(out, "Promises missed: the updates due at "+times(i.Missed)+".")
	}
	return out
}

func (t *text) quiet() {
	if len(t.Quiet) == 0 {
		return
	}
	t.line("")
	t.line("KEPT QUIET by maintenance and silences:")
	rows := []string{}
	for n, q := range t.Quiet {
		if n == mostPrinted {
			rows = append(rows, fmt.Sprintf("… and %s more: --format json has them", plot.Thousands(len(t.Quiet)-n)))
			break
		}
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t%s\t%s", t.cal.moment(q.At), q.Severity, q.Rule, series(q.Service, q.Region), q.Plan))
	}
	t.columns(rows)
}

func (t *text) rules() {
	t.line("")
	rows := []string{"rule\tsignal\tcomponent\tseries\tminutes judged\tbad\tunsure\tincidents\tpeak"}
	for _, u := range t.Rules {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s", u.Rule, u.Signal, u.Component, u.Series,
			plot.Thousands(u.Judged), plot.Thousands(u.Bad), plot.Thousands(u.Unsure), u.Incidents, u.Peak))
	}
	t.columns(rows)
}

func (t *text) notes() {
	for _, n := range t.Notes {
		t.line("")
		t.say("", "Note: %s", n)
	}
}
