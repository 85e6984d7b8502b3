package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/featuresignals/tocsin/telemetry/embedded"
	"github.com/featuresignals/tocsin/telemetry/embedded/enginetest"
)

// dial is clickhouse-go on a port of the engine's.
func dial(t testing.TB, change func(*clickhouse.Options), options ...embedded.Option) driver.Conn {
	t.Helper()
	_, s := enginetest.Serve(t, options...)
	return dialAt(t, s.Addr(), change)
}

// dialAt is clickhouse-go on an address.
func dialAt(t testing.TB, addr string, change func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	opts := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{addr}}
	if change != nil {
		change(opts)
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// database makes a database that is the test's own.
func database(t testing.TB) string {
	t.Helper()
	name := "t_" + strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(t.Name()))
	e := enginetest.ForTest(t)
	if err := e.Exec(t.Context(), "DROP DATABASE IF EXISTS "+name+";\nCREATE DATABASE "+name+";\n"); err != nil {
		t.Fatal(err)
	}
	return name
}

// code is ClickHouse's code of an error that clickhouse-go returned.
func code(err error) int32 {
	if e, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return e.Code
	}
	return 0
}

func TestAClientPings(t *testing.T) {
	conn := dial(t, nil)
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, s := enginetest.Serve(t)
	opts, err := clickhouse.ParseDSN(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	db := clickhouse.OpenDB(opts)
	if err := errors.Join(db.PingContext(t.Context()), db.Close()); err != nil {
		t.Errorf("database/sql at %s: %v", s.URL(), err)
	}
	v, err := conn.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if v.Version.Major < 26 {
		t.Errorf("version %v: want the engine's own, 26 or newer", v.Version)
	}
}

func TestParametersArriveUnchanged(t *testing.T) {
	conn := dial(t, nil)
	for name, text := range map[string]string{
		"a word":            "checkout",
		"nothing":           "",
		"quotes":            `it's "so"`,
		"other scripts":     "überfällig 東京",
		"an injected query": "'; DROP TABLE x; --",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"text": text, "n": "41", "list": "['a','b']"}))
			var got string
			var sum uint64
			var list []string
			err := conn.QueryRow(ctx, "SELECT {text:String}, {n:UInt64} + 1, {list:Array(String)}").Scan(&got, &sum, &list)
			if err != nil {
				t.Fatal(err)
			}
			if got != text || sum != 42 || !reflect.DeepEqual(list, []string{"a", "b"}) {
				t.Errorf("got %q, %d, %q", got, sum, list)
			}
		})
	}
}

const mixedTable = `CREATE TABLE %s.spans (
	at        DateTime64(9, 'UTC'),
	trace     FixedString(32),
	service   LowCardinality(String),
	kind      Int8,
	duration  UInt64,
	failed    Bool,
	labels    Map(LowCardinality(String), String),
	numbers   Map(LowCardinality(String), Float64),
	flags     Map(LowCardinality(String), Bool),
	resource  JSON(max_dynamic_paths = 100),
	events    Array(String),
	` + "`resource_string_service$$name`" + ` LowCardinality(String) DEFAULT labels['service.name'],
	serviceName LowCardinality(String) ALIAS ` + "`resource_string_service$$name`" + `
) ENGINE = MergeTree ORDER BY at`

type span struct {
	At       time.Time          `ch:"at"`
	Trace    string             `ch:"trace"`
	Service  string             `ch:"service"`
	Kind     int8               `ch:"kind"`
	Duration uint64             `ch:"duration"`
	Failed   bool               `ch:"failed"`
	Labels   map[string]string  `ch:"labels"`
	Numbers  map[string]float64 `ch:"numbers"`
	Flags    map[string]bool    `ch:"flags"`
	Resource string             `ch:"resource"`
	Events   []string           `ch:"events"`
}

