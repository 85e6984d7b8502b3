package incident

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
)

// Act says which events an action calls for on b, and which incident it is
// about. An error is a *Refusal, and nothing is to be done. What an action asks
// for and is so already adds nothing.
func (b Board) Act(in Input, a Action, at time.Time) ([]Event, ID, error) {
	d := decision{board: b, in: in, at: at, by: a.By}
	if a.By.Person() == "" {
		return nil, "", refuse(Senseless, "it is not said who acts")
	}
	if n := utf8.RuneCountInString(a.Why); n > MostWhy {
		return nil, "", refuse(Senseless, "the reason has %d characters, %d fit: put the rest into a note", n, MostWhy)
	}
	if a.Do == Declare {
		id, err := d.declare(a)
		if err != nil {
			return nil, "", err
		}
		return d.decided(), id, nil
	}
	inc, ok := b.Find(a.Incident)
	if !ok {
		return nil, "", refuse(Unknown, "there is no incident %q: `tocsin incident list` has those there are", a.Incident)
	}
	do, ok := verbs[a.Do]
	if !ok {
		return nil, "", refuse(Senseless, "unknown action %q", a.Do)
	}
	if inc.State == StateResolved && !slices.Contains(onPast, a.Do) {
		if inc.Into != "" {
			return nil, "", refuse(NotNow, "%s goes on as %s: act on that", inc.ID, inc.Into)
		}
		return nil, "", refuse(NotNow, "%s is resolved: what is left is to note, to link and to do its tasks; declare another if it goes on", inc.ID)
	}
	before := d.board
	if err := do(&d, inc, a); err != nil {
		return nil, "", err
	}
	d.follow(inc.ID, before)
	return d.decided(), inc.ID, nil
}

// onPast lists what can still be done with an incident that is over.
var onPast = []Verb{Write, Relate, Assign, AddTask, AddList, Tick, Untick}

var verbs = map[Verb]func(*decision, Incident, Action) error{
	Acknowledge: (*decision).acknowledge,
	Say:         (*decision).sayWords,
	Write:       (*decision).note,
	SetSeverity: (*decision).setSeverity,
	SetState:    (*decision).setState,
	Correct:     (*decision).correct,
	Assess:      (*decision).assess,
	Advise:      (*decision).advise,
	Hold:        (*decision).hold,
	Edit:        (*decision).edit,
	Approve:     (*decision).approve,
	Veto:        (*decision).veto,
	Resolve:     (*decision).resolve,
	Merge:       (*decision).merge,
	Relate:      (*decision).relate,
	Assign:      (*decision).assign,
	AddTask:     (*decision).addTask,
	AddList:     (*decision).addList,
	Tick:        (*decision).tick,
	Untick:      (*decision).untick,
	Disclose:    (*decision).disclose,
}

