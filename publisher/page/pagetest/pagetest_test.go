package pagetest

import (
	"reflect"
	"testing"
	"time"
)

func TestEverySituationIsOneThatCouldBe(t *testing.T) {
	for _, name := range States {
		t.Run(name, func(t *testing.T) {
			p := Public(name)
			if err := p.Lint(); err != nil {
				t.Error(err)
			}
			seen := map[string]bool{}
			for _, i := range append(p.Incidents, p.Past...) {
				if seen[i.ID] || len(i.Updates) == 0 {
					t.Errorf("%s is there twice, or has nothing to say", i.ID)
				}
				seen[i.ID] = true
			}
			for _, c := range p.Components {
				if len(c.Cells) != len(p.Regions) {
					t.Errorf("%s has %d cells for %d regions", c.ID, len(c.Cells), len(p.Regions))
				}
				sum := 0
				for _, cell := range c.Cells {
					m := cell.Record.Sum()
					sum += m.Known() + m.Unknown + m.Maintenance
				}
				if m := c.Record.Sum(); len(c.Record.Days) > 0 && m.Known()+m.Unknown+m.Maintenance != sum {
					t.Errorf("%s has other minutes than its regions together", c.ID)
				}
				for n, d := range c.Record.Days {
					if want := Now.Truncate(24*time.Hour).AddDate(0, 0, n+1-RecordDays); !d.Date.Equal(want) {
						t.Fatalf("%s: day %d is %v", c.ID, n, d.Date)
					}
				}
			}
			if name == "huge" && len(p.Components)*len(p.Regions) != 300 {
				t.Error("it is not huge")
			}
			if again := Public(name); again.Incidents != nil && !reflect.DeepEqual(again.Incidents, p.Incidents) {
				t.Error("it is not the same at every call")
			}
		})
	}
}
