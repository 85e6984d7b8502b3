package templates

import (
	"reflect"
	"strings"
)

// Hostile is a text that does not mean well, with the name of what it tries.
type Hostile struct{ Name, Text string }

// HostileTexts lists what people and programs have tried on those who print the
// words of others. None of them may have an effect in any channel: either it is
// refused, or it is shown as what it is. Load tries some of it on each template,
// and the tests of the channels all.
func HostileTexts() []Hostile {
	return []Hostile{
		{"an element with a script", `<script>alert(1)</script>`},
		{"an image with a handler", `<img src=x onerror=alert(1)>`},
		{"the end of an attribute", `" onmouseover="alert(1)" x="`},
		{"the end of an attribute in single quotes", `' onfocus='alert(1)' autofocus x='`},
		{"the end of whatever was begun", `--></style></script></textarea></title>]]><b>`},
		{"an address that runs", `javascript:alert(1)//https://x@y`},
		{"an address that is a page", `data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==`},
		{"entities", `&lt;script&gt; &#60;b&#62; &amp;lt; &nbsp;`},
		{"an action of a template", `{{template "what" .}}{{.Page.Organisation}}{{printf "%1000000d" 1}}`},
		{"the actions of other templates", `${7*7} #{7*7} <%= 7*7 %> {% raw %} [[7*7]] %s %n %!d(string=x)`},
		{"a placeholder", `<symptom> {BRIEF_TITLE}`},
		{"calls to all of a Slack workspace", `<!channel> <!here> <!everyone> <@U0123ABCD> <#C0123ABCD> <!subteam^S01>`},
		{"calls in plain words", `@channel @here @everyone @octocat #1 octocat/hello#2`},
		{"a link of Slack", `<https://evil.example|status page>`},
		{"mrkdwn", "*bold* _slanted_ ~struck~ `code` ```block``` > quote"},
		{"a link of Markdown", `[status page](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example>`},
		{"a link that runs of Markdown", `[x](javascript:alert(1)) [x]: javascript:alert(1)`},
		{"blocks of Markdown", "# Heading\n\n- [ ] task\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n***\n\n```\ncode"},
		{"HTML in Markdown", "<details open><summary>x</summary>\n\n<b>y</b>\n\n</details>"},
		{"a header of a mail", "errors\r\nBcc: everybody@example.com\r\nSubject: all is well"},
		{"a body of a mail", "errors\r\n\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n.\r\nQUIT\r\n"},
		{"an encoded word of a mail", `=?utf-8?B?PGI+eDwvYj4=?= =?utf-8?Q?=0D=0ABcc:_x?=`},
		{"a list of addresses", `"Ann" <ann@example.com>, evil@example.com; x`},
		{"a line of a form", "errors\nStatus: RESOLVED\nNext Update: never"},
		{"other line breaks", "errors\rStatus: RESOLVED\vNext\fpage\u0085x\u2028y\u2029z"},
		{"text that runs backwards", "harmless \u202egnp.exe\u202c \u2067abc\u2069"},
		{"marks of direction", "a\u200eb\u200fc\u061cd"},
		{"characters without width", "ad\u200bmin pay\u2060pal \ufeffx z\u200dw s\u00adoft \U000E0041\U000E007F"},
		{"a right-to-left script", "خطأ في الخدمة שגיאה"},
		{"piled-up marks", "e" + strings.Repeat("\u0301", 50)},
		{"look-alikes", "раура1 ℀ ﬁ ＜script＞"},
		{"control characters", "\x00\x01\x07\x08\x1b[31mred\x1b[0m\x1b]0;title\x07\x7f"},
		{"what is not UTF-8", "caf\xe9 \xff\xfe \xc0\xbc \xed\xa0\x80"},
		{"a query", `'; DROP TABLE incidents; -- " OR 1=1`},
		{"a path", `../../../../etc/passwd %2e%2e%2f C:\x`},
		{"JSON", `","severity":"P0","x":{"y":[1,2,{}]},"z":"`},
		{"a formula", `=HYPERLINK("https://evil.example","x") +1 -1 @SUM(1)`},
		{"nothing but spaces", " \t \u00a0 \u3000 "},
		{"a long word", strings.Repeat("W", 5000)},
		{"a megabyte", strings.Repeat("a long text <b> ", 1<<16)},
	}
}

// filled is full, with a word of fill's choice in every field that is a string.
// fill gets the field's name and what it holds. There are fewer updates, since
// what is done to one is done to all.
func filled(fill func(field, is string) string) Public {
	p := full()
	for _, list := range [][]Incident{p.Incidents, p.Past} {
		for n := range list {
			var few []Update
			for at, u := range list[n].Updates {
				if at%5 == 0 {
					few = append(few, u)
				}
			}
			list[n].Updates = few
		}
	}
	fillIn("", reflect.ValueOf(&p).Elem(), fill)
	return p
}

func filledNotice(fill func(field, is string) string) Notice {
	n := fullNotice()
	fillIn("", reflect.ValueOf(&n).Elem(), fill)
	return n
}

func fillIn(field string, v reflect.Value, fill func(field, is string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(fill(field, v.String()))
	case reflect.Slice:
		for n := range v.Len() {
			fillIn(field, v.Index(n), fill)
		}
	case reflect.Struct:
		for n := range v.NumField() {
			if f := v.Type().Field(n); f.IsExported() {
				name := f.Name
				if v.Type() == reflect.TypeFor[Update]() && name == "Impact" {
					name = "Words" // and not of Statuspage's list, as the incident's is
				}
				fillIn(name, v.Field(n), fill)
			}
		}
	}
}

// fixed are the fields that hold a word of a fixed list, or the name of an
// incident: which sentences there are depends on them.
var fixed = map[string]bool{
	"ID": true, "State": true, "Status": true, "Severity": true, "Impact": true, "Trend": true, "Integrity": true,
	"Indicator": true, "Kind": true, "Into": true, "Code": true,
}

// asLong fills a field with as much as it can hold once it is published.
func asLong(field, is string) string {
	switch {
	case fixed[field]:
		return is
	case field == "Text":
		return strings.TrimSpace(strings.Repeat("wörter ", longest/8))
	default:
		return strings.TrimSpace(strings.Repeat("wörter ", 70))
	}
}

// asHostile fills every field with what does not mean well.
func asHostile(field, _ string) string {
	mark := forgedLine
	if field == "Text" {
		mark = "A paragraph" // those are lines of their own
	}
	return "x\r\n" + mark + ": yes\n\n<" + forgedElement + " onload=alert(1)>\"'--></script></style></title>]]>" +
		"{{.Page}}{{template \"what\" .}}<!channel> [x](javascript:alert(1)) \u202e\u200b\x00 &lt; %!d(string=x)"
}

// asHostileWords leaves the words of fixed lists, so that every sentence is there.
func asHostileWords(field, is string) string {
	if fixed[field] {
		return is
	}
	return asHostile(field, is)
}
