package page

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/featuresignals/tocsin/templates"
)

// badge is a small sign for a README or a console: what it is of, and how that
// is, in words. The colour says nothing that the words do not.
type badge struct{ label, message, colour string }

// colours are those of the tones. White words on them have a contrast of 4.5 to 1
// or more.
var colours = map[string]string{"ok": "2b7a3b", "minor": "8f5f00", "partial": "b0491e", "major": "b3261e", "info": "2f62b5", "unknown": "666b73"}

// badges makes the badges of the page, of each component and of each region, as
// pictures and for those who draw their own, by the names of their files.
func (c *Channel) badges(p templates.Public) (map[string][]byte, error) {
	files, said := map[string][]byte{}, c.t.Words(p)
	for _, s := range scopes(p) {
		b := badgeOf(said, p, s)
		picture, err := b.asSVG()
		if err != nil {
			return nil, err
		}
		shield, err := b.asShield()
		if err != nil {
			return nil, err
		}
		files[s.file(fileBadge)], files[s.file(fileShield)] = picture, shield
	}
	return files, nil
}

// badgeOf says how the page, a component or a region is, in the words of its page.
func badgeOf(said templates.Words, p templates.Public, s scope) badge {
	switch {
	case s.component != "":
		n := slices.IndexFunc(p.Components, func(c templates.Component) bool { return c.ID == s.component })
		c := p.Components[n]
		return cellBadge(said, p, s.name, c.Status, c.Cells)
	case s.region != "":
		cells := p.In(s.region)
		return cellBadge(said, p, s.name, templates.Together(cells), cells)
	default:
		now := said.Now(p)
		return badge{p.Organisation, now.Word, colours[now.Tone]}
	}
}

// cellBadge says how the cells of a component or of a region are together.
func cellBadge(said templates.Words, p templates.Public, label string, s templates.Status, cells []templates.Cell) badge {
	look := said.Look(s)
	b := badge{label, look.Word, colours[look.Tone]}
	if s != templates.NoData {
		return b
	}
	since, all := time.Time{}, true
	for _, c := range cells {
		switch {
		case c.Status != templates.NoData:
			all = all && c.Status == templates.NotWatched
		case since.IsZero() || c.Since.Before(since):
			since = c.Since
		}
	}
	switch {
	case !all:
		b.message = said.Say("status.no_data.partly")
	case !since.IsZero():
		b.message = said.Say("head.blind", said.Moment(p.Rendered, since))
	}
	return b
}

// shield is the form of shields' endpoint badges.
type shield struct {
	Version int    `json:"schemaVersion"`
	Label   string `json:"label"`
	Message string `json:"message"`
	Colour  string `json:"color"`
}

func (b badge) asShield() ([]byte, error) { return encode(shield{1, b.label, b.message, b.colour}) }

// svg is a picture of two fields with words, which needs no font of its own. How
// wide the words are is computed, and said in the picture, so that they fit
// whatever font the reader has.
type svg struct {
	XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
	Width   string   `xml:"width,attr"`
	Height  string   `xml:"height,attr"`
	View    string   `xml:"viewBox,attr"`
	Role    string   `xml:"role,attr"`
	Named   string   `xml:"aria-labelledby,attr"`
	Label   string   `xml:"data-label,attr"` // from which it can be drawn anew
	Title   svgTitle `xml:"title"`
	Fields  []svgField
	Words   svgWords `xml:"g"`
}

type svgTitle struct {
	ID   string `xml:"id,attr"`
	Text string `xml:",chardata"`
}

type svgField struct {
	XMLName xml.Name `xml:"path"`
	Fill    string   `xml:"fill,attr"`
	Line    string   `xml:"d,attr"`
}

type svgWords struct {
	Fill  string    `xml:"fill,attr"`
	Font  string    `xml:"font-family,attr"`
	Size  string    `xml:"font-size,attr"`
	Texts []svgText `xml:"text"`
}

type svgText struct {
	X     string `xml:"x,attr"`
	Y     string `xml:"y,attr"`
	Long  string `xml:"textLength,attr"`
	Words string `xml:",chardata"`
}

