package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	api "github.com/slack-go/slack"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/rules"
)

// Desk is what does what people ask for. incident.Desk is one.
type Desk interface {
	Act(ctx context.Context, a incident.Action) (incident.Done, error)
}

// Callbacks answers what Slack tells of buttons that people press and forms that
// they send, at POST /slack/{channel}/interactions. What it does goes the way of
// the console and the API: to the desk, in the name of a person.
//
// Each request is signed with the app's secret, and Slack says who pressed. That
// person is whoever the configuration gives the member ID, and acts as a
// responder does; nobody else does anything.
type Callbacks struct {
	// Channel gives a channel of Slack by its name, nil if there is none.
	Channel func(name string) *Channel
	Desk    Desk
	// Person gives whoever has a member ID.
	Person func(member string) (rules.Person, bool)
	// Refused writes down who was refused; nil: nobody does. What the desk refuses
	// it writes down itself.
	Refused func(ctx context.Context, e incident.AuditEntry)
	Logger  *slog.Logger     // nil: slog.Default()
	Now     func() time.Time // nil: time.Now

	work sync.WaitGroup
	once sync.Once
	room chan struct{} // holds one for each piece of work under way

	mu   sync.Mutex
	seen map[string]time.Time // signatures, until when they would be taken
}

const (
	window    = 5 * time.Minute  // docs.slack.dev/authentication/verifying-requests-from-slack
	mostBody  = 512 << 10        // a payload holds the whole message that the button is on
	answerBy  = 2 * time.Second  // Slack waits for three
	workFor   = 20 * time.Second // what goes on after the answer
	mostAtOne = 32               // pieces of work at once
)

var _ http.Handler = (*Callbacks)(nil)

func (h *Callbacks) setUp() {
	h.once.Do(func() {
		if h.Logger == nil {
			h.Logger = slog.Default()
		}
		if h.Now == nil {
			h.Now = time.Now
		}
		if h.Refused == nil {
			h.Refused = func(context.Context, incident.AuditEntry) {}
		}
		h.room, h.seen = make(chan struct{}, mostAtOne), map[string]time.Time{}
	})
}

// Run waits until ctx ends and what was begun has come to its end.
func (h *Callbacks) Run(ctx context.Context) error {
	<-ctx.Done()
	h.work.Wait()
	return nil
}

// ServeHTTP answers within Slack's three seconds. What takes longer goes on, and
// who asked is told in Slack what came of it.
func (h *Callbacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.setUp()
	c := h.Channel(r.PathValue("channel"))
	if c == nil {
		// The same as for a bad signature: who cannot sign is not told which
		// channels there are.
		h.turnAway(w, "the signature does not hold")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			http.Error(w, fmt.Sprintf("larger than %d KiB", mostBody>>10), http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "the request did not come whole", http.StatusBadRequest)
		return
	}
	if err := h.verify(r.Header, body, c.secrets()); err != nil {
		h.Logger.Warn("a request that says it is Slack's is refused", "channel", c.name, "from", r.RemoteAddr, "err", err)
		h.turnAway(w, err.Error())
		return
	}
	form, err := url.ParseQuery(string(body))
	var p api.InteractionCallback
	if err == nil {
		err = json.Unmarshal([]byte(form.Get("payload")), &p)
	}
	if err != nil {
		http.Error(w, "there is no payload that can be read", http.StatusBadRequest)
		return
	}
	select {
	case h.room <- struct{}{}:
	default:
		h.Logger.Error("too much is under way for another button", "channel", c.name)
		http.Error(w, "too much is under way, press it again in a moment", http.StatusServiceUnavailable)
		return
	}
	v := &visit{Callbacks: h, c: c, p: p}
	answer := make(chan any, 1)
	// Whoever pressed may close the window meanwhile: it is done all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), workFor)
	h.work.Go(func() {
		defer func() { <-h.room }()
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				h.Logger.Error("a button panicked", "panic", p)
			}
		}()
		v.handle(ctx, answer)
	})
	var a any // an empty answer closes the form; the rest is told
	select {
	case a = <-answer:
	case <-time.After(answerBy):
		a = v.late(answer)
	}
	if a != nil {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a) // whoever asked has gone
	}
}

func (h *Callbacks) turnAway(w http.ResponseWriter, why string) {
	http.Error(w, why, http.StatusUnauthorized)
}

