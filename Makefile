# Everything a person needs: `make dev` to try it, `make test` for what CI runs, `make help` for the rest.
SHELL := /usr/bin/env bash
export CARGO_TARGET_DIR ?= $(HOME)/.cache/leither/target
LEITHER := $(CARGO_TARGET_DIR)/debug/leither
SEEDS ?= 200
FROM ?= 1
EXECUTIONS ?= 1000000
MINUTES ?= 5
SEED ?= 1

.PHONY: help setup build dev demo test lint bench sim twins chaos fuzz scores fmt clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## installs libclang and a C++ compiler where they are missing
	@scripts/setup

build: setup ## builds the binary
	cargo build --workspace --bins
	@echo "built $(LEITHER)"

dev: build ## starts a throw-away chain with funded accounts and an organization at work
	@$(LEITHER) dev

demo: build ## a video organization pays by contract: votes, views, shares, a ring that loses
	@tests/e2e/tube.py --tell

test: setup ## runs everything that CI runs
	scripts/test

lint: setup ## clippy over everything
	cargo clippy --workspace --all-targets -- -D warnings

bench: build ## prints the numbers of benches/RESULTS.md, measured on this machine
	scripts/bench

sim: setup ## simulates SEEDS networks from seed FROM: make sim SEEDS=1000 FROM=1
	cargo build --workspace --bins
	$(CARGO_TARGET_DIR)/debug/leither-sim seeds --seeds $(SEEDS) --from $(FROM) --heights 500

twins: setup ## simulates twins: two nodes with one key, cut in every way
	cargo build --workspace --bins
	$(CARGO_TARGET_DIR)/debug/leither-sim twins --scenarios 17500

chaos: build ## hurts four validators in network namespaces, as root: make chaos MINUTES=60 SEED=7
	tests/e2e/chaos.py $(MINUTES) $(SEED)

fuzz: ## EXECUTIONS of each fuzz target: make fuzz EXECUTIONS=1000000 (needs a nightly toolchain)
	tests/fuzz/run.sh $(EXECUTIONS)

scores: ## takes the outcomes of local runs into tests/scores.jsonl and makes tests/SCOREBOARD.md
	tests/scoreboard.py --take

fmt: ## formats the Rust code
	cargo fmt --all