func TestABatchOfMixedTypesReadsBack(t *testing.T) {
	for name, method := range map[string]clickhouse.CompressionMethod{
		"plain": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD, "gzip": clickhouse.CompressionGZIP,
	} {
		t.Run(name, func(t *testing.T) {
			db := database(t)
			conn := dial(t, func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: method, Level: 3} })
			if err := conn.Exec(t.Context(), fmt.Sprintf(mixedTable, db)); err != nil {
				t.Fatal(err)
			}
			want := []span{
				{
					At: time.Date(2026, 11, 20, 14, 2, 3, 123456789, time.UTC), Trace: strings.Repeat("0af7", 8), Service: "checkout", Kind: 2, Duration: 1 << 63, Failed: true,
					Labels:  map[string]string{"service.name": "checkout", "text": "two\n\nlines; and a \x00 byte"},
					Numbers: map[string]float64{"http.status": 500}, Flags: map[string]bool{"sampled": true, "cached": false},
					Resource: `{"cloud":{"region":"eu-west-1"},"service":{"name":"checkout"}}`, Events: []string{`{"name":"exception"}`, ""},
				},
				{
					At: time.Date(2026, 11, 20, 14, 2, 4, 0, time.UTC), Trace: strings.Repeat("f", 32), Kind: -1,
					Labels: map[string]string{}, Numbers: map[string]float64{}, Flags: map[string]bool{}, Resource: `{}`, Events: []string{},
				},
			}
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+db+".spans (at, trace, service, kind, duration, failed, labels, numbers, flags, resource, events)")
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range want {
				if err := batch.AppendStruct(&row); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}

			var got []span
			err = conn.Select(t.Context(), &got, "SELECT at, trace, service, kind, duration, failed, labels, numbers, flags, toJSONString(resource) AS resource, events FROM "+db+".spans ORDER BY at")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}

			var region, name string
			err = conn.QueryRow(t.Context(), "SELECT resource.`cloud.region`::String, serviceName FROM "+db+".spans ORDER BY at LIMIT 1").Scan(&region, &name)
			if err != nil {
				t.Fatal(err)
			}
			if region != "eu-west-1" || name != "checkout" {
				t.Errorf("region %q, service %q: want eu-west-1 and checkout", region, name)
			}
		})
	}
}

func TestAWideBatchIsInserted(t *testing.T) {
	db := database(t)
	conn := dial(t, nil)
	for _, width := range []int{1, 9, 10, 13, 34, 60} { // 10 and 13 are the bytes of line ends
		var columns []string
		var row []any
		for i := range width {
			columns = append(columns, fmt.Sprintf("c%d String", i))
			row = append(row, fmt.Sprint(i))
		}
		table := fmt.Sprintf("%s.wide%d", db, width)
		if err := conn.Exec(t.Context(), "CREATE TABLE "+table+" ("+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY c0"); err != nil {
			t.Fatal(err)
		}
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := batch.Append(row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatalf("%d columns: %v", width, err)
		}
		var rows uint64
		if err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT countIf(c%d = '%[1]d') FROM %s", width-1, table)).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != 10 {
			t.Errorf("%d columns: %d rows arrived, want 10", width, rows)
		}
	}
}

func TestMistakesHaveTheirCodes(t *testing.T) {
	conn := dial(t, nil)
	for name, c := range map[string]struct {
		sql  string
		ctx  []clickhouse.QueryOption
		want int32
	}{
		"an unknown column":      {sql: "SELECT nobody", want: 47},
		"an unknown table":       {sql: "SELECT * FROM nobody", want: 60},
		"an unknown database":    {sql: "SELECT * FROM nobody.nothing", want: 81},
		"broken syntax":          {sql: "SELEC 1", want: 62},
		"two statements":         {sql: "SELECT 1; SELECT 2", want: 62},
		"an unknown setting":     {sql: "SELECT 1", ctx: []clickhouse.QueryOption{clickhouse.WithSettings(clickhouse.Settings{"max_nonsense": 1})}, want: 115},
		"a setting with a blank": {sql: "SELECT 1", ctx: []clickhouse.QueryOption{clickhouse.WithSettings(clickhouse.Settings{"a b": 1})}, want: 115},
		"a missing parameter":    {sql: "SELECT {x:String}", want: 456},
		"out of time": {
			sql: "SELECT sum(sipHash64(number)) FROM numbers(100000000000)", want: 159,
			ctx: []clickhouse.QueryOption{clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": "0.2", "timeout_overflow_mode": "throw"})},
		},
		"too much memory": {
			sql: "SELECT groupArray(number) FROM numbers(100000000)", want: 241,
			ctx: []clickhouse.QueryOption{clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": 50000000})},
		},
		"a mistake at a late row": {sql: "SELECT throwIf(number = 3000000, 'enough') FROM numbers(4000000)", want: 395},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := conn.Query(clickhouse.Context(t.Context(), c.ctx...), c.sql)
			if err == nil {
				for rows.Next() {
				}
				err = errors.Join(rows.Err(), rows.Close())
			}
			if got := code(err); got != c.want {
				t.Errorf("code %d, want %d: %v", got, c.want, err)
			}
		})
	}
}