// Verbs lists all that people can do.
func Verbs() []Verb {
	all := []Verb{Declare}
	for v := range verbs {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// tell makes the event of a person's doing.
func (d *decision) tell(kind Kind, inc Incident, a Action) Event {
	return Event{Kind: kind, Incident: inc.ID, At: d.at, By: a.By, Component: inc.Component, Why: strings.TrimSpace(a.Why)}
}

// follow does what follows from a person's action: customers read what changed
// for them, people are called, tasks come and are ticked.
func (d *decision) follow(id ID, before Board) {
	then := decision{board: before, in: d.in, at: d.at}
	inc := d.find(id)
	was := then.find(id)
	said := len(inc.Updates) > len(was.Updates)
	switch {
	case said:
	case inc.State == StateResolved && was.State != StateResolved && inc.Into == "":
		d.lastWords(inc)
	case inc.State == StateResolved:
	case d.inside(inc):
		d.update(id, true, "")
	case inc.Told() && d.seenBy(inc) != then.seenBy(was):
		d.update(id, true, "")
	case !inc.Told() && d.public(inc) && !inc.Withheld && inc.Draft == nil:
		if d.waits(inc) {
			d.first(inc, true)
		} else if !d.explained(inc) {
			d.update(id, true, "")
		}
	case !inc.Told() && inc.Draft != nil && inc.Severity() > was.Severity():
		d.first(inc, true)
	}
	d.checklists(id)
	d.call(id)
}

// seenBy sums up what customers see of an incident, people's words included.
func (d *decision) seenBy(inc Incident) string {
	return fmt.Sprintf("%s %q %q %s", d.publicly(inc), inc.Integrity, inc.Words, inc.Began)
}

// lastWords tells that an incident is over, to whoever read of it.
func (d *decision) lastWords(inc Incident) {
	switch {
	case inc.Told() || d.inside(inc):
		d.update(inc.ID, true, "")
	case inc.Draft != nil:
		d.withdraws(inc, "it was closed before its first words were due")
	}
}

// words checks a person's words for customers.
func (d *decision) words(what, text string, most int) error {
	if why := rules.Unfit(text, most); why != "" {
		return refuse(Senseless, "%s: %s", what, why)
	}
	if d.in.Fit != nil {
		if err := d.in.Fit(text); err != nil {
			return refuse(Senseless, "%s: %s", what, err)
		}
	}
	return nil
}

// Limits that whoever takes actions from people may want to tell them.
const (
	MostWhy     = 1000 // characters of a reason: each event that it causes keeps it
	MostRegions = 100  // that an incident can be declared in: each becomes an event
)

// How long texts may be.
const (
	mostText    = 2000 // what people write
	mostSymptom = 120
	mostImpact  = 300
)

// fit checks the public words of an action, those that are there.
func (d *decision) fit(a Action) error {
	var errs []error
	for _, w := range []struct {
		what, text string
		most       int
	}{
		{"the words", a.Text, mostText},
		{"the symptom", a.Words.Symptom, mostSymptom},
		{"the impact", a.Words.Impact, mostImpact},
		{"the workaround", a.Words.Workaround, mostImpact},
	} {
		if w.text == "" {
			continue
		}
		if w.what != "the words" && strings.ContainsAny(w.text, "\n\r") {
			errs = append(errs, fmt.Errorf("%s: write one line", w.what))
			continue
		}
		if err := d.words(w.what, w.text, w.most); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return refuse(Senseless, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

func trimmed(w rules.Words) rules.Words {
	t := strings.TrimSpace
	return rules.Words{Symptom: strings.TrimRight(t(w.Symptom), "."), Impact: strings.TrimRight(t(w.Impact), "."), Workaround: strings.TrimRight(t(w.Workaround), ".")}
}

func (d *decision) declare(a Action) (ID, error) {
	a.Words, a.Text = trimmed(a.Words), strings.TrimSpace(a.Text)
	if err := d.fit(a); err != nil {
		return "", err
	}
	if err := d.declarable(a); err != nil {
		return "", err
	}
	began := a.Began.UTC()
	if a.Began.IsZero() {
		began = d.at
	}
	e := Event{
		Kind: Opened, Incident: d.board.next(d.at.UTC().Year()), At: d.at, By: a.By, Component: a.Component, Began: began,
		Private: a.Private, Topic: a.Topic, Words: a.Words, Why: strings.TrimSpace(a.Why),
	}
	d.say(e)
	var regions []string
	for _, r := range a.Regions {
		if !slices.Contains(regions, r) {
			regions = append(regions, r)
		}
	}
	if len(regions) == 0 && !a.Private { // where something private is, is for people to find out
		for _, r := range d.in.Config.Regions {
			regions = append(regions, r.Code)
		}
	}
	if len(regions) == 0 {
		regions = []string{""}
	}
	for _, region := range regions {
		d.say(Event{
			Kind: Raised, Incident: e.Incident, At: d.at, By: a.By, Component: a.Component, Region: region, Severity: a.Severity,
			Began: began, Why: e.Why,
		})
	}
	if a.Integrity != UnderReview {
		d.say(Event{Kind: Assessed, Incident: e.Incident, At: d.at, By: a.By, Component: a.Component, Integrity: a.Integrity})
	}
	if a.Text != "" {
		d.update(e.Incident, true, a.Text)
	}
	d.follow(e.Incident, d.board)
	return e.Incident, nil
}

// declarable says what keeps an incident from being declared.
func (d *decision) declarable(a Action) error {
	known := slices.ContainsFunc(d.in.Config.Components, func(c rules.Component) bool { return c.ID == a.Component })
	var names []string
	for _, c := range d.in.Config.Components {
		names = append(names, c.ID)
	}
	switch {
	case len(a.Regions) > MostRegions:
		return refuse(Senseless, "%d regions are too many to name: leave them out, and it is everywhere", len(a.Regions))
	case a.Severity == rules.SeverityNone:
		return refuse(Senseless, "say how bad it is: P0 … P4; when unsure, the worse")
	case a.Component == "" && !a.Private:
		return refuse(Senseless, "say which component customers see go bad: one of %s", strings.Join(names, " "))
	case a.Component != "" && !known:
		return refuse(Unknown, "unknown component %q: want one of %s", a.Component, strings.Join(names, " "))
	case a.Words.Symptom == "" && a.Topic == "":
		return refuse(Senseless, "say in a few words of customers what goes wrong (symptom)")
	case !a.Private && a.Words.Symptom == "":
		return refuse(Senseless, "customers will read of it: say in a few of their words what goes wrong (symptom)")
	case a.Private && a.Text != "":
		return refuse(Senseless, "a private incident says nothing to customers: leave the words out, or do not make it private")
	case a.Began.After(d.at):
		return refuse(Senseless, "it cannot begin in the future")
	case !a.Began.IsZero() && a.Began.Before(d.at.Add(-farBack)):
		return refuse(Senseless, "it cannot have begun more than 30 days ago")
	case a.Topic != "" && !topic(a.Topic):
		return refuse(Senseless, "a topic is one word of small letters and hyphens, as security")
	case !slices.Contains(Integrities, a.Integrity):
		return refuse(Senseless, "data integrity is one of: under review, not known, not impacted")
	}
	if err := d.regionsKnown(a.Regions); err != nil {
		return err
	}
	if inc, open := d.board.On(a.Component); open && !a.Private && a.Component != "" {
		return refuse(NotNow, "%s is open on %s already: set its severity, or say something about it", inc.ID, a.Component)
	}
	return nil
}

// regionsKnown says which of the regions there is not. Where none is configured,
// any may be.
func (d *decision) regionsKnown(regions []string) error {
	var codes []string
	for _, r := range d.in.Config.Regions {
		codes = append(codes, r.Code)
	}
	for _, region := range regions {
		if len(codes) > 0 && !slices.Contains(codes, region) {
			return refuse(Unknown, "unknown region %q: want one of %s", region, strings.Join(codes, " "))
		}
	}
	return nil
}

// farBack is how long ago something can have begun by a person's word.
const farBack = 30 * 24 * time.Hour

func topic(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' })
}

func (d *decision) acknowledge(inc Incident, a Action) error {
	var until time.Time
	lapse := a.For
	if lapse == 0 {
		lapse = d.in.Config.Policies[inc.Severity()].AckLapse
	}
	switch {
	case lapse < 0 || lapse > 7*24*time.Hour:
		return refuse(Senseless, "an acknowledgement counts for up to seven days")
	case lapse > 0:
		until = d.at.Add(lapse)
	}
	if inc.Ack != nil && inc.Ack.By == a.By && inc.Ack.Until.IsZero() && until.IsZero() {
		return nil
	}
	e := d.tell(Acknowledged, inc, a)
	e.Until = until
	d.say(e)
	return nil
}

// speaking checks that customers may read of the incident at all.
func speaking(inc Incident) error {
	if inc.Private {
		return refuse(NotNow, "%s is private, and customers read nothing of it: disclose it first", inc.ID)
	}
	return nil
}

func (d *decision) sayWords(inc Incident, a Action) error {
	a.Text, a.Words = strings.TrimSpace(a.Text), trimmed(a.Words)
	if err := speaking(inc); err != nil {
		return err
	}
	if a.Text == "" {
		return refuse(Senseless, "say something: the words that customers are to read")
	}
	if err := d.fit(a); err != nil {
		return err
	}
	if a.State != "" {
		if err := d.move(inc, a); err != nil {
			return err
		}
	}
	if a.Words != (rules.Words{}) {
		e := d.tell(Advised, inc, a)
		e.Words = a.Words
		d.say(e)
	}
	d.update(inc.ID, true, a.Text)
	return nil
}

func (d *decision) note(inc Incident, a Action) error {
	text := strings.TrimSpace(a.Text)
	switch {
	case text == "":
		return refuse(Senseless, "write something down")
	case len(text) > 4*mostText:
		return refuse(Senseless, "the note has %d bytes, %d fit: put the rest elsewhere and link it", len(text), 4*mostText)
	}
	e := d.tell(Noted, inc, a)
	e.Text = text
	d.say(e)
	return nil
}

func (d *decision) setSeverity(inc Incident, a Action) error {
	switch {
	case a.Severity == rules.SeverityNone:
		return refuse(Senseless, "say which severity: P0 … P4")
	case strings.TrimSpace(a.Why) == "":
		return refuse(Senseless, "say why: a severity is set with a reason, which the timeline keeps")
	case inc.demanded() == rules.SeverityNone:
		return refuse(NotNow, "everything about %s has recovered, and it is about to be resolved", inc.ID)
	case inc.Grade != nil && inc.Grade.Severity == a.Severity:
		return nil
	}
	e := d.tell(Graded, inc, a)
	e.Severity = a.Severity
	d.say(e)
	return nil
}

func (d *decision) setState(inc Incident, a Action) error {
	if a.State == StateResolved {
		return d.resolve(inc, a)
	}
	if a.Text = strings.TrimSpace(a.Text); a.Text != "" {
		return d.sayWords(inc, a)
	}
	return d.move(inc, a)
}

// move sets the state.
func (d *decision) move(inc Incident, a Action) error {
	if !slices.Contains([]State{Investigating, Identified, Monitoring}, a.State) {
		return refuse(Senseless, "unknown state %q: want investigating, identified or monitoring; to close the incident, resolve it", a.State)
	}
	if inc.State == a.State {
		return nil
	}
	e := d.tell(Moved, inc, a)
	e.State = a.State
	d.say(e)
	return nil
}

func (d *decision) correct(inc Incident, a Action) error {
	switch began := a.Began.UTC(); {
	case a.Began.IsZero():
		return refuse(Senseless, "say when it began")
	case began.Equal(inc.Began):
		return nil
	case began.After(inc.Began):
		return refuse(NotNow, "it began at %s, as is measured or was said: a begin is corrected backwards only", inc.Began.UTC().Format(time.RFC3339))
	case began.Before(inc.Began.Add(-farBack)):
		return refuse(Senseless, "it cannot have begun more than 30 days earlier")
	default:
		e := d.tell(Corrected, inc, a)
		e.Began = began
		d.say(e)
		return nil
	}
}

func (d *decision) assess(inc Incident, a Action) error {
	switch {
	case !slices.Contains(Integrities, a.Integrity):
		return refuse(Senseless, "data integrity is one of: under review, not known, not impacted; found %q", a.Integrity)
	case inc.Integrity == a.Integrity:
		return nil
	}
	e := d.tell(Assessed, inc, a)
	e.Integrity = a.Integrity
	d.say(e)
	return nil
}

func (d *decision) advise(inc Incident, a Action) error {
	a.Words, a.Text = rules.Words{Workaround: trimmed(a.Words).Workaround}, ""
	if a.Words.Workaround == "" {
		return refuse(Senseless, `say what customers can do meanwhile, or "None"`)
	}
	if err := d.fit(a); err != nil {
		return err
	}
	if inc.Words.Workaround == a.Words.Workaround {
		return nil
	}
	e := d.tell(Advised, inc, a)
	e.Words = a.Words
	d.say(e)
	return nil
}

// waiting checks that there are first words that wait.
func waiting(inc Incident) error {
	switch {
	case inc.Private:
		return speaking(inc)
	case inc.Told():
		return refuse(NotNow, "customers have read of %s already: say something instead", inc.ID)
	case inc.Draft == nil:
		return refuse(NotNow, "no words about %s wait to go out", inc.ID)
	}
	return nil
}

func (d *decision) hold(inc Incident, a Action) error {
	if err := waiting(inc); err != nil {
		return err
	}
	until := a.Until.UTC()
	if a.For != 0 {
		until = d.at.Add(a.For)
	}
	switch {
	case inc.Draft.Due.IsZero():
		return refuse(NotNow, "the words about %s wait for approval as it is, however long", inc.ID)
	case until.IsZero() || a.For < 0 || !until.After(d.at):
		return refuse(Senseless, "say how long the words are to wait, as 10m, or until when")
	case until.Sub(d.at) > 24*time.Hour:
		return refuse(Senseless, "words wait for a day at most: veto them if customers are not to read them")
	case inc.Draft.Due.Equal(until):
		return nil
	}
	e := d.tell(Held, inc, a)
	e.Due, e.Severity = until, inc.Severity()
	d.say(e)
	return nil
}

func (d *decision) edit(inc Incident, a Action) error {
	if err := waiting(inc); err != nil {
		return err
	}
	a.Text, a.Words = strings.TrimSpace(a.Text), trimmed(a.Words)
	if a.Text == "" && a.Words == (rules.Words{}) {
		return refuse(Senseless, "say what the words are to be")
	}
	if err := d.fit(a); err != nil {
		return err
	}
	if a.Text == "" {
		a.Text = inc.Draft.Text
	}
	if inc.Draft.Text == a.Text && a.Words.Over(inc.Words) == inc.Words {
		return nil
	}
	e := d.tell(Edited, inc, a)
	e.Text, e.Words = a.Text, a.Words
	d.say(e)
	return nil
}

func (d *decision) approve(inc Incident, a Action) error {
	if !inc.Withheld || inc.Private {
		if err := waiting(inc); err != nil {
			return err
		}
	}
	text := ""
	if inc.Draft != nil {
		text = inc.Draft.Text
	}
	d.say(d.tell(Approved, inc, a))
	d.update(inc.ID, true, text)
	return nil
}

func (d *decision) veto(inc Incident, a Action) error {
	if err := waiting(inc); err != nil {
		return err
	}
	if strings.TrimSpace(a.Why) == "" {
		return refuse(Senseless, "say why customers are not to read of it: the timeline keeps the reason")
	}
	d.say(d.tell(Vetoed, inc, a))
	return nil
}

func (d *decision) resolve(inc Incident, a Action) error {
	a.Text = strings.TrimSpace(a.Text)
	if err := d.fit(Action{Text: a.Text}); err != nil {
		return err
	}
	open := d.gate(inc)
	switch {
	case len(open) > 0 && !a.Force:
		return refuse(Unfinished, "not all is well: %s. Resolve it by force, with a reason, if you know better", strings.Join(open, "; "))
	case len(open) > 0 && strings.TrimSpace(a.Why) == "":
		return refuse(Senseless, "say why it is over although %s: customers and the timeline will ask", strings.Join(open, "; "))
	case a.Text != "" && !inc.Told():
		return refuse(NotNow, "customers have read nothing of %s, and would not read its last words: leave them out, or say something first", inc.ID)
	}
	e := d.tell(Resolved, inc, a)
	e.Severity, e.Began, e.Forced = inc.Peak, inc.Began, len(open) > 0
	if e.Forced {
		e.Text = strings.Join(open, "; ")
	}
	d.say(e)
	if inc = d.find(inc.ID); inc.Told() && a.Text != "" {
		d.update(inc.ID, true, a.Text)
	}
	return nil
}

// gate says what keeps an incident from being resolved: a signal that is not
// within `recover` for its soak, a cell that is not seen, a probe that fails, a
// store that is away.
func (d *decision) gate(inc Incident) []string {
	var open []string
	if !d.board.Blind.IsZero() {
		open = append(open, "there are no data since "+d.board.Blind.UTC().Format("15:04 UTC"))
	}
	about := d.about(inc)
	facts := d.facts(about)
	for _, c := range about.Causes {
		if c.declared() || c.Severity == rules.SeverityNone {
			continue
		}
		x, ok := facts.by[key(c)]
		place := strings.Trim(c.Service+" in "+c.Region, " ")
		switch {
		case !ok || !x.Seen:
			open = append(open, fmt.Sprintf("%s: nothing is seen of %s", c.Rule, place))
		case x.Now == evaluator.Bad:
			open = append(open, fmt.Sprintf("%s is over its limit for %s", c.Rule, place))
		case !x.Recovered:
			rule, _ := d.in.Config.Rule(c.Rule)
			open = append(open, fmt.Sprintf("%s has been well for %s of %s for %s", c.Rule, spell(x.Calm), spell(rule.Recover.For), place))
		}
	}
	if good, any := d.probes(inc); any && !good {
		open = append(open, "a probe fails")
	}
	return open
}

func (d *decision) merge(inc Incident, a Action) error {
	into, ok := d.board.Find(a.Other)
	switch {
	case !ok:
		return refuse(Unknown, "there is no incident %q to merge into", a.Other)
	case into.ID == inc.ID:
		return refuse(Senseless, "an incident cannot be merged into itself")
	case into.State == StateResolved:
		return refuse(NotNow, "%s is resolved: merge into one that is open", into.ID)
	case into.Private != inc.Private:
		return refuse(NotNow, "one of the two is private: what is private would become public, or the other way round; disclose it first")
	case inc.Told() && into.Withheld:
		return refuse(NotNow, "customers have read of %s, and are not to read of %s, by a veto: say something of that first, or merge it into this one", inc.ID, into.ID)
	}
	told := inc.Told()
	if inc.Draft != nil {
		d.withdraws(inc, fmt.Sprintf("it goes on as %s", into.ID))
	}
	e := d.tell(Merged, inc, a)
	e.Cause = into.ID
	d.say(e)
	e = d.tell(Absorbed, into, a)
	e.Cause = inc.ID
	before := d.board
	d.say(e)
	if told {
		d.update(inc.ID, true, "")
	}
	if now, _ := d.board.Find(into.ID); told && !now.Told() {
		d.update(into.ID, true, "") // whoever read of the one is to find the other
	}
	d.follow(into.ID, before)
	return nil
}

func (d *decision) relate(inc Incident, a Action) error {
	other, ok := d.board.Find(a.Other)
	switch {
	case !ok:
		return refuse(Unknown, "there is no incident %q", a.Other)
	case other.ID == inc.ID:
		return refuse(Senseless, "an incident has always to do with itself")
	case slices.Contains(inc.Related, other.ID):
		return nil
	}
	e := d.tell(Related, inc, a)
	e.Cause = other.ID
	d.say(e)
	e = d.tell(Related, other, a)
	e.Cause = inc.ID
	d.say(e)
	return nil
}

// somebody checks that there is such a person.
func (d *decision) somebody(id string) error {
	if _, ok := d.in.Config.Person(id); ok || id == "" || len(d.in.Config.People) == 0 {
		return nil
	}
	var ids []string
	for _, p := range d.in.Config.People {
		ids = append(ids, p.ID)
	}
	return refuse(Unknown, "there is no %q under people: want one of %s", id, strings.Join(ids, " "))
}

func (d *decision) assign(inc Incident, a Action) error {
	if err := d.somebody(a.To); err != nil {
		return err
	}
	has := inc.Lead
	if a.Task != "" {
		n := inc.task(a.Task)
		if n < 0 {
			return noTask(inc, a.Task)
		}
		has = inc.Tasks[n].To
	}
	if has == a.To {
		return nil
	}
	e := d.tell(Assigned, inc, a)
	e.Task = a.Task
	if a.Task == "" {
		e.Role = "lead"
	}
	if a.To != "" {
		e.To = []string{a.To}
	}
	d.say(e)
	return nil
}

func noTask(inc Incident, id string) error {
	return refuse(Unknown, "%s has no task %q: `tocsin incident show %s` lists them", inc.ID, id, inc.ID)
}

func (d *decision) addTask(inc Incident, a Action) error {
	text := strings.TrimSpace(a.Text)
	if text == "" || len(text) > mostText {
		return refuse(Senseless, "say in a sentence or two what is to be done")
	}
	if err := d.somebody(a.To); err != nil {
		return err
	}
	n := 1
	for _, t := range inc.Tasks {
		if t.Checklist == "" {
			n++
		}
	}
	e := d.tell(Tasked, inc, a)
	e.Tasks = []Task{{ID: fmt.Sprintf("own/%d", n), Text: text}}
	d.say(e)
	if a.To == "" {
		return nil
	}
	return d.assign(d.find(inc.ID), Action{By: a.By, To: a.To, Task: e.Tasks[0].ID})
}

func (d *decision) addList(inc Incident, a Action) error {
	list, ok := d.in.Config.Checklist(a.Checklist)
	if !ok {
		var ids []string
		for _, l := range d.in.Config.Checklists {
			ids = append(ids, l.ID)
		}
		return refuse(Unknown, "there is no checklist %q: want one of %s", a.Checklist, strings.Join(ids, " "))
	}
	if has(inc, list.ID) {
		return nil
	}
	d.say(d.tasked(inc, list, a.By))
	return nil
}

func (d *decision) tick(inc Incident, a Action) error   { return d.mark(Ticked, inc, a) }
func (d *decision) untick(inc Incident, a Action) error { return d.mark(Unticked, inc, a) }

func (d *decision) mark(kind Kind, inc Incident, a Action) error {
	n := inc.task(a.Task)
	if n < 0 {
		return noTask(inc, a.Task)
	}
	if inc.Tasks[n].Done == (kind == Ticked) {
		return nil
	}
	e := d.tell(kind, inc, a)
	e.Task = a.Task
	d.say(e)
	return nil
}

func (d *decision) disclose(inc Incident, a Action) error {
	if !inc.Private {
		return nil
	}
	var other Incident
	open := slices.ContainsFunc(inc.covers(), func(c string) (open bool) {
		other, open = d.board.On(c)
		return open
	})
	if open {
		return refuse(NotNow, "%s is open on %s: say there what customers are to know, and link the two", other.ID, other.Component)
	}
	a.Words = trimmed(a.Words)
	if err := d.fit(a); err != nil {
		return err
	}
	if inc.Component == "" {
		// What is declared in a hurry may say nothing yet that customers could read.
		if err := d.disclosable(a); err != nil {
			return err
		}
	} else {
		a.Component = ""
	}
	if inc.Words.Symptom == "" && a.Words.Symptom == "" {
		return refuse(Senseless, "%s has no words for customers: say in a few of theirs what goes wrong (symptom)", inc.ID)
	}
	e := d.tell(Disclosed, inc, a)
	e.Component, e.Words = cmp.Or(inc.Component, a.Component), a.Words
	d.say(e)
	d.everywhere(d.find(inc.ID), a)
	return nil
}

// disclosable says what keeps an incident about no component from being disclosed.
func (d *decision) disclosable(a Action) error {
	var names []string
	for _, c := range d.in.Config.Components {
		names = append(names, c.ID)
	}
	other, open := d.board.On(a.Component)
	switch {
	case a.Component == "":
		return refuse(Senseless, "say which component customers see it in: one of %s", strings.Join(names, " "))
	case !slices.Contains(names, a.Component):
		return refuse(Unknown, "unknown component %q: want one of %s", a.Component, strings.Join(names, " "))
	case open:
		return refuse(NotNow, "%s is open on %s: say there what customers are to know, and link the two", other.ID, a.Component)
	}
	return d.regionsKnown(a.Regions)
}

// everywhere puts what was declared of no region in all of them: customers are to
// read where it is, and nobody said that it is not everywhere.
func (d *decision) everywhere(inc Incident, a Action) {
	n := inc.cause(Cause{Component: inc.Component})
	if n < 0 || len(d.in.Config.Regions) == 0 || inc.Causes[n].Severity == rules.SeverityNone {
		return
	}
	e := d.tell(Raised, inc, a)
	e.Severity, e.Began = inc.Causes[n].Severity, inc.Causes[n].Began
	for _, r := range d.in.Config.Regions {
		if e.Region = r.Code; len(a.Regions) == 0 || slices.Contains(a.Regions, r.Code) {
			d.say(e)
		}
	}
	d.say(d.tell(Recovered, inc, a))
}
