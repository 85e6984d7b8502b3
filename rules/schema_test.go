package rules

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shapes says where in the schema each mapping stands that the parser reads.
var shapes = map[string]struct {
	shape shape
	at    []string // pointers into the schema
}{
	"baselineShape":     {baselineShape, []string{"/$defs/rule/properties/baseline"}},
	"burnShape":         {burnShape, []string{"/$defs/burn"}},
	"calendarShape":     {calendarShape, []string{"/properties/business"}},
	"channelShape":      {channelShape, []string{"/$defs/channel"}},
	"checklistForShape": {checklistForShape, []string{"/$defs/checklist/properties/for"}},
	"checklistShape":    {checklistShape, []string{"/$defs/checklist"}},
	"componentShape":    {componentShape, []string{"/$defs/component"}},
	"consoleShape":      {consoleShape, []string{"/properties/console"}},
	"defaultsShape":     {defaultsShape, []string{"/properties/defaults"}},
	"escalationShape":   {escalationShape, []string{"/$defs/escalation"}},
	"expectShape":       {expectShape, []string{"/$defs/probe/properties/expect"}},
	"expectedShape":     {expectedShape, []string{"/$defs/expected"}},
	"gaugeShape":        {gaugeShape, []string{"/$defs/gauge"}},
	"levelShape":        {levelShape, []string{"/$defs/level"}},
	"linkShape":         {linkShape, []string{"/properties/console/properties/links/items"}},
	"listenShape":       {listenShape, []string{"/properties/listen"}},
	"mailListShape":     {mailListShape, []string{"/$defs/mailList"}},
	"maintenanceShape":  {maintenanceShape, []string{"/$defs/maintenance"}},
	"overrideShape":     {overrideShape, []string{"/$defs/override"}},
	"pageShape":         {pageShape, []string{"/properties/page"}},
	"pageLinkShape":     {pageLinkShape, []string{"/properties/page/properties/links/items"}},
	"pagingShape":       {pagingShape, []string{"/$defs/policy/properties/page/oneOf/1"}},
	"patternShape":      {patternShape, []string{"/$defs/patterns/oneOf/1", "/$defs/values/oneOf/1"}},
	"personShape":       {personShape, []string{"/$defs/person"}},
	"policyShape":       {policyShape, []string{"/$defs/policy"}},
	"postMortemShape":   {postMortemShape, []string{"/$defs/policy/properties/postmortem/oneOf/1"}},
	"probeShape":        {probeShape, []string{"/$defs/probe"}},
	"publicShape":       {publicShape, []string{"/$defs/public"}},
	"recoverShape":      {recoverShape, []string{"/$defs/recover"}},
	"regionShape":       {regionShape, []string{"/$defs/region"}},
	"roomsShape":        {roomsShape, []string{"/$defs/channel/properties/rooms"}},
	"ruleShape":         {ruleShape, []string{"/$defs/rule"}},
	"serviceShape":      {serviceShape, []string{"/$defs/service"}},
	"signozShape":       {signozShape, []string{"/properties/sources/properties/signoz"}},
	"silenceShape":      {silenceShape, []string{"/$defs/silence"}},
	"sourcesShape":      {sourcesShape, []string{"/properties/sources"}},
	"spreadShape":       {spreadShape, []string{"/$defs/spreadItem"}},
	"stepOfListShape":   {stepOfListShape, []string{"/$defs/checklistStep"}},
	"stepShape":         {stepShape, []string{"/$defs/step"}},
	"storeShape":        {storeShape, []string{"/properties/store"}},
	"testDownShape":     {testDownShape, []string{"/$defs/test/properties/down/items"}},
	"testSeriesShape":   {testSeriesShape, []string{"/$defs/series"}},
	"testShape":         {testShape, []string{"/$defs/test"}},
	"weeklyShape":       {weeklyShape, []string{"/$defs/weekly"}},
	"whereShape":        {whereShape, []string{"/$defs/where", "/$defs/spanWhere"}},
}

