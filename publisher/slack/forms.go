package slack

import (
	"encoding/json"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// The fields of forms, by the block_id that Slack gives back with what was typed.
const (
	fieldWords    = "words"
	fieldNote     = "note"
	fieldSeverity = "severity"
	fieldWhy      = "why"
	fieldForce    = "force"
	input         = "input" // the action_id of each
)

// carried is what a form knows of where it was opened.
type carried struct {
	Incident string `json:"incident"`
	Channel  string `json:"channel"` // of the button, where its presser is told what came of it
}

// form makes the form of a button.
func form(press string, where carried) api.ModalViewRequest {
	private, err := json.Marshal(where)
	if err != nil {
		panic(err) // two strings
	}
	v := api.ModalViewRequest{
		Type: api.VTModal, CallbackID: press, PrivateMetadata: string(private), Close: plain("Cancel", mostTitle),
	}
	about := footnote(where.Incident)
	switch press {
	case pressSay:
		v.Title, v.Submit = plain("Say something", mostTitle), plain("Say it", mostTitle)
		v.Blocks.BlockSet = []api.Block{
			about,
			text(fieldWords, "Words for customers", "They go out at once, as they stand.", mostSaid, true),
			text(fieldNote, "A note for ourselves", "Customers never read it.", mostSaid, true),
		}
	case pressSeverity:
		v.Title, v.Submit = plain("Set severity", mostTitle), plain("Set it", mostTitle)
		var options []*api.OptionBlockObject
		for _, s := range rules.Severities {
			options = append(options, api.NewOptionBlockObject(s.String(), plain(s.String(), mostButton), nil))
		}
		choice := api.NewInputBlock(fieldSeverity, plain("How bad it is", mostField), nil, &api.SelectBlockElement{
			Type: api.OptTypeStatic, ActionID: input, Options: options, Placeholder: plain("When unsure, the worse", mostButton),
		})
		v.Blocks.BlockSet = []api.Block{about, choice, text(fieldWhy, "The reason", "The timeline keeps it.", incident.MostWhy, false)}
	case pressResolve:
		v.Title, v.Submit = plain("Resolve", mostTitle), plain("Resolve it", mostTitle)
		force := api.NewInputBlock(fieldForce, plain("If not all is well yet", mostField), nil, api.NewCheckboxGroupsBlockElement(
			input, api.NewOptionBlockObject("force", plain("Close it all the same; the reason says why", mostButton), nil),
		)).WithOptional(true)
		v.Blocks.BlockSet = []api.Block{
			about,
			text(fieldWords, "Last words for customers", "What is measured is said without them, too.", mostSaid, true),
			force,
			text(fieldWhy, "The reason", "Needed where it is closed all the same. The timeline keeps it.", incident.MostWhy, true),
		}
	default:
		panic("a button without a form: " + press)
	}
	return v
}

// mostSaid is how much people can type at once; the desk takes no more.
const mostSaid = 2000

func text(id, label, hint string, most int, optional bool) *api.InputBlock {
	return api.NewInputBlock(id, plain(label, mostField), plain(hint, mostField), &api.PlainTextInputBlockElement{
		Type: api.METPlainTextInput, ActionID: input, Multiline: true, MaxLength: most,
	}).WithOptional(optional)
}

// typed gives what was typed into a field, or chosen.
func typed(v api.View, field string) string {
	if v.State == nil {
		return ""
	}
	a := v.State.Values[field][input]
	switch {
	case a.SelectedOption.Value != "":
		return a.SelectedOption.Value
	case len(a.SelectedOptions) > 0:
		return a.SelectedOptions[0].Value
	default:
		return strings.TrimSpace(a.Value)
	}
}

// deeds gives what a filled form asks for, in the order in which it is done: what
// can be refused comes first. wrong says by its field what is missing.
func deeds(v api.View, where carried) (do []incident.Action, wrong map[string]string) {
	id := incident.ID(where.Incident)
	switch v.CallbackID {
	case pressSay:
		said, note := typed(v, fieldWords), typed(v, fieldNote)
		if said != "" {
			do = append(do, incident.Action{Do: incident.Say, Incident: id, Text: said})
		}
		if note != "" {
			do = append(do, incident.Action{Do: incident.Write, Incident: id, Text: note})
		}
		if len(do) == 0 {
			return nil, map[string]string{fieldWords: "Write something, for customers or for ourselves."}
		}
	case pressSeverity:
		s, ok := rules.ParseSeverity(typed(v, fieldSeverity))
		if !ok {
			return nil, map[string]string{fieldSeverity: "Choose one."}
		}
		why := typed(v, fieldWhy)
		if why == "" {
			return nil, map[string]string{fieldWhy: "Say why; the timeline keeps it."}
		}
		do = []incident.Action{{Do: incident.SetSeverity, Incident: id, Severity: s, Why: why}}
	case pressResolve:
		a := incident.Action{Do: incident.Resolve, Incident: id, Text: typed(v, fieldWords), Why: typed(v, fieldWhy), Force: typed(v, fieldForce) == "force"}
		if a.Force && a.Why == "" {
			return nil, map[string]string{fieldWhy: "Say why it is closed although not all is well."}
		}
		do = []incident.Action{a}
	}
	return do, nil
}

// shown is the field under which a refusal stands.
func shown(press string) string {
	switch press {
	case pressSeverity:
		return fieldSeverity
	case pressResolve:
		return fieldForce
	default:
		return fieldWords
	}
}
