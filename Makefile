.PHONY: help test lint generate breaking baseline conformance examples faults soak upgrade deploy-test release fuzz bench bench-scale overload check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

BUF := go tool -modfile=tools/go.mod buf

# The contract of the newest release. A clone may have no tags, so that it is a file.
BASELINE := proto/baseline.binpb

test: ## run the Go tests with the race detector
	go test -race ./...
	cd tools && go test -race ./...
	cd tools/release && go test -race ./...
	cd bench && go test -race ./...

lint: ## check format, vet, staticcheck and the proto
	test -z "$$(gofmt -l server emulator internal bench conformance deploy examples gen proto tools | tee /dev/stderr)"
	go vet ./...
	cd tools && go vet ./... && go tool staticcheck ./...
	cd tools/release && go vet ./... && go tool -modfile=../go.mod staticcheck ./...
	cd deploy/test && go vet ./... && go tool -modfile=../../tools/go.mod staticcheck ./...
	cd bench && go vet ./... && go tool -modfile=../tools/go.mod staticcheck ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	$(BUF) lint
	$(BUF) format -d --exit-code

generate: ## generate gen/ from the proto, the tables of docs/ and the environment file
	$(BUF) generate
	cd tools && go run ./openapi ../gen/openapi/agentconf.swagger.json
	go test ./server -run '^TestGenerated' -args -update
	cd deploy/test && go test . -run '^TestPrometheusRule$$' -args -update

breaking: ## compare the contract with the newest release
	$(BUF) breaking --against $(BASELINE)

baseline: ## make the contract of this tree the one that "breaking" compares with
	$(BUF) build --exclude-source-info -o $(BASELINE)

conformance: ## run the conformance cases with clients in other languages
	go run ./conformance/run

examples: ## run the programs of examples/ with every outcome of a hold
	examples/run

# docs/proof.md describes both tests. The first makes thousands of calls with every fault; in the
# second 50 callers hold and unhold one participant 50,000 times.
faults: ## run the fault tests for two minutes
	cd server/e2e/faults && go test -count=1 -timeout 20m -run '^TestTruth$$' -args -long
	cd server/e2e && go test -race -count=1 -run '^TestConcurrentHolds$$' -args -long

soak: ## restart gateway and agentconf under load for 12 minutes
	go run -C bench . soak

check: ## run every check of CI
	.ci/run

RESTARTS = 1

upgrade: ## restart two agentconfs behind nginx under load, RESTARTS times each
	bench/install-tools nginx taskset
	go run -C bench . upgrade -rounds $(RESTARTS)

# Slices of each variant: 3 give a first impression, 60 distinguish 5 %.
ROUNDS = 20

# The file of another build of agentconf, which is measured in the same run.
BASE =

# The file of a plot.
SVG =

bench: ## compare the cost of a hold with other programs (bench/README.md)
	bench/install-tools
	go run -C bench . compare -rounds $(ROUNDS) -base '$(BASE)' -svg '$(abspath $(SVG))'

# Numbers of watched agents, and the length of the measurement of each.
AGENTS = 1000,5000,10000,18000
FOR = 1m

bench-scale: ## measure up to 18,000 watched agents
	go run -C bench . watches -agents $(AGENTS) -for $(FOR) -svg '$(abspath $(SVG))'

overload: ## measure healthy callers during a stall and overload
	go run -C bench . overload

deploy-test: ## test the files of deploy/
	.ci/deploy

release: ## build packages, archives, image, SBOM and checksums of HEAD
	tools/release/build artefacts/release

FUZZTIME = 60s

fuzz: ## run every fuzz target for FUZZTIME; failures become cases in testdata
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {t[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2, t[i]; n = 0}' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done