// verify says why a request is not Slack's, or not a new one. The body is the one
// that came, to the last byte.
func (h *Callbacks) verify(head http.Header, body []byte, secrets []string) error {
	stamp := head.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("the signature does not hold")
	}
	given, err := hex.DecodeString(strings.TrimPrefix(head.Get("X-Slack-Signature"), "v0="))
	if err != nil || len(given) != sha256.Size || !strings.HasPrefix(head.Get("X-Slack-Signature"), "v0=") {
		return errors.New("the signature does not hold")
	}
	good := false
	for _, secret := range secrets {
		good = hmac.Equal(given, signature(secret, stamp, body)) || good
	}
	if !good {
		return errors.New("the signature does not hold")
	}
	now, at := h.Now(), time.Unix(seconds, 0)
	if now.Sub(at).Abs() > window {
		return fmt.Errorf("it was signed at %s, and it is %s here: Slack's requests are taken for 5 minutes; set the clock", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, until := range h.seen {
		if now.After(until) {
			delete(h.seen, k)
		}
	}
	if _, again := h.seen[string(given)]; again {
		return errors.New("this request came before")
	}
	h.seen[string(given)] = at.Add(window + time.Second) // as long as it would be taken
	return nil
}

// signature signs as Slack does: v0:TIMESTAMP:BODY, with the signing secret.
func signature(secret, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("v0:" + stamp + ":"))
	m.Write(body)
	return m.Sum(nil)
}

// visit is one press of a button, or one form.
type visit struct {
	*Callbacks
	c *Channel
	p api.InteractionCallback

	mu   sync.Mutex
	gone bool // the answer has been given without what came of it
}

// late says that the answer is given now, and gives what came at the last moment.
func (v *visit) late(answer <-chan any) any {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone = true
	select {
	case a := <-answer:
		return a
	default:
		return nil
	}
}

// inTime reports whether what came of it can still be told in the answer.
func (v *visit) inTime(answer chan<- any, a any) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.gone {
		answer <- a
	}
	return !v.gone
}

// handle does what was asked for.
func (v *visit) handle(ctx context.Context, answer chan<- any) {
	switch v.p.Type {
	case api.InteractionTypeBlockActions:
		v.inTime(answer, nil) // acknowledged: Slack wants to hear that at once
		for _, a := range v.p.ActionCallback.BlockActions {
			if !strings.HasPrefix(a.ActionID, pressLink) {
				v.pressed(ctx, a.ActionID, carried{Incident: a.Value, Channel: v.place()})
			}
		}
	case api.InteractionTypeViewSubmission:
		v.sent(ctx, answer)
	default:
		v.inTime(answer, nil)
	}
}

func (v *visit) place() string {
	if v.p.Channel.ID != "" {
		return v.p.Channel.ID
	}
	return v.p.Container.ChannelID
}

// pressed does what a button stands for, or opens its form.
func (v *visit) pressed(ctx context.Context, press string, where carried) {
	who, ok := v.who(ctx, press, where)
	if !ok {
		return
	}
	switch press {
	case pressAck, pressApprove:
		do := map[string]incident.Verb{pressAck: incident.Acknowledge, pressApprove: incident.Approve}[press]
		if refusal := v.act(ctx, who, incident.Action{Do: do, Incident: incident.ID(where.Incident)}); refusal != "" {
			v.tell(ctx, where, refusal)
			return
		}
		v.tell(ctx, where, done(do, where.Incident))
		v.c.refresh(ctx, where.Incident)
	case pressSay, pressSeverity, pressResolve:
		// The leave to open a form ends three seconds after the press.
		if _, err := v.c.session().api.OpenViewContext(ctx, v.p.TriggerID, form(press, where)); err != nil {
			err = v.c.session().explain("open the form", err)
			v.Logger.Error("a form is not opened", "channel", v.c.name, "err", err)
			v.tell(ctx, where, "The form could not be opened. Press again, or use the console. ("+err.Error()+")")
		}
	default:
		v.Logger.Warn("a button is not known", "channel", v.c.name, "button", press)
	}
}

// sent does what a form asks for. A refusal stands in the form, if there is still
// time for it.
func (v *visit) sent(ctx context.Context, answer chan<- any) {
	var where carried
	if err := json.Unmarshal([]byte(v.p.View.PrivateMetadata), &where); err != nil {
		v.inTime(answer, nil)
		v.Logger.Warn("a form does not say what it is about", "channel", v.c.name)
		return
	}
	who, ok := v.person()
	if !ok {
		v.refuse(ctx, v.p.View.CallbackID, where.Incident)
		v.inForm(ctx, answer, where, v.stranger())
		return
	}
	do, wrong := deeds(v.p.View, where)
	if wrong != nil {
		v.inTime(answer, api.NewErrorsViewSubmissionResponse(wrong))
		return
	}
	for n, a := range do {
		refusal := v.act(ctx, who, a)
		if refusal == "" {
			continue
		}
		if n == 0 {
			v.inForm(ctx, answer, where, refusal)
			return
		}
		// What came before is done, and the form must not do it again.
		v.inTime(answer, nil)
		v.tell(ctx, where, done(do[0].Do, where.Incident)+" But not the rest: "+refusal)
		v.c.refresh(ctx, where.Incident)
		return
	}
	v.inTime(answer, nil)
	for _, a := range do {
		v.tell(ctx, where, done(a.Do, where.Incident))
	}
	v.c.refresh(ctx, where.Incident)
}

