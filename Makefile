.PHONY: test lint generate breaking check bench bench-scale

BUF := go tool -modfile=tools/go.mod buf

# The contract never breaks what the newest release published or, before the
# first release, what the first commit of the proto did.
BASELINE = $(or $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null),$\
	$(shell git log --diff-filter=A --format=%H -- proto/agentconf/v1/conference.proto | tail -n 1))

test:
	go test -race ./...

lint:
	test -z "$$(gofmt -l server bench gen | tee /dev/stderr)"
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	$(BUF) lint
	$(BUF) format -d --exit-code

generate:
	$(BUF) generate

breaking:
	$(BUF) breaking --against '.git#ref=$(BASELINE)'

# Everything that a change has to pass, as CI runs it.
check:
	.ci/run

# How many slices every variant gets: 3 for a quick look, 60 to tell 5 % apart.
ROUNDS = 20

# What a hold costs, beside plain proxies (bench/README.md).
bench:
	bench/install-tools
	go run ./bench compare -rounds $(ROUNDS)

# Memory and latency with 1 to 10,000 holds in flight.
bench-scale:
	go run ./bench scale
