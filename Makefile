# Everything here sets itself up on a machine that has Go, Node.js with npm, git, make and root for apt.

ENGINE := engine/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
CLIENTS := publisher/page/testdata/clients/node_modules/statuspage.io/package.json
VERIFIER := publisher/testdata/verify/node_modules/standardwebhooks/package.json
export CGO_ENABLED ?= 0

# The race detector watches what may race: all of ours, and what shares memory with it. SQLite is C that became Go, on memory that is not Go's; and what only
# computes, without an atomic of its own (expressions, templates, numbers, compression, YAML), finds no race and takes several times as long when it is
# watched. Unsafe pointers are checked in what is ours.
UNWATCHED := modernc.org/... regexp/... text/template/... html/... unicode/... strconv internal/strconv compress/... \
	github.com/andybalholm/brotli/... golang.org/x/net/html/... github.com/goccy/go-yaml/...
RACE := -race -gcflags=all=-d=checkptr=0 $(UNWATCHED:%=-gcflags=%=-race=false) -gcflags=github.com/featuresignals/tocsin/...=

.PHONY: help build demo test conformance flood bench simulate fuzz lint fmt engine

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

build: ## bin/tocsin and bin/tocsin-demo
	go build -trimpath -o bin/ ./cmd/tocsin ./cmd/tocsin-demo

demo: $(ENGINE) build ## the service beside an embedded engine, with sample traffic and an outage under way
	bin/tocsin-demo

test: $(ENGINE) $(VERIFIER) ## every test, with the race detector, the real engine and a real browser
	@command -v cc >/dev/null || (apt-get update && apt-get install -y gcc libc6-dev)
	@command -v chromium >/dev/null || (apt-get update && apt-get install -y chromium)
	@# Memory is cheaper than time; the longest packages begin first, so that no processor is left with one of them at the end; and the
	@# race detector, which has said what it saw by then, does not sleep for a second at the end of each of thirty programs.
	GOGC=400 GORACE=atexit_sleep_ms=0 CGO_ENABLED=1 TOCSIN_ENGINE_REQUIRED=1 go test $(RACE) -timeout 20m ./cmd/tocsin ./publisher/page ./templates ./...

conformance: $(VERIFIER) $(CLIENTS) ## every crash point of every channel, mail before a real server, the page before clients that others wrote and on nginx and Caddy; it installs them
	@test -x /usr/sbin/exim4 || (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends exim4-daemon-light)
	@command -v newsboat >/dev/null && command -v xmllint >/dev/null || (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends newsboat libxml2-utils)
	@command -v chromium >/dev/null || (apt-get update && apt-get install -y chromium)
	TOCSIN_CLIENTS_REQUIRED=1 go test ./publisher/page -run 'ClientsThatOthersWrote|AxeFindsWhatIsWrong' -count 1 -timeout 30m -v
	TOCSIN_MTA_REQUIRED=1 go test ./publisher/email -run RealServer -count 1 -v
	go test ./publisher -run TestConformance -count 1 -v -args -every-point
	@command -v nginx >/dev/null && command -v caddy >/dev/null || (apt-get update && apt-get install -y --no-install-recommends nginx-light caddy)
	TOCSIN_HOSTS_REQUIRED=1 go test ./publisher/page -run TheServersOfTheDocumentation -count 1 -v

flood: ## three incidents to 5,000 addresses over a server that is slow and puts a tenth off (READERS=1000 for fewer)
	go test ./publisher/email -run TestAFlood -count 1 -v -timeout 60m -args -flood $${READERS:-5000}

bench: $(ENGINE) ## what a tick costs beside a bare scan and 20 rules asked one by one, and a month's replay (44 million spans, made once), and the page
	TOCSIN_ENGINE_REQUIRED=1 go test ./telemetry/signoz -run '^$$' -bench Tick -benchtime 1x -timeout 60m -v
	TOCSIN_ENGINE_REQUIRED=1 go test ./cmd/tocsin -run '^$$' -bench ReplayMonth -benchtime 1x -timeout 60m
	go test ./evaluator ./incident ./store ./publisher/page -run '^$$' -bench . -benchmem

simulate: $(ENGINE) ## burn rates on quiet series for a month, fifty kills and 250 of the publisher, ten thousand random histories of the desk (HISTORIES=100 for fewer), uptime over ninety days beside SQL
	go test ./evaluator -run BurnRateOnQuietSeries -series 1000 -v
	TOCSIN_ENGINE_REQUIRED=1 go test ./cmd/tocsin -run TestKilledWhileCatchingUp -kills 50 -v
	TOCSIN_ENGINE_REQUIRED=1 go test ./cmd/tocsin -run TestUptimeEqualsWhatSQLCounts -uptime-days 90 -timeout 60m -v
	go test ./publisher/page -run TestKilledWhilePublishing -count 1 -v -timeout 60m -args -publications 1000 -killings 250
	go test ./incident -run TestHistories -desk-histories $${HISTORIES:-10000} -on-sqlite 100 -timeout 90m -v

fuzz: ## the parsers and the small readers of values, a minute each (FUZZTIME=1h for more)
	@grep -roE '^func Fuzz[A-Za-z]+' --include='*_test.go' rules telemetry publisher templates | sed 's|\(.*\)/[^/]*:func |\1 |' | sort | while read -r dir f; do \
		go test ./$$dir -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-1m} -fuzzminimizetime 10x || exit 1; done

lint: ## formatting and static checks
	@out=$$(go tool gofumpt -l .); test -z "$$out" || { echo "not formatted, run 'make fmt':"; echo "$$out"; exit 1; }
	go vet ./...
	@out=$$(go fix -diff ./... 2>&1); test -z "$$out" || { echo "go fix has better ways:"; echo "$$out"; exit 1; }
	go tool staticcheck ./...
	go mod tidy -diff
	go test . -run TheDutiesOfTheRunbooks -count 1 -args -golist

fmt: ## format the code
	go tool gofumpt -w .

engine: $(ENGINE) ## the ClickHouse engine that demo, tests and benchmarks run on

$(ENGINE): engine/package.json
	cd engine && npm install --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@touch $@

$(VERIFIER): publisher/testdata/verify/package.json
	cd publisher/testdata/verify && npm install --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@touch $@

$(CLIENTS): publisher/page/testdata/clients/package.json
	cd publisher/page/testdata/clients && npm install --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@touch $@
