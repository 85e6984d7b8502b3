package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/evaluator"
	"github.com/featuresignals/tocsin/rules"
	"github.com/featuresignals/tocsin/telemetry/signoz"
)

// refusal is a configuration that did not come into force, and why.
type refusal struct {
	At       time.Time `json:"at"`
	Mistakes []string  `json:"mistakes"`
}

// retryAfter is how long what may mend itself, such as a store that does not
// answer yet or a secret that is still to be written, is waited for.
const retryAfter = 10 * time.Second

// lookEvery is how often the files are looked at.
const lookEvery = time.Second

// errUnsettled says that the files are not any more what was seen of them.
var errUnsettled = errors.New("the files of the configuration change while they are read")

// follow reloads the configuration when its files change and at SIGHUP, until
// ctx ends. A change that comes while an earlier one is being taken up takes
// its place.
func (k *keeper) follow(ctx context.Context, files *watch, hup <-chan os.Signal) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	const changed = "its files changed"
	var under *part
	why := changed
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			files.ask()
			why = "SIGHUP"
			continue
		case <-tick.C:
			if !files.changed() {
				continue
			}
		}
		if under.goesOn() {
			k.logger.Info("a reload under way is given up for a newer one", "why", why)
		}
		under.stop()
		seen, because := files.read, why
		under = k.run(func(ctx context.Context) error {
			k.reload(ctx, seen, because)
			return nil
		})
		why = changed
	}
}

