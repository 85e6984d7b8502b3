package publisher_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/featuresignals/tocsin/incident"
	"github.com/featuresignals/tocsin/publisher"
	"github.com/featuresignals/tocsin/rules"
)

// slowList is a channel whose list takes a second to read for some deliveries.
type slowList struct {
	many
	slow string // key
}

func (l *slowList) Targets(ctx context.Context, d publisher.Delivery) ([]string, error) {
	if d.Key == l.slow {
		time.Sleep(time.Second)
	}
	return l.many.Targets(ctx, d)
}

// A P3 whose list is read first must not be told while the P0's is still read;
// who is on duty is called at once.
func TestNothingOvertakesWhatIsStillSpread(t *testing.T) {
	tell(t, func(s *story) {
		m := &slowList{many{fake: fake{name: "mail"}, targets: []string{"a", "b"}, manner: publisher.Manner{Lanes: 4, Ordered: true}}, "INC-2026-0001/1"}
		var events []incident.Event
		for _, e := range []struct {
			key      string
			severity rules.Severity
		}{{"INC-2026-0003/1", rules.P3}, {"INC-2026-0002/notice/1", rules.P1}, {"INC-2026-0001/1", rules.P0}} {
			id, _, _ := strings.Cut(e.key, "/")
			events = append(events, incident.Event{
				Incident: incident.ID(id), Kind: incident.Updated, Severity: e.severity, At: time.Now(),
				Posts: []incident.Post{{Channel: "mail", Key: e.key, Due: time.Now()}},
			})
		}
		if _, err := s.db.Append(s.Context(), incident.Batch{Recorded: time.Now(), Events: events}); err != nil {
			s.Fatal(err)
		}
		m.began = time.Now()
		s.start(func(l *publisher.Loop) { l.Channels = append(l.Channels, m) })
		if got := slices.Sorted(slices.Values(m.all())); !slices.Equal(got, []string{"INC-2026-0002/notice/1 a", "INC-2026-0002/notice/1 b"}) {
			s.Errorf("while the P0's list is read, %q were told, want the call alone", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		rest := m.all()[2:]
		if len(rest) != 4 || !strings.HasPrefix(rest[0], "INC-2026-0001/1 ") || !strings.HasPrefix(rest[1], "INC-2026-0001/1 ") {
			s.Errorf("then %q were told, want the P0 first", rest)
		}
	})
}

// A channel of mail becomes a webhook of the same name while its list waits: the
// listener must not be told once for each address.
func TestWhatWasForTargetsGoesToNoChannelWithout(t *testing.T) {
	tell(t, func(s *story) {
		hook := &fake{name: "mail"}
		e := incident.Event{
			Incident: "INC-2026-0001", Kind: incident.Updated, Severity: rules.P2, At: time.Now(),
			Posts: []incident.Post{{Channel: "mail", Key: "INC-2026-0001/1", Due: time.Now()}},
		}
		if _, err := s.db.Append(s.Context(), incident.Batch{Recorded: time.Now(), Events: []incident.Event{e}}); err != nil {
			s.Fatal(err)
		}
		due, _, err := s.db.Due(s.Context(), publisher.Ask{Channel: "mail", Now: time.Now(), N: 1})
		if err != nil || len(due) != 1 {
			s.Fatal(due, err)
		}
		if err := s.db.Spread(s.Context(), due[0].ID, []string{"a", "b", "c"}, time.Now()); err != nil {
			s.Fatal(err)
		}
		s.start(nil, hook)
		time.Sleep(time.Second)
		if q := s.queue("mail"); len(hook.got()) != 0 || q.Dead != 3 || q.Waiting != 0 {
			s.Errorf("it was told %v, and the queue is %+v: want nothing told and three dead letters", hook.got(), q)
		}
	})
}

// A list of thousands hears of what is worst, slowly; whoever is on duty for
// something less bad is called at once all the same.
func TestNoCallWaitsForAList(t *testing.T) {
	tell(t, func(s *story) {
		m := &many{fake: fake{name: "mail"}, manner: publisher.Manner{Lanes: 1, Ordered: true}}
		for range 100 {
			m.targets = append(m.targets, strings.Repeat("a", len(m.targets)+1))
		}
		m.answer = func(context.Context, publisher.Delivery) error {
			time.Sleep(time.Second)
			return nil
		}
		s.startMany(m)
		say := func(id incident.ID, severity rules.Severity, key string) {
			e := incident.Event{
				Incident: id, Kind: incident.Updated, Severity: severity, At: time.Now(),
				Posts: []incident.Post{{Channel: "mail", Key: key, Due: time.Now()}},
			}
			if _, err := s.db.Append(s.Context(), incident.Batch{Recorded: time.Now(), Events: []incident.Event{e}}); err != nil {
				s.Fatal(err)
			}
			s.loop.Wake()
		}
		say("INC-2026-0001", rules.P0, "INC-2026-0001/1")
		time.Sleep(10 * time.Second)
		m.targets = []string{"ana"}
		say("INC-2026-0002", rules.P1, "INC-2026-0002/notice/1")
		time.Sleep(3 * time.Second)
		if got := m.toldOf("ana"); len(got) != 1 {
			s.Errorf("after 3 s the call has reached %d people, want one", len(got))
		}
	})
}