func TestASettingEndsWithItsQuery(t *testing.T) {
	conn := dial(t, nil)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1, "log_comment": `{"app":"tocsin's"}`}))
	const sql = "SELECT toString(getSetting('max_threads')), getSetting('log_comment')"
	var threads, comment string
	if err := conn.QueryRow(ctx, sql).Scan(&threads, &comment); err != nil {
		t.Fatal(err)
	}
	if threads != "1" || comment != `{"app":"tocsin's"}` {
		t.Errorf("max_threads %s, log_comment %s: want what was sent", threads, comment)
	}
	if err := conn.QueryRow(t.Context(), sql).Scan(&threads, &comment); err != nil {
		t.Fatal(err)
	}
	if comment != "" {
		t.Errorf("log_comment %s has leaked into the next query", comment)
	}
}

func TestAReaderMayChangeSettingsButNotData(t *testing.T) {
	db := database(t)
	if err := enginetest.ForTest(t).Exec(t.Context(), "CREATE TABLE "+db+".x (a UInt8) ENGINE = MergeTree ORDER BY a"); err != nil {
		t.Fatal(err)
	}
	timed := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 20}))
	asReader := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"readonly": 2}))
	whole := dial(t, nil)
	reader := dial(t, nil, embedded.ReadOnly(2))
	strict := dial(t, nil, embedded.ReadOnly(1))
	for name, c := range map[string]struct {
		conn driver.Conn
		ctx  context.Context
		sql  string
		want int32
	}{
		"a reader reads":                           {reader, t.Context(), "SELECT * FROM " + db + ".x", 0},
		"a reader changes a setting":               {reader, timed, "SELECT * FROM " + db + ".x", 0},
		"a reader does not insert":                 {reader, t.Context(), "INSERT INTO " + db + ".x VALUES (1)", 164},
		"a reader does not drop":                   {reader, t.Context(), "DROP TABLE " + db + ".x", 164},
		"a reader does not become a writer":        {reader, clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"readonly": 0})), "SELECT 1", 164},
		"a writer may ask to be a reader":          {whole, asReader, "INSERT INTO " + db + ".x VALUES (1)", 164},
		"at level 1 not even a setting is changed": {strict, timed, "SELECT 1", 164},
		"a writer writes":                          {whole, t.Context(), "INSERT INTO " + db + ".x VALUES (1)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.conn.Exec(c.ctx, c.sql); code(err) != c.want || (c.want == 0) != (err == nil) {
				t.Errorf("got %v, want code %d", err, c.want)
			}
		})
	}
	batch, err := reader.PrepareBatch(t.Context(), "INSERT INTO "+db+".x")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Append(uint8(7)); err != nil {
		t.Fatal(err)
	}
	if err := batch.Send(); code(err) != 164 {
		t.Errorf("a reader's batch: got %v, want code 164", err)
	}
}

// halfway gives rows and then the end that a client brings who broke off.
type halfway struct{ rows io.Reader }

func (h halfway) Read(p []byte) (int, error) {
	n, err := h.rows.Read(p)
	if err != nil {
		return n, errors.New("the client has gone")
	}
	return n, nil
}