// reload takes the configuration up as it is written now, or says why it does
// not; then the old one stays. Mistakes in the files wait for the next change
// of them; whatever else is in the way may mend itself, and is tried again.
func (k *keeper) reload(ctx context.Context, files reading, why string) {
	for {
		err := k.tryReload(ctx, files, why)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			k.refused.Store(nil)
			return
		}
		wait := lookEvery // and most likely what they are then takes this one's place
		if !errors.Is(err, errUnsettled) {
			k.refuse(err)
			wait = retryAfter
		}
		if len(rules.Mistakes(err)) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// refuse says what is wrong with a configuration, once.
func (k *keeper) refuse(err error) {
	var lines []string
	for _, m := range rules.Mistakes(err) {
		lines = append(lines, m.Error())
	}
	if len(lines) == 0 {
		lines = []string{err.Error()}
	}
	was := k.refused.Swap(&refusal{time.Now().UTC(), lines})
	if was != nil && strings.Join(was.Mistakes, "\n") == strings.Join(lines, "\n") {
		return
	}
	for _, l := range lines {
		k.logger.Error("a mistake in the configuration", "mistake", l)
	}
	k.logger.Error("the configuration is not taken up, the old one stays in force", "mistakes", len(lines), "in_force", short(k.force.Load().sum))
}

// tryReload makes everything that the new configuration calls for while the old
// one goes on, and swaps the two when the new rings are filled.
func (k *keeper) tryReload(ctx context.Context, files reading, why string) error {
	was := k.force.Load()
	config, err := k.load(files)
	if err != nil {
		return err
	}
	diff := compare(was.config, config)
	next, err := setUp(config, k.db, k.logger)
	if err != nil {
		return err
	}
	if next.words.Sum() != was.words.Sum() {
		diff.others = append(diff.others, "templates")
	}
	if !diff.differs("page") && !reflect.DeepEqual(looks(next.channels), looks(was.channels)) {
		diff.others = append(diff.others, "page")
	}
	if !diff.reopens() { // the channels go on, and tell the page that they know of what they published
		next.channels, next.shown, next.page = was.channels, was.shown, was.page
	}
	k.logger.Info("the configuration changed, reading what its rules look back on", "why", why)
	is := &standing{setup: next, sum: files.sum, own: files.own(), loops: k.loops(next)}
	filled := true
	if err := k.fill(ctx, is, was, diff); err != nil {
		// A store that is away is no reason to keep rules that somebody has
		// changed: they are judged by when it is back. Another store is one.
		if e, ok := errors.AsType[*signoz.Error](err); ctx.Err() != nil || diff.differs("sources") || ok && e.Trouble != signoz.Unwell {
			next.close()
			return fmt.Errorf("read what the rules look back on: %w", err)
		}
		filled = false
		k.logger.Warn("the rules change while the source does not answer", "err", err)
	}
	if ctx.Err() != nil {
		next.close()
		return ctx.Err()
	}
	k.swap(k.ctx, is, was, diff, filled)
	was.close()
	k.logger.Info("configuration reloaded", "why", why, "rules", len(config.Rules), "added", diff.added, "removed", diff.removed, "changed", diff.changed,
		"other_keys", diff.others, "sum", short(files.sum))
	for _, key := range needsRestart(k.started, config) {
		k.logger.Warn("a change in the configuration needs a restart", "key", key)
	}
	return nil
}

// load reads the configuration anew, from files that say what was seen of them.
// A file that is gone or empty is no wish to have no rules: somebody is about to
// write it.
func (k *keeper) load(files reading) (*rules.Config, error) {
	path := k.world.path()
	if path == "" && len(k.config().Files) > 0 {
		return nil, fmt.Errorf("%s is gone: put it back, or stop Tocsin to start it without", usual)
	}
	if path != "" {
		if _, err := contents(path); err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
	}
	if err := files.whole(k.force.Load()); err != nil {
		return nil, err
	}
	config, err := k.world.load()
	if files.again().sum != files.sum {
		return nil, errUnsettled // what was parsed may be half of either
	}
	return config, err
}

// whole refuses files that a service which has rules of its own is not to go by:
// those that somebody is about to write, and those that have no rule. One that
// was cut short would have everything that is open resolved in public, and the
// built-in rules come into force, which nobody asked for.
func (r reading) whole(was *standing) error {
	if err := r.blank(); err != nil {
		return err
	}
	if was.own && !r.own() {
		return mistakeIn(r.main, "no file has a rule or names a pack any more: write the rules, name the packs that you want (packs: [opentelemetry]), or stop Tocsin to start it without")
	}
	return nil
}

// mistakeIn is a mistake of a file as a whole.
func mistakeIn(file, what string) error {
	return &rules.Error{Pos: rules.Pos{File: file, Line: 1, Col: 1}, Msg: what}
}

// fill reads what the new rules look back on and the old ones did not, so that
// they can judge at once. The old loops go on meanwhile.
func (k *keeper) fill(ctx context.Context, is, was *standing, diff changes) error {
	for _, l := range is.loops {
		l.Sink = func(context.Context, evaluator.Round) error { return nil } // nothing is said yet
		if predecessor(l, is, was, diff) != nil {
			continue
		}
		if _, err := k.catchUp(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// predecessor gives the loop whose minutes a new one takes over; nil if it has
// to read them.
func predecessor(l *evaluator.Loop, is, was *standing, diff changes) *evaluator.Loop {
	if diff.differs("sources", "regions") {
		return nil // the minutes would be others
	}
	if was.config.Witness(l.Name) != is.config.Witness(l.Name) {
		return nil // the minutes of its witnesses are to be read, too
	}
	for _, old := range was.loops {
		if l.Fits(old) {
			return old
		}
	}
	return nil
}

// catchUp brings a new loop up to the minute that was judged last, and no
// further. It gives false where there is none to judge again: nothing was judged
// yet, or so long ago that the loop's own first tick has to say what is skipped.
func (k *keeper) catchUp(ctx context.Context, l *evaluator.Loop) (ok bool, err error) {
	judged := k.desk.JudgedOf(l.Name)
	if judged.IsZero() || time.Since(judged) > l.Lag+l.CatchUp {
		return false, nil
	}
	return true, l.Tick(ctx, judged.Add(l.Lag))
}

// swap puts a configuration into force. The minute that was judged last is
// judged again, by the new rules; no later one has been, and none is left out.
func (k *keeper) swap(ctx context.Context, is, was *standing, diff changes, filled bool) {
	k.judging.stop()
	if err := k.desk.Reload(ctx, is.config); err != nil {
		return // we are stopping
	}
	is.since = time.Now()
	k.force.Store(is)
	if err := k.prober.Reconfigure(is.config.Probes); err != nil {
		k.logger.Warn("the probes go on as they were", "err", err)
	}
	for _, l := range is.loops {
		if err := k.rejudge(ctx, l, predecessor(l, is, was, diff), filled); err != nil && ctx.Err() == nil {
			k.logger.Warn("the newest minute is not judged by the new rules, the next one will be", "source", l.Name, "err", err)
		}
		l.Sink = k.take
	}
	k.judge(is)
	if diff.reopens() {
		k.publishing.stop() // a delivery under way comes to its end, or is repeated with its key
		k.publish(is.setup)
	}
	k.renewPages()
}

// rejudge has a new loop judge the minute that was judged last, once it has the
// minutes before: its predecessor's, or those that it was filled with.
func (k *keeper) rejudge(ctx context.Context, l, old *evaluator.Loop, filled bool) error {
	switch {
	case old != nil:
		if err := l.TakeOver(ctx, old); err != nil {
			return err
		}
	case !filled:
		return nil
	}
	if ok, err := k.catchUp(ctx, l); !ok || err != nil { // what was judged while the rings were filled
		return err
	}
	l.Sink = k.take
	return l.Rejudge(ctx, time.Now())
}

// short is as much of a sum as people compare.
func short(sum string) string { return sum[:min(12, len(sum))] }