// inForm says in a form why it is refused; where the form is closed by now, beside
// the button.
func (v *visit) inForm(ctx context.Context, answer chan<- any, where carried, why string) {
	field := shown(v.p.View.CallbackID)
	r := []rune(oneline(why))
	if !v.inTime(answer, api.NewErrorsViewSubmissionResponse(map[string]string{field: string(r[:min(len(r), mostError)])})) {
		v.tell(ctx, where, why)
	}
}

// person gives who acts.
func (v *visit) person() (rules.Person, bool) {
	if !member.MatchString(v.p.User.ID) {
		return rules.Person{}, false
	}
	return v.Person(v.p.User.ID)
}

// who gives who acts, and tells those who may not.
func (v *visit) who(ctx context.Context, press string, where carried) (rules.Person, bool) {
	p, ok := v.person()
	if !ok {
		v.refuse(ctx, press, where.Incident)
		v.tell(ctx, where, v.stranger())
	}
	return p, ok
}

func (v *visit) stranger() string {
	return fmt.Sprintf("Nothing was done: Tocsin does not know who %s is. Whoever keeps its configuration writes `slack: %s` under one of its people.", v.p.User.ID, v.p.User.ID)
}

func (v *visit) refuse(ctx context.Context, press, about string) {
	v.Refused(ctx, incident.AuditEntry{
		At: v.Now(), Via: via, From: v.p.User.ID, Action: strings.TrimPrefix(press, "tocsin."), Incident: incident.ID(about),
		Outcome: "nobody under people has this member ID",
	})
}

const (
	via       = "slack"
	responder = "responder" // what whoever has a member ID acts as
)

// act has the desk do something, and gives why it does not, "" if it did.
func (v *visit) act(ctx context.Context, who rules.Person, a incident.Action) (refusal string) {
	a.By, a.Via, a.Role, a.From = incident.Person(who.ID), via, responder, v.p.User.ID
	_, err := v.Desk.Act(ctx, a)
	refused, ok := errors.AsType[*incident.Refusal](err)
	switch {
	case err == nil:
		return ""
	case !ok:
		v.Logger.Error("what somebody asked for in Slack was not done", "who", who.ID, "verb", a.Do, "incident", a.Incident, "err", err)
		return "It was not done, by no fault of yours: " + err.Error()
	case refused.Kind == incident.Unfinished:
		return "Not all is well yet: " + refused.Reason + " To close it all the same, tick the box and say why."
	default:
		return "Refused: " + refused.Reason
	}
}

// done says what came of it.
func done(do incident.Verb, id string) string {
	return map[incident.Verb]string{
		incident.Acknowledge: "You acknowledged " + id + ".",
		incident.Approve:     "The words about " + id + " go out.",
		incident.Say:         "Customers are told about " + id + ".",
		incident.Write:       "The note about " + id + " is kept.",
		incident.SetSeverity: "The severity of " + id + " is set.",
		incident.Resolve:     id + " is resolved.",
	}[do]
}

// tell says something to whoever pressed, and to nobody else.
func (v *visit) tell(ctx context.Context, where carried, what string) {
	if !channelID.MatchString(where.Channel) || !member.MatchString(v.p.User.ID) {
		return
	}
	s := v.c.session()
	options := []api.MsgOption{
		api.MsgOptionText(fallback(what), false), api.MsgOptionParse(false), api.MsgOptionLinkNames(false), api.MsgOptionBlocks(words(what)...),
	}
	if _, err := s.api.PostEphemeralContext(ctx, where.Channel, v.p.User.ID, options...); err != nil {
		v.Logger.Warn("somebody is not told in Slack what came of a button", "who", v.p.User.ID, "what", what, "err", s.explain("tell", err))
	}
}

// refresh brings up to date what stands in an incident's own channel, after
// something was done that no delivery follows.
func (c *Channel) refresh(ctx context.Context, id string) {
	now, ok := c.now(id)
	if !ok || c.recall(ctx, "room/"+id) == "" {
		return // what comes next brings it up to date
	}
	free, err := c.turn(ctx)
	if err != nil {
		return
	}
	defer free()
	s := c.session()
	if _, err := s.furnish(ctx, c.recall(ctx, "room/"+id), now); err != nil {
		c.logger.Warn("an incident's channel is not up to date until something else is delivered", "incident", id, "err", err)
	}
}