// badgeWords is how many characters a field holds.
const badgeWords = 60

func (b badge) asSVG() ([]byte, error) {
	label, message := brief(badgeWords, b.label), brief(badgeWords, b.message)
	const pad, height, round = 60, 200, 30 // in tenths of a pixel
	l, m := wide(label), wide(message)
	left := l + 2*pad
	all := left + m + 2*pad
	px := func(tenths int) string { return strings.TrimSuffix(fmt.Sprintf("%d.%d", tenths/10, tenths%10), ".0") }
	r, h := px(round), px(height)
	return markup(svg{
		Width: px(all), Height: h, View: "0 0 " + px(all) + " " + h, Role: "img", Named: "t", Label: b.label,
		Title: svgTitle{"t", b.label + ": " + b.message},
		Fields: []svgField{
			{Fill: "#3b3f46", Line: fmt.Sprintf("M%[1]s 0H%[2]sV%[3]sH%[1]sa%[1]s %[1]s 0 0 1-%[1]s-%[1]sV%[1]sa%[1]s %[1]s 0 0 1 %[1]s-%[1]sz", r, px(left), h)},
			{Fill: "#" + b.colour, Line: fmt.Sprintf("M%[2]s 0H%[3]sa%[1]s %[1]s 0 0 1 %[1]s %[1]sV%[4]sa%[1]s %[1]s 0 0 1-%[1]s %[1]sH%[2]sz", r, px(left), px(all-round), px(height-round))},
		},
		Words: svgWords{"#fff", "Verdana,Geneva,DejaVu Sans,sans-serif", "11", []svgText{
			{px(pad), "14", px(l), label},
			{px(left + pad), "14", px(m), message},
		}},
	})
}

// brief cuts words to so many characters.
func brief(most int, words string) string {
	if r := []rune(words); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return words
}

// widths is how wide the characters from space to tilde are in Verdana of 11
// pixels, in tenths of a pixel.
var widths = [...]uint8{
	39, 43, 50, 90, 70, 118, 80, 30, 50, 50, 70, 90, 40, 50, 40, 50, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 50, 50, 90, 90, 90, 60,
	110, 75, 75, 77, 85, 70, 63, 85, 83, 46, 50, 76, 61, 93, 82, 87, 66, 87, 76, 75, 68, 81, 75, 109, 75, 68, 75, 50, 50, 50, 90, 70,
	70, 66, 69, 57, 69, 66, 39, 69, 70, 30, 38, 65, 30, 107, 70, 67, 69, 69, 47, 57, 43, 70, 65, 90, 65, 65, 58, 70, 50, 70, 90,
}

// wide says how wide words are, in tenths of a pixel. What the table does not
// have counts as a wide character, and what is drawn on another as none.
func wide(words string) int {
	n := 0
	for _, r := range words {
		switch {
		case r >= ' ' && r <= '~':
			n += int(widths[r-' '])
		case r < 0x250: // Latin with accents
			n += 72
		case r >= 0x300 && r < 0x370, r == 0x200d, r >= 0xfe00 && r < 0xfe10:
		default:
			n += 115
		}
	}
	return n
}

// greyBadge draws a picture anew that says since when nobody knows. What is none
// of ours comes back as it is.
func greyBadge(content []byte, e expiry) []byte {
	var old struct {
		Label string `xml:"data-label,attr"`
	}
	if xml.Unmarshal(content, &old) != nil || !bytes.Contains(content, []byte("data-label=")) {
		return content
	}
	b, err := badge{old.Label, e.words(), colours["unknown"]}.asSVG()
	if err != nil {
		return content
	}
	return b
}

// greyShield does the same for those who draw their own.
func greyShield(content []byte, e expiry) []byte {
	var old shield
	if json.Unmarshal(content, &old) != nil || old.Version != 1 {
		return content
	}
	b, err := badge{old.Label, e.words(), colours["unknown"]}.asShield()
	if err != nil {
		return content
	}
	return b
}