func TestTheSchemaHasTheParsersKeys(t *testing.T) {
	var root any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	for _, name := range shapesInSource(t) {
		if _, known := shapes[name]; !known {
			t.Errorf("%s is not in the list of shapes: say where in the schema it stands", name)
		}
	}
	sameKeys(t, root, "the top of a file", slices.Concat(mainKeys, sharedKeys), "")
	for name, s := range shapes {
		for _, at := range s.at {
			sameKeys(t, root, name, s.shape.keys, at)
		}
	}
	var packs []string
	for _, v := range follow(t, root, "/properties/packs/items/enum").([]any) {
		packs = append(packs, v.(string))
	}
	if !slices.Equal(packs, packNames) {
		t.Errorf("the schema has the packs %v, want %v", packs, packNames)
	}
}

// shapesInSource lists the package's variables that are shapes.
func shapesInSource(t *testing.T) []string {
	t.Helper()
	var names []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range vars.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 {
					continue
				}
				lit, ok := v.Values[0].(*ast.CompositeLit)
				if !ok {
					continue
				}
				if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "shape" {
					names = append(names, v.Names[0].Name)
				}
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %v are shapes", names)
	}
	return names
}

func sameKeys(t *testing.T, root any, name string, keys []string, at string) {
	t.Helper()
	o, ok := follow(t, root, at).(map[string]any)
	if !ok {
		t.Fatalf("%s: %s is no schema", name, at)
	}
	if o["additionalProperties"] != false {
		t.Errorf("%s: %s allows unknown keys", name, at)
	}
	properties, _ := o["properties"].(map[string]any)
	got := slices.Sorted(maps.Keys(properties))
	want := slices.Sorted(slices.Values(keys))
	if !slices.Equal(got, want) {
		t.Errorf("%s: the schema knows %v at %s, the parser %v", name, got, at, want)
	}
	for _, key := range got {
		if p, ok := properties[key].(map[string]any); ok && p["description"] == nil && p["$ref"] == nil {
			t.Errorf("%s: %s has no description for %s", name, at, key)
		}
	}
}

