.PHONY: test lint generate breaking check faults

BUF := go tool -modfile=tools/go.mod buf

# The contract never breaks what the newest release published or, before the
# first release, what the first commit of the proto did.
BASELINE = $(or $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null),$\
	$(shell git log --diff-filter=A --format=%H -- proto/agentconf/v1/conference.proto | tail -n 1))

test:
	go test -race ./...

lint:
	test -z "$$(gofmt -l server gen | tee /dev/stderr)"
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	$(BUF) lint
	$(BUF) format -d --exit-code

generate:
	$(BUF) generate

breaking:
	$(BUF) breaking --against '.git#ref=$(BASELINE)'

# The proof of docs/reliability.md, in half a minute: thousands of calls, and a table of lies.
faults:
	cd server/faults && go test -count=1 -timeout 20m -run '^TestTruth$$' -args -long

# Everything that a change has to pass, as CI runs it.
check:
	.ci/run
