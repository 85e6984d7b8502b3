package main

import (
	"reflect"
	"strings"

	"github.com/featuresignals/tocsin/incident"
)

// The commands that do something. field names the field of the deed that a flag
// or an argument is; a test holds them against the table in api.

type incidentDeclareCmd struct {
	Severity   string   `arg:"" field:"severity" help:"P0 … P4; when unsure, the worse."`
	Component  string   `field:"component" placeholder:"ID" help:"What customers see go bad; needed unless it is private."`
	Regions    []string `field:"regions" placeholder:"CODES" help:"Where, with commas between; everywhere if left out."`
	Symptom    string   `field:"symptom" help:"What goes wrong, in customers' words, as in the middle of a sentence."`
	Impact     string   `field:"impact" help:"What customers may experience."`
	Workaround string   `field:"workaround" help:"What customers can do meanwhile."`
	Text       string   `field:"text" help:"Words for customers, to go out at once; - reads them from standard input."`
	Private    bool     `field:"private" help:"Customers read nothing of it until it is disclosed; for security."`
	Topic      string   `field:"topic" placeholder:"WORD" help:"What it is about, as security or database; chooses checklists."`
	Integrity  string   `field:"integrity" placeholder:"WORDS" help:"Customers' data: \"under review\", \"not known\" or \"not impacted\"."`
	Began      string   `field:"began" placeholder:"TIME" help:"When it began, as 2026-05-20T10:32Z; now if left out."`
	Why        string   `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentDeclareCmd) Help() string {
	return `Examples:

  tocsin incident declare P1 --component api --regions eu --symptom "elevated errors on the management API"
      the first words for customers are held for a while: see tocsin incident preview

  tocsin incident declare P1 --private --topic security --why "a token was found in a public repository"`
}

// Run satisfies kong.
func (c *incidentDeclareCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Declare, "", c)
}

type incidentAckCmd struct {
	ID  incidentID `arg:"" help:"Which incident."`
	For string     `field:"for" placeholder:"DURATION" help:"How long it counts, as 1h; as the severity says, or to the end, if left out."`
	Why string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentAckCmd) Help() string { return example(`tocsin incident ack INC-2026-0004 --for 1h`) }

// Run satisfies kong.
func (c *incidentAckCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Acknowledge, c.ID, c)
}

type incidentSayCmd struct {
	ID         incidentID `arg:"" help:"Which incident."`
	Text       string     `arg:"" field:"text" help:"The words, as customers are to read them; - reads them from standard input."`
	State      string     `field:"state" help:"The state that goes with them: investigating, identified or monitoring."`
	Symptom    string     `field:"symptom" help:"What goes wrong, in customers' words, as in the middle of a sentence."`
	Impact     string     `field:"impact" help:"What customers may experience."`
	Workaround string     `field:"workaround" help:"What customers can do meanwhile."`
}

// Help satisfies kong.
func (*incidentSayCmd) Help() string {
	return example(`tocsin incident say 4 "We have found the cause and are rolling back." --state identified`, `tocsin incident say 4 - < words.txt`)
}

// Run satisfies kong.
func (c *incidentSayCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Say, c.ID, c)
}

type incidentNoteCmd struct {
	ID   incidentID `arg:"" help:"Which incident."`
	Text string     `arg:"" field:"text" help:"What is to be remembered; - reads it from standard input."`
}

// Help satisfies kong.
func (*incidentNoteCmd) Help() string {
	return example(`tocsin incident note 4 "The load balancer was restarted at 10:41."`, `journalctl -u app -n 50 | tocsin incident note 4 -`)
}

// Run satisfies kong.
func (c *incidentNoteCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Write, c.ID, c)
}

type incidentSeverityCmd struct {
	ID       incidentID `arg:"" help:"Which incident."`
	Severity string     `arg:"" field:"severity" help:"P0 … P4."`
	Why      string     `field:"why" required:"" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentSeverityCmd) Help() string {
	return example(`tocsin incident severity 4 P1 --why "one endpoint that few customers use"`)
}

// Run satisfies kong.
func (c *incidentSeverityCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.SetSeverity, c.ID, c)
}

type incidentStateCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	State string     `arg:"" field:"state" help:"investigating, identified or monitoring; to close it, see resolve."`
	Text  string     `field:"text" help:"Words for customers that go with it; - reads them from standard input."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentStateCmd) Help() string {
	return example(`tocsin incident state 4 identified --text "A change of this morning is the cause; we are rolling it back."`)
}

// Run satisfies kong.
func (c *incidentStateCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.SetState, c.ID, c)
}

type incidentBeganCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	Began string     `arg:"" field:"began" help:"When it began: RFC 3339, or date and time in UTC."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentBeganCmd) Help() string {
	return example(`tocsin incident began 4 2026-05-20T10:02:00Z --why "a customer's own log"`)
}

// Run satisfies kong.
func (c *incidentBeganCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Correct, c.ID, c)
}

type incidentIntegrityCmd struct {
	ID        incidentID `arg:"" help:"Which incident."`
	Integrity string     `arg:"" field:"integrity" help:"\"under review\", \"not known\" or \"not impacted\"."`
	Why       string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentIntegrityCmd) Help() string {
	return example(`tocsin incident integrity 4 "not impacted" --why "all writes were refused"`)
}

// Run satisfies kong.
func (c *incidentIntegrityCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Assess, c.ID, c)
}

type incidentWorkaroundCmd struct {
	ID         incidentID `arg:"" help:"Which incident."`
	Workaround string     `arg:"" field:"workaround" help:"What customers can do meanwhile, or None."`
}

// Help satisfies kong.
func (*incidentWorkaroundCmd) Help() string {
	return example(`tocsin incident workaround 4 "retry after a minute"`)
}

// Run satisfies kong.
func (c *incidentWorkaroundCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Advise, c.ID, c)
}

type incidentHoldCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	For   string     `field:"for" placeholder:"DURATION" xor:"when" help:"How long from now, as 20m."`
	Until string     `field:"until" placeholder:"TIME" xor:"when" help:"Until when, as 2026-05-20T11:00Z."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentHoldCmd) Help() string {
	return example(`tocsin incident hold 4 --for 20m --why "we are not sure yet that it is us"`)
}

// Run satisfies kong.
func (c *incidentHoldCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Hold, c.ID, c)
}

type incidentApproveCmd struct {
	ID  incidentID `arg:"" help:"Which incident."`
	Why string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentApproveCmd) Help() string {
	return example(`tocsin incident preview 4 && tocsin incident approve 4`)
}

// Run satisfies kong.
func (c *incidentApproveCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Approve, c.ID, c)
}

type incidentEditCmd struct {
	ID         incidentID `arg:"" help:"Which incident."`
	Text       string     `arg:"" optional:"" field:"text" help:"Words that customers read as they stand; - reads them from standard input."`
	Symptom    string     `field:"symptom" help:"What goes wrong, in customers' words, as in the middle of a sentence."`
	Impact     string     `field:"impact" help:"What customers may experience."`
	Workaround string     `field:"workaround" help:"What customers can do meanwhile."`
}

// Help satisfies kong.
func (*incidentEditCmd) Help() string {
	return example(`tocsin incident edit 4 "Some requests fail. We are looking into it." --impact "failed requests when they change flags"`)
}

// Run satisfies kong.
func (c *incidentEditCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Edit, c.ID, c)
}

type incidentVetoCmd struct {
	ID  incidentID `arg:"" help:"Which incident."`
	Why string     `field:"why" required:"" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentVetoCmd) Help() string {
	return "Customers read nothing of it until somebody says something.\n\n" + example(`tocsin incident veto 4 --why "a load test of ours"`)
}

// Run satisfies kong.
func (c *incidentVetoCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Veto, c.ID, c)
}

type incidentResolveCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	Text  string     `field:"text" help:"Last words for customers; - reads them from standard input."`
	Force bool       `field:"force" help:"Close it although not all is well; with --why."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentResolveCmd) Help() string {
	return "What is not well yet stands in the way, unless it is forced.\n\n" +
		example(`tocsin incident resolve 4`, `tocsin incident resolve 4 --force --why "the probe itself is broken"`)
}

// Run satisfies kong.
func (c *incidentResolveCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Resolve, c.ID, c)
}

type incidentAssignCmd struct {
	ID   incidentID `arg:"" help:"Which incident."`
	To   string     `arg:"" name:"person" optional:"" field:"to" help:"Who, by ID; nobody if left out."`
	Task string     `field:"task" placeholder:"CHECKLIST/STEP" help:"Which task; the lead of the incident if left out."`
}

// Help satisfies kong.
func (*incidentAssignCmd) Help() string {
	return example(`tocsin incident assign 4 ada`, `tocsin incident assign 4 grace --task api-down/restart`)
}

// Run satisfies kong.
func (c *incidentAssignCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Assign, c.ID, c)
}

type incidentTaskCmd struct {
	ID   incidentID `arg:"" help:"Which incident."`
	Text string     `arg:"" field:"text" help:"What is to be done."`
	To   string     `field:"to" placeholder:"PERSON" help:"Who has it."`
}

// Help satisfies kong.
func (*incidentTaskCmd) Help() string {
	return example(`tocsin incident task 4 "Call the data centre" --to grace`)
}

// Run satisfies kong.
func (c *incidentTaskCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.AddTask, c.ID, c)
}

type incidentChecklistCmd struct {
	ID        incidentID `arg:"" help:"Which incident."`
	Checklist string     `arg:"" field:"checklist" help:"Which, by its ID."`
}

// Help satisfies kong.
func (*incidentChecklistCmd) Help() string {
	return example(`tocsin incident checklist 4 database-failover`)
}

// Run satisfies kong.
func (c *incidentChecklistCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.AddList, c.ID, c)
}

type incidentTickCmd struct {
	ID   incidentID `arg:"" help:"Which incident."`
	Task string     `arg:"" field:"task" help:"Which task, as show prints it."`
	Why  string     `field:"why" help:"What came of it; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentTickCmd) Help() string {
	return example(`tocsin incident tick 4 api-down/restart`)
}

// Run satisfies kong.
func (c *incidentTickCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Tick, c.ID, c)
}

type incidentUntickCmd struct {
	ID   incidentID `arg:"" help:"Which incident."`
	Task string     `arg:"" field:"task" help:"Which task, as show prints it."`
	Why  string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentUntickCmd) Help() string {
	return example(`tocsin incident untick 4 api-down/restart --why "it did not help"`)
}

// Run satisfies kong.
func (c *incidentUntickCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Untick, c.ID, c)
}

type incidentMergeCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	Other incidentID `arg:"" field:"other" help:"The incident that goes on."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentMergeCmd) Help() string {
	return "The one that goes on has the worse severity, the earlier begin, and what both are about.\n\n" +
		example(`tocsin incident merge 5 4 --why "the same database"`)
}

// Run satisfies kong.
func (c *incidentMergeCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Merge, c.ID, c)
}

type incidentLinkCmd struct {
	ID    incidentID `arg:"" help:"Which incident."`
	Other incidentID `arg:"" field:"other" help:"Which other."`
	Why   string     `field:"why" help:"The reason; the timeline keeps it."`
}

// Help satisfies kong.
func (*incidentLinkCmd) Help() string { return example(`tocsin incident link 4 INC-2025-0117`) }

// Run satisfies kong.
func (c *incidentLinkCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Relate, c.ID, c)
}

type incidentDiscloseCmd struct {
	ID        incidentID `arg:"" help:"Which incident."`
	Why       string     `field:"why" required:"" help:"The reason; the timeline keeps it."`
	Component string     `field:"component" placeholder:"ID" help:"What customers see it in, if nobody said so yet."`
	Regions   string     `field:"regions" placeholder:"CODES" help:"Where, if nobody said so yet: codes with commas between; everywhere if left out."`
	Symptom   string     `field:"symptom" placeholder:"WORDS" help:"What goes wrong, in customers' words."`
	Impact    string     `field:"impact" placeholder:"WORDS" help:"What customers may experience."`
}

// Help satisfies kong.
func (*incidentDiscloseCmd) Help() string {
	return example(`tocsin incident disclose 4 --why "legal agrees" --component auth --symptom "sign-ins that were not yours"`)
}

// Run satisfies kong.
func (c *incidentDiscloseCmd) Run(w *world, in *incidentCmd) error {
	return in.act(w, incident.Disclose, c.ID, c)
}

// example writes examples into a help text.
func example(lines ...string) string {
	if len(lines) == 1 {
		return "Example:\n\n  " + lines[0]
	}
	return "Examples:\n\n  " + strings.Join(lines, "\n  ")
}

// valuesOf gives the values of a command's fields, those that were said. A text
// that is "-" is what read gives.
func valuesOf(command any, read func() (string, error)) (map[string]any, error) {
	values := map[string]any{}
	v := reflect.Indirect(reflect.ValueOf(command))
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("field")
		if name == "" || v.Field(i).IsZero() {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			values[name] = f.String()
		default:
			values[name] = f.Interface()
		}
		if name == "text" && values[name] == "-" {
			text, err := read()
			if err != nil {
				return nil, err
			}
			values[name] = text
		}
	}
	return values, nil
}
