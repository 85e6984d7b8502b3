package signoz

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/featuresignals/tocsin/telemetry"
)

func TestPiecesCoverTheTimeOnce(t *testing.T) {
	long := 3 * time.Hour
	for _, test := range []struct {
		name     string
		pace     *pace
		from, to string
		want     string
	}{
		{"a tick is one piece, over a border too", &pace{spans: 1000, next: long}, "11:58", "12:02", "11:58-12:02"},
		{"what is long is cut at the buckets", &pace{spans: 1000, next: 30 * time.Minute}, "11:20", "13:10", "11:20-11:30 11:30-12:00 12:00-12:30 12:30-13:00 13:00-13:10"},
		{"where there is little, at some of them", &pace{spans: 1000, next: 70 * time.Minute}, "11:20", "14:10", "11:20-12:30 12:30-13:30 13:30-14:10"},
		{"the first pieces are short", &pace{}, "11:28", "11:40", "11:28-11:30 11:30-11:35 11:35-11:40"},
		{"much traffic makes short pieces", &pace{spans: 1e6, next: long}, "12:01", "12:09", "12:01-12:05 12:05-12:09"},
		{"and so do many series", &pace{spans: 1e5, cells: 1e4, next: long}, "12:01", "12:29", "12:01-12:16 12:16-12:29"},
		{"but five minutes are one piece however many", &pace{spans: 1e5, cells: 1e6, next: long}, "12:01", "12:06", "12:01-12:06"},
		{"a minute is the least", &pace{spans: 1e9, next: long}, "12:01", "12:03", "12:01-12:02 12:02-12:03"},
		{"nothing is no piece", &pace{spans: 1000, next: long}, "12:01", "12:01", ""},
	} {
		var got []string
		to := clock(test.to)
		for from := clock(test.from); from.Before(to); {
			w := test.pace.piece(from, to, nil)
			got = append(got, w.from.Format("15:04-")+w.to.Format("15:04"))
			from = w.to
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestWhatIsNotReadMakesNoPiece(t *testing.T) {
	p := pace{spans: 1e6, next: time.Hour} // four minutes are a piece
	except := []telemetry.Range{{From: clock("12:01"), To: clock("12:09")}}
	if w := p.piece(clock("12:00"), clock("12:10"), except); !w.to.Equal(clock("12:10")) {
		t.Errorf("the newest minute and the one that settles are read up to %s, want both at once", w.to)
	}
}

func TestPaceLearns(t *testing.T) {
	minutes := func(n int) window {
		return window{from: clock("00:00"), to: clock("00:00").Add(time.Duration(n) * time.Minute)}
	}
	for _, test := range []struct {
		name  string
		learn func(*pace)
		want  time.Duration
	}{
		{"much in a piece makes the next shorter", func(p *pace) { p.learn(minutes(5), 10_000_000, 1, time.Second) }, 2 * time.Minute},
		{"little makes it a half hour at once, which costs the store no more", func(p *pace) { p.learn(minutes(5), 10, 1, time.Second) }, 30 * time.Minute},
		{"then twice as long each time", func(p *pace) { p.learn(minutes(60), 10, 1, time.Second) }, 2 * time.Hour},
		{"up to a day", func(p *pace) { p.learn(minutes(1440), 10, 1, time.Second) }, 24 * time.Hour},
		{"not longer than the store takes some seconds for", func(p *pace) { p.learn(minutes(60), 10, 1, 6*time.Second) }, 40 * time.Minute},
		{"but a half hour is never too long for that", func(p *pace) { p.learn(minutes(30), 10, 1, time.Minute) }, 30 * time.Minute},
		{"many series make it shorter", func(p *pace) { p.learn(minutes(60), 10, 300_000, time.Second) }, 30 * time.Minute},
		{"nothing tells nothing of what comes", func(p *pace) {
			p.learn(minutes(5), 10_000_000, 1, time.Second)
			p.learn(minutes(2), 0, 0, time.Second)
		}, 2 * time.Minute},
		{"an empty time is passed quickly", func(p *pace) { p.learn(minutes(5), 0, 0, time.Millisecond) }, 10 * time.Minute},
		{"after one that was too much, never again so much", func(p *pace) {
			p.shorten(minutes(720), &Error{Code: 241})
			p.learn(minutes(360), 10, 1, time.Second)
		}, 6 * time.Hour},
	} {
		p := &pace{}
		test.learn(p)
		if got := p.length(); got != test.want {
			t.Errorf("%s: the next is %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPaceShortens(t *testing.T) {
	for _, test := range []struct {
		minutes int
		err     error
		want    time.Duration // 0: not again
	}{
		{240, &Error{Code: 159}, time.Hour},
		{60, &Error{Code: 241}, 30 * time.Minute},
		{30, &Error{Code: 241}, 0}, // a part of a half hour costs the store as much
		{240, &Error{Code: 60}, 0},
		{240, fmt.Errorf("no route to host"), 0},
		{30, &Error{Err: errNoRoom}, 7 * time.Minute},
		{5, &Error{Err: errNoRoom}, 0},
	} {
		p := &pace{next: 24 * time.Hour}
		again := p.shorten(window{from: noon, to: noon.Add(time.Duration(test.minutes) * time.Minute)}, test.err)
		if again != (test.want > 0) || again && p.length() != test.want {
			t.Errorf("%d minutes, %v: again %v, the next %v; want %v", test.minutes, test.err, again, p.length(), test.want)
		}
	}
}
