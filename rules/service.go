package rules

import (
	"io/fs"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	sourcesShape = shape{
		example: "{signoz: {dsn: …}}",
		keys:    []string{"signoz"},
		hints:   notYet("otlp", "probe", "probes"),
	}
	signozShape = shape{
		example: "{dsn: clickhouse://tocsin@clickhouse:9000/signoz_traces}",
		keys:    []string{"dsn", "password_file", "url", "region", "lag", "settle", "max_series", "shape"},
		hints: map[string]string{
			"password": "stands in no file that is shared: write password_file: /path/to/it, or set TOCSIN_CLICKHOUSE_PASSWORD",
			"errors":   "is not yet supported in this version: leave it out; an error is a span with status Error",
			"api_key":  "is not yet supported in this version: Tocsin reads SigNoz's ClickHouse",
		},
	}
	shapeNames  = []string{"v3-json", "v3-map", "contrib"}
	storeShape  = shape{example: "{path: /var/lib/tocsin/tocsin.db}", keys: []string{"path"}, hints: notYet("dsn", "postgres")}
	listenShape = shape{example: `{public: ":8080", private: "127.0.0.1:8081"}`, keys: []string{"public", "private", "certificate_file", "key_file"}}

	lagSpan       = span{0, time.Hour, time.Second, "60s"}
	catchUpSpan   = span{0, 7 * 24 * time.Hour, time.Minute, "6h"}
	reopenSpan    = span{0, day, time.Second, "30m"}
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)
)

// readService reads what only the service's own file may say.
func (d *draft) readService(o object) {
	readIncludes(o.get("include"))
	d.cfg.Organisation = o.get("organisation").words(80, "FeatureSignals", d.cfg.Organisation)
	if v, ok := o.get("sources").object(sourcesShape); ok {
		d.readSigNoz(v.get("signoz"))
	}
	if v, ok := o.get("store").object(storeShape); ok {
		v.get("path").path(&d.cfg.Store.Path, "/var/lib/tocsin/tocsin.db")
	}
	o.get("templates").path(&d.cfg.Templates, "/etc/tocsin/templates")
	d.readChannels(o.get("channels"))
	o.get("templates").path(&d.cfg.Templates, "/etc/tocsin/templates")
	d.readPage(o.get("page"))
	d.readListen(o.get("listen"))
	set(o.get("catch_up"), catchUpSpan, &d.cfg.CatchUp)
	set(o.get("reopen_within"), reopenSpan, &d.cfg.ReopenWithin)
	o.get("zone").zone(&d.zone)
	d.readBusiness(o.get("business"))
	d.readPeople(o.get("people"))
	d.readConsole(o.get("console"))
	d.readPackNames(o.get("packs"))
}

// set overrides a default.
func set(v value, sp span, to *time.Duration) {
	if t, ok := v.duration(sp); ok {
		*to = t
	}
}

func (v value) path(to *string, example string) {
	s, ok := v.text(example)
	switch {
	case !ok:
	case strings.TrimSpace(s) == "":
		v.mistake("want a path, as in %s; found %q", example, s)
	case strings.Contains(s, "://"):
		v.mistake("want a file on this machine, as in %s; found the address %q", example, shorten(s))
	default:
		*to = s
	}
}

// readIncludes gives the patterns that are fit to be looked for.
func readIncludes(v value) []value {
	const example = `["rules/*.yaml"]`
	patterns, places, _ := v.texts(example)
	var fit []value
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || !fs.ValidPath(p) || p == "." {
			places[i].mistake("want a pattern within the folder of this file, without .. and a leading /, as in %s; found %q", example, shorten(p))
			continue
		}
		fit = append(fit, places[i])
	}
	return fit
}

