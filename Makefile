.PHONY: test lint generate breaking conformance examples faults soak upgrade deploy-test fuzz bench bench-scale overload check

BUF := go tool -modfile=tools/go.mod buf

# The contract never breaks what the newest release published or, before the
# first release, what the first commit of the proto did.
BASELINE = $(or $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null),$\
	$(shell git log --diff-filter=A --format=%H -- proto/agentconf/v1/conference.proto | tail -n 1))

test:
	go test -race ./...
	cd tools && go test -race ./...
	cd bench && go test -race ./...

lint:
	test -z "$$(gofmt -l server emulator internal bench conformance deploy examples gen tools | tee /dev/stderr)"
	go vet ./...
	cd tools && go vet ./... && go tool staticcheck ./...
	cd deploy && go vet ./... && go tool -modfile=../tools/go.mod staticcheck ./...
	cd bench && go vet ./... && go tool -modfile=../tools/go.mod staticcheck ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	$(BUF) lint
	$(BUF) format -d --exit-code

generate:
	$(BUF) generate
	cd tools && go run ./openapi ../gen/openapi/agentconf.swagger.json

breaking:
	$(BUF) breaking --against '.git#ref=$(BASELINE)'

# The contract by clients in other languages, which are installed, and the proof that
# they compare all of it (conformance/README.md).
conformance:
	go run ./conformance/run
	go run ./conformance/run -mutate

# The programs of examples/, each once for every outcome of a hold.
examples:
	examples/run

# The proof of docs/reliability.md, in two minutes: thousands of calls and a table of
# lies, then 50 callers who hold and unhold one participant 50,000 times.
faults:
	cd server/e2e/faults && go test -count=1 -timeout 20m -run '^TestTruth$$' -args -long
	cd server/internal/transport && go test -race -count=1 -run '^TestConcurrentHolds$$' -args -long

# Ten minutes of calls while gateway and agentconf are restarted (docs/reliability.md), and two of rest.
soak:
	go run -C bench . soak

# Everything that a change has to pass, as CI runs it.
check:
	.ci/run

# No hold is lost while two agentconfs behind nginx are restarted, one after the other,
# so often each.
RESTARTS = 1

upgrade:
	bench/install-tools nginx taskset
	go run -C bench . upgrade -rounds $(RESTARTS)

# How many slices every variant gets: 3 for a quick look, 60 to tell 5 % apart.
ROUNDS = 20

# What a hold costs, beside plain proxies (bench/README.md).
bench:
	bench/install-tools
	go run -C bench . compare -rounds $(ROUNDS)

# Memory and latency with 1 to 10,000 holds in flight.
bench-scale:
	go run -C bench . scale

# What healthy callers notice of a stall, too many calls and slow clients (docs/reliability.md).
overload:
	go run -C bench . overload

# What operators are given: alerts, dashboard, compose, Kubernetes, nginx and Envoy.
deploy-test:
	.ci/deploy

# Every fuzz target for so long; what it finds becomes a case in testdata.
FUZZTIME = 60s

fuzz:
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {t[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2, t[i]; n = 0}' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done