func follow(t *testing.T, node any, pointer string) any {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		switch n := node.(type) {
		case map[string]any:
			node = n[part]
		case []any:
			i := int(part[0] - '0')
			if i >= len(n) {
				t.Fatalf("the schema has no %s", pointer)
			}
			node = n[i]
		default:
			t.Fatalf("the schema has no %s", pointer)
		}
	}
	return node
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON gives YAML as an editor sees it. It is false for what is no YAML.
func asJSON(t *testing.T, body []byte) (any, bool) {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(body, &v); err != nil {
		return nil, false
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, false // NaN
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return doc, true
}

// goodFiles are the configurations of the repository: the packs, the examples
// and the scenarios.
func goodFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, folder := range []string{"packs", "testdata", "../deploy", "../testdata"} {
		err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			body, err := os.ReadFile(name)
			switch {
			case err != nil:
				return err
			case strings.HasSuffix(name, ".txtar"):
				for part, text := range rulesIn(string(body)) {
					files[name+"/"+part] = []byte(text)
				}
			case strings.HasSuffix(name, ".yaml") && isOurs(body):
				files[name] = body
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	delete(files, filepath.Join("testdata", "mistakes.yaml"))
	return files
}

// rulesIn gives the parts of an archive that are YAML.
func rulesIn(archive string) map[string]string {
	parts, name := map[string]string{}, ""
	for line := range strings.Lines(archive) {
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			name, _, _ = strings.Cut(head, " --")
			continue
		}
		if strings.HasSuffix(name, ".yaml") {
			parts[name] += line
		}
	}
	return parts
}

// isOurs tells configurations of Tocsin from those of other programs.
func isOurs(body []byte) bool {
	var top map[string]any
	if err := yaml.Unmarshal(body, &top); err != nil {
		return false
	}
	for key := range top {
		if !slices.Contains(mainKeys, key) && !slices.Contains(sharedKeys, key) {
			return false
		}
	}
	return len(top) > 0
}

func TestTheSchemaAcceptsWhatIsGood(t *testing.T) {
	s := compiled(t)
	files := goodFiles(t)
	for _, name := range []string{"packs/opentelemetry.yaml", "packs/runbooks.yaml", "testdata/full.yaml", "../deploy/example/tocsin.yaml", "../deploy/example/rules/runbooks.yaml"} {
		if files[name] == nil && !strings.HasSuffix(name, "rules/runbooks.yaml") {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		doc, ok := asJSON(t, files[name])
		if !ok {
			t.Errorf("%s is no YAML", name)
			continue
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What people get wrong in a file, their editor shows. What only Parse can know
// (names that are declared elsewhere, values that depend on each other, what
// customers may read) is listed in a file, for the diff to be read.
func TestTheSchemaRefusesWhatTheParserRefuses(t *testing.T) {
	s := compiled(t)
	var passed strings.Builder
	refused := 0
	for _, test := range slices.Concat(fileMistakes, ruleMistakes, wrongProbes, wrongPlans, wrongTests, deskMistakes, channelMistakes) {
		text := test.yaml
		if strings.Contains(text, "«") {
			text, _ = place(t, text)
		}
		if doc, ok := asJSON(t, []byte(text)); ok && s.Validate(doc) == nil {
			passed.WriteString(test.name + "\n")
			continue
		}
		refused++
	}
	asGolden(t, "testdata/only-the-parser.golden", passed.String())
	if refused < 150 {
		t.Errorf("the schema refuses only %d mistakes", refused)
	}
}

// Editors find the schema beside the example, wherever the folder is copied.
func TestTheExampleNamesItsSchema(t *testing.T) {
	const comment = "# yaml-language-server: $schema="
	beside, err := os.ReadFile("../deploy/example/schema.json")
	if err != nil || !bytes.Equal(beside, Schema()) {
		t.Errorf("deploy/example/schema.json is not rules/schema.json: copy it (%v)", err)
	}
	for name, body := range goodFiles(t) {
		if !strings.HasPrefix(name, "..") || strings.Contains(name, ".txtar") {
			continue
		}
		first, _, _ := strings.Cut(string(body), "\n")
		path, ok := strings.CutPrefix(first, comment)
		if !ok {
			t.Errorf("%s: the first line is no %s…", name, comment)
			continue
		}
		named, err := os.ReadFile(filepath.Join(filepath.Dir(name), path))
		if err != nil || !bytes.Equal(named, Schema()) {
			t.Errorf("%s: %s is not the schema (%v)", name, path, err)
		}
	}
}

var every = flag.Int("every", 11, "which of the changes to the full example are tried on schema and parser")

// Every value of a file that holds all keys is replaced by values of all other
// kinds, taken out, and joined by an unknown key. The parser and the schema must
// then say the same: the schema refuses nothing that the parser reads, and
// nothing passes it that has the wrong form.
func TestTheSchemaAgreesWithTheParser(t *testing.T) {
	t.Logf("one change of %d is tried; -every 1 tries them all", *every)
	s := compiled(t)
	body, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var full map[string]any
	if err := yaml.Unmarshal(body, &full); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, key := range slices.Sorted(maps.Keys(full)) {
		for i, part := range parts(full[key]) {
			doc, put := beside(t, key, part)
			mutate(&part, fmt.Sprintf("%s, part %d", key, i+1), func(at, what string) {
				if tried++; tried%*every == 0 {
					put(part)
					agree(t, s, doc, at+" "+what)
				}
			})
		}
	}
	if tried < 3000 {
		t.Errorf("only %d changes were tried", tried)
	}
}

// parts gives the items of a list one by one: small files are read faster.
func parts(v any) []any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		if _, ok := list[0].(map[string]any); ok {
			return list
		}
	}
	return []any{v}
}

// beside gives a file in which a part can stand beside what it names.
func beside(t *testing.T, key string, part any) (doc map[string]any, put func(part any)) {
	t.Helper()
	const named = `
channels:
  hooks: {type: webhook, url: "https://x", secret_file: x, severities: [P3]}
  slack: {type: slack, token_file: x, channel: C0123ABCD}
  email: {type: email, server: "x:587", from: a@x, severities: [P3], lists: [{name: a, audience: staff, addresses: [a@x]}]}
page: {url: "https://x"}
people: {ana: {roles: [on-call]}}
regions: [{code: in}, {code: us}, {code: eu}]
components: [{id: database}, {id: api}]
probes:
  - {id: edge, type: tls, targets: {eu: "a:443"}}
  - {id: api-health, type: http, targets: {eu: "https://a", us: "https://b"}, gauges: {pool: {path: a}}}
rules:
  - {id: probe-fails, component: api, signal: error_rate, where: {probes: [edge]}, levels: {P1: {above: 5%}}}
  - {id: auth, component: api, signal: error_rate, levels: {P1: {above: 5%}}}
  - {id: api-errors, component: api, signal: error_rate, levels: {P1: {above: 5%}}}
`
	if err := yaml.Unmarshal([]byte(named), &doc); err != nil {
		t.Fatal(err)
	}
	item, ok := part.(map[string]any)
	if !ok || item["id"] == nil && item["code"] == nil && item["names"] == nil && item["name"] == nil {
		return doc, func(part any) { doc[key] = part }
	}
	others, _ := doc[key].([]any)
	others = slices.DeleteFunc(others, func(other any) bool {
		o := other.(map[string]any)
		return o["id"] == item["id"] && o["code"] == item["code"]
	})
	return doc, func(part any) { doc[key] = append(slices.Clip(others), part) }
}

func agree(t *testing.T, s *jsonschema.Schema, doc map[string]any, change string) {
	t.Helper()
	encoded, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	refused := s.Validate(decoded)
	_, err = Parse([]File{{Name: "f.json", Body: encoded}})
	switch form := wrongForm(err); {
	case refused != nil && err == nil:
		t.Errorf("%s: the parser reads it, the schema says %v", change, refused)
	case refused == nil && form != "":
		t.Errorf("%s: the schema accepts it, the parser says %s", change, form)
	}
}

// wrongForm gives the first mistake that is one of form.
func wrongForm(err error) string {
	for _, m := range Mistakes(err) {
		for _, words := range []string{"want a list", "want a mapping", "want one value", "want text", "want true or false", "unknown key", "has no value", "is missing", "at least one", "list is empty", "plain keys"} {
			if strings.Contains(m.Msg, words) {
				return m.Msg
			}
		}
	}
	return ""
}

// mutate changes v and each value below it in turn, tells of it, and puts it
// back. The first change is none.
func mutate(v *any, at string, changed func(at, what string)) {
	was := *v
	changed(at, "as it is")
	others := []any{nil, true, 5, "zzz zzz", []any{"zzz"}, map[string]any{"zzz": 1}}
	switch was.(type) {
	case []any, map[string]any:
		others = append(others, []any{}, map[string]any{})
	}
	for _, other := range others {
		*v = other
		changed(at, fmt.Sprintf("as %#v", other))
	}
	*v = was
	switch m := was.(type) {
	case map[string]any:
		m["zzz"] = 1
		changed(at, "with an unknown key")
		delete(m, "zzz")
		for _, key := range slices.Sorted(maps.Keys(m)) {
			inner := m[key]
			delete(m, key)
			changed(at, "without "+key)
			mutate(&inner, at+"/"+key, func(at, what string) {
				m[key] = inner
				changed(at, what)
			})
			m[key] = inner
		}
	case []any:
		for i := range m {
			mutate(&m[i], fmt.Sprintf("%s/%d", at, i), changed)
		}
	}
}