func (d *draft) readSigNoz(v value) {
	o, ok := v.object(signozShape)
	if !ok {
		return
	}
	to := &d.cfg.SigNoz
	if dsn := o.get("dsn"); dsn.given() {
		if s, ok := dsn.text("clickhouse://tocsin@clickhouse:9000/signoz_traces"); ok {
			if why := wrongDSN(s); why != "" {
				dsn.mistake("%s", why)
			}
			to.DSN = s
		}
	}
	o.get("password_file").path(&to.PasswordFile, "/etc/tocsin/clickhouse-password")
	o.get("url").web(&to.URL, "https://signoz.example.com")
	if names, places, _ := o.get("region").texts("[deployment.environment, cloud.region]"); o.get("region").given() {
		for i, name := range names {
			if !attributeName.MatchString(name) {
				places[i].mistake("want names of resource attributes, as in cloud.region; found %q", shorten(name))
			}
		}
		to.Region = names
	}
	d.lag = o.get("lag")
	set(d.lag, lagSpan, &to.Lag)
	set(o.get("settle"), lagSpan, &to.Settle)
	if n, ok := o.get("max_series").number(1, 1_000_000, "2000"); ok {
		to.MaxSeries = n
	}
	to.Shape, _ = o.get("shape").oneOf(shapeNames)
}

// wrongDSN says what is wrong with an address of ClickHouse. It never repeats
// the address, since that may hold a password.
func wrongDSN(dsn string) string {
	const like = "want clickhouse://user@host:9000/database or http://user@host:8123/database"
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok || !slices.Contains([]string{"clickhouse", "tcp", "http", "https"}, scheme) {
		return like
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 && strings.Contains(rest[:at], ":") {
		return "a password stands in it: take it out, and write password_file: /path/to/it or set TOCSIN_CLICKHOUSE_PASSWORD"
	}
	authority, tail, _ := strings.Cut(rest, "/")
	authority, query, asked := strings.Cut(authority, "?")
	if !asked {
		_, query, _ = strings.Cut(tail, "?")
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return like + "; what follows ? cannot be read"
	}
	for name := range params {
		if secretKey(name) {
			return "a password stands in it: take it out, and write password_file: /path/to/it or set TOCSIN_CLICKHOUSE_PASSWORD"
		}
	}
	for hostport := range strings.SplitSeq(authority[strings.LastIndex(authority, "@")+1:], ",") {
		u, err := url.Parse("http://" + hostport)
		if err != nil || u.Hostname() == "" || u.Host != hostport {
			return like
		}
	}
	return ""
}

// web reads an address of the web.
func (v value) web(to *string, example string) {
	s, ok := v.text(example)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		v.mistake("want an address that begins with https:// or http:// and holds no password, as in %s", example)
		return
	}
	*to = s
}

func (d *draft) readListen(v value) {
	o, ok := v.object(listenShape)
	if !ok {
		return
	}
	o.get("public").listen(&d.cfg.Listen.Public, `":8080"`)
	o.get("private").listen(&d.cfg.Listen.Private, `"127.0.0.1:8081"`)
	certificate, key := o.get("certificate_file"), o.get("key_file")
	certificate.path(&d.cfg.Listen.CertificateFile, "/etc/tocsin/status.pem")
	key.path(&d.cfg.Listen.KeyFile, "/etc/tocsin/status-key.pem")
	if certificate.given() != key.given() {
		o.mistake("a certificate and its key go together: name both certificate_file and key_file, or neither")
	}
	if _, port, _ := net.SplitHostPort(d.cfg.Listen.Public); d.cfg.Listen.Public == d.cfg.Listen.Private && port != "0" {
		o.mistake("public and private are the same address: nothing private is ever shown on the public one, so give each its own")
	}
}

func (v value) listen(to *string, example string) {
	s, ok := v.scalar(example)
	if !ok {
		return
	}
	_, port, err := net.SplitHostPort(s)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 0 || n > 65535 {
		v.mistake("want host:port, as in %s; found %q", example, shorten(s))
		return
	}
	*to = s
}