func TestRowsOfAClientThatBreaksOffAreNotKept(t *testing.T) {
	db := database(t)
	e, s := enginetest.Serve(t)
	if err := e.Exec(t.Context(), "CREATE TABLE "+db+".x (a String) ENGINE = MergeTree ORDER BY a;\n"); err != nil {
		t.Fatal(err)
	}
	rows := func() uint64 {
		var n uint64
		if err := dialAt(t, s.Addr(), nil).QueryRow(t.Context(), "SELECT count() FROM "+db+".x").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	post := func(body io.Reader) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/?query="+url.QueryEscape("INSERT INTO "+db+".x FORMAT TSV"), body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	}
	lines := strings.Repeat("a line\n", 10_000)
	if err := post(halfway{strings.NewReader(lines)}); err == nil {
		t.Error("half an INSERT was taken for a whole one")
	}
	if err := post(strings.NewReader(lines)); err != nil {
		t.Error(err)
	}
	if n := rows(); n != 10_000 {
		t.Errorf("%d rows, want the 10000 of the client that finished", n)
	}
}

func TestALargeInsertIntoNothingIsToldWhatIsWrong(t *testing.T) {
	_, s := enginetest.Serve(t)
	sql := url.QueryEscape("INSERT INTO nobody FORMAT TSV")
	resp, err := http.Post(s.URL()+"/?query="+sql, "", strings.NewReader(strings.Repeat("a line\n", 5_000_000))) //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("X-ClickHouse-Exception-Code"); got != "60" {
		t.Errorf("code %q, want 60", got)
	}
}

func TestAGetReadsOnly(t *testing.T) {
	_, s := enginetest.Serve(t)
	for path, want := range map[string]string{
		"/ping":                     "Ok.\n",
		"/":                         "Ok.\n",
		"/?query=SELECT+'it+reads'": "it reads\n",
		"/?query=CREATE+TABLE+x+(a+UInt8)+ENGINE=Memory":            "Code: 164.",
		"/?query=SELECT+{x:UInt8}%2B1&param_x=4&default_format=CSV": "5\n",
		"/?query=SELECT+currentDatabase()&database=system":          "system\n",
		"/?query=SELECT+1&database=nobody":                          "Code: 81.",
		"/?query=SELECT+1&session_id=me":                            "Code: 48.",
	} {
		resp, err := http.Get(s.URL() + path) //nolint:noctx // the test's own server
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(body), want) {
			t.Errorf("GET %s: got %q, want %q", path, body, want)
		}
	}
}

func TestManyClientsAtOnceGetTheirOwnAnswers(t *testing.T) {
	conn := dial(t, nil)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 10 {
				want := uint64(g*1000 + i)
				ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"log_comment": fmt.Sprint(want)}), clickhouse.WithParameters(clickhouse.Parameters{"n": fmt.Sprint(want)}))
				var got uint64
				var comment string
				if err := conn.QueryRow(ctx, "SELECT {n:UInt64}, getSetting('log_comment')").Scan(&got, &comment); err != nil {
					t.Error(err)
				}
				if got != want || comment != fmt.Sprint(want) {
					t.Errorf("got %d and %s, want %d", got, comment, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestAQueryRunsWhileAnotherAnswerIsRead(t *testing.T) {
	conn := dial(t, nil)
	rows, err := conn.Query(t.Context(), "SELECT number, repeat('x', 100) FROM numbers(1000000)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if n%250_000 == 0 {
			if err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if n != 1_000_000 {
		t.Errorf("%d rows, want 1000000", n)
	}
}

func TestTheSummarySaysWhatAQueryCost(t *testing.T) {
	db := database(t)
	e, s := enginetest.Serve(t)
	if err := e.Exec(t.Context(), "CREATE TABLE "+db+".x (a UInt64) ENGINE = MergeTree ORDER BY a;\nINSERT INTO "+db+".x SELECT number FROM numbers(200000);\n"); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"Native", "JSON"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/?default_format="+format, strings.NewReader("SELECT sum(a) FROM "+db+".x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		summary := resp.Header.Get("X-ClickHouse-Summary")
		if !strings.Contains(summary, `"read_rows":"200000"`) || strings.Contains(summary, `"elapsed_ns":"0"`) {
			t.Errorf("%s: summary %s: want 200000 rows read in some time", format, summary)
		}
	}
}
