# What there is to do here. Every target first puts in place what the machine lacks; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test test-unit test-end-to-end test-month test-reliability test-interop test-spark torture fuzz lint format bench bench-peers bench-lake-peers bench-models bench-nexmark bench-fraud bench-anomalies clean

BINARY := .build/release/cartograph
# Without colours a build at a terminal and one in a pipe are the same build; with them each would throw the other's away.
BUILD := swift build -c release --no-color-diagnostics
SWIFT_FILES := Package.swift Sources Tests $(wildcard Benchmarks)
# More words for the command that a target runs, such as `make run ARGS='--port 9000'`.
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## build, and open a live shop with a simulator on; Ctrl-C stops it, `make run` carries on
	scripts/bootstrap run
	$(BUILD) --product cartograph
	exec $(BINARY) up --simulate 200 $(ARGS)

build: ## build the release binary, .build/release/cartograph
	scripts/bootstrap run
	$(BUILD) --product cartograph

# One release build holds the product and the unit tests: what is tested is what runs, and neither is built again.
test: ## unit tests, then end-to-end tests over the release binary
	scripts/bootstrap test
	$(BUILD) --build-tests
	swift test -c release --skip-build --disable-xctest
	$(MAKE) --no-print-directory test-end-to-end
	$(MAKE) --no-print-directory test-interop
	$(MAKE) --no-print-directory test-reliability

test-unit: ## the unit tests alone; ARGS='--filter EventsTests' picks some
	scripts/bootstrap test
	$(BUILD) --build-tests
	swift test -c release --skip-build --disable-xctest $(ARGS)

test-end-to-end: ## the end-to-end tests alone, over the binary as it was last built; ARGS='-k crash' picks some
	scripts/bootstrap test
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/venv/bin/python -m pytest Tests/EndToEnd $(ARGS)

test-month: ## the long form of a test: gold of a simulated month of 20,000,000 events beside plain SQL; half an hour, 30 GB of disk
	scripts/bootstrap test
	$(BUILD) --product cartograph
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} CARTOGRAPH_MONTH_EVENTS=$${CARTOGRAPH_MONTH_EVENTS:-20000000} \
	    .deps/venv/bin/python -m pytest Tests/EndToEnd/test_month.py $(ARGS)

test-interop: ## PyIceberg and DuckDB's own extension on our tables, ours on theirs and on Spark's, dbt with DuckDB and PostgreSQL
	scripts/bootstrap test
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/venv/bin/python -m pytest Tests/Interop $(ARGS)

test-spark: ## the same with a real Spark, and dbt with Spark, which are two gigabytes to fetch and Java
	scripts/bootstrap spark
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/spark/bin/python -m pytest Tests/Interop -m spark $(ARGS)

test-reliability: ## kills, failing disks, power loss, clock jumps and damage, a few of each
	scripts/bootstrap test
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/venv/bin/python -m pytest Tests/Reliability $(ARGS)

torture: ## the same at length: hundreds of kills, every fault at every call
	scripts/bootstrap test
	$(BUILD) --build-tests
	$(BUILD) --product cartograph
	$(BUILD) --product cartograph-fuzz
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/venv/bin/python -m pytest Tests/Reliability --torture -s $(ARGS)
	# The live state is killed at steps of its checkpoints, and goes on on another number of shards.
	CARTOGRAPH_KILLS=200 swift test -c release --skip-build --disable-xctest --filter CheckpointTests
	# Two processes write to one table, and are killed at any moment.
	.build/release/cartograph-fuzz life --kills 1000
	# Ten thousand steps of a table's life, against a plain model.
	CARTOGRAPH_LIVES=1-10:1000 swift test -c release --skip-build --disable-xctest --filter RandomLifeTests

fuzz: ## ten million mutated events, damaged Iceberg and Parquet files under AddressSanitizer; ARGS='--seed 7'
	scripts/bootstrap test
	$(BUILD) --sanitize=address --scratch-path .build-asan --product cartograph-fuzz
	.build-asan/release/cartograph-fuzz decoder --events 10000000 $(ARGS)
	# Leaks are not looked for: the sanitizer does not see what indirect enums point to.
	ASAN_OPTIONS=detect_leaks=0 .build-asan/release/cartograph-fuzz iceberg --cases 1000000 $(ARGS)
	ASAN_OPTIONS=detect_leaks=0 .build-asan/release/cartograph-fuzz parquet --cases 100000 $(ARGS)

lint: ## the formatter's rules over every Swift file, and shellcheck where it is installed
	swift format lint --strict --parallel --recursive --configuration .swift-format $(SWIFT_FILES)
	if command -v shellcheck >/dev/null; then shellcheck scripts/bootstrap scripts/bench-peers Tests/Servers/ceph-rgw .ci/run; fi

format: ## put every Swift file in the formatter's shape
	swift format --in-place --parallel --recursive --configuration .swift-format $(SWIFT_FILES)

bench: ## the benchmarks; ARGS='http --json' picks one
	scripts/bootstrap run
	$(BUILD) --product cartograph
	$(BUILD) --product cartograph-bench
	.build/release/cartograph-bench $(ARGS)

bench-peers: ## the same events into Cartograph, Redis Streams and PostgreSQL
	scripts/bootstrap bench
	$(BUILD) --product cartograph
	$(BUILD) --product cartograph-bench
	.build/release/cartograph-bench peers $(ARGS)

bench-lake-peers: ## the same rows into Iceberg tables by Cartograph, PyIceberg and DuckDB's extension
	scripts/bootstrap test
	$(BUILD) --product cartograph
	$(BUILD) --product cartograph-bench
	.deps/venv/bin/python scripts/bench-lake-peers $(ARGS)

bench-models: ## a simulated month through the models, beside DuckDB SQL, dbt with DuckDB and dbt with Spark; ARGS='--events 5000000'
	scripts/bootstrap spark
	$(BUILD) --product cartograph
	CARTOGRAPH=$${CARTOGRAPH:-$(BINARY)} .deps/venv/bin/python scripts/bench-models $(ARGS)

bench-nexmark: ## Nexmark's queries on Cartograph and on Flink, the same file of events; ARGS='--query q5 q7' picks some
	scripts/bootstrap flink
	$(BUILD) --product cartograph-nexmark
	scripts/bench-nexmark $(ARGS)

bench-fraud: ## fraud scores on simulated days with labels, beside scikit-learn on the same features
	scripts/bootstrap bench-fraud
	$(BUILD) --product cartograph-bench
	.deps/fraud/bin/python scripts/bench-fraud $(ARGS)

bench-anomalies: ## how many of planted incidents the anomaly detector finds, and its false alarms; ARGS='--series DIR' writes the series too
	scripts/bootstrap run
	$(BUILD) --product anomaly-quality
	.build/release/anomaly-quality $(ARGS)

clean: ## remove what was built; .deps/ and data/ stay
	rm -rf .build
