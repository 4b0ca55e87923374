# What people and CI run. `make` alone lists the targets.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

CARGO ?= cargo
# Without -B, Python would leave its caches among the sources.
PYTHON ?= python3 -B

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Install what tests need beside Rust, when it is missing: PostgreSQL, Python with venv, libfaketime, iproute2
	@scripts/ensure-postgres.sh >/dev/null
	@scripts/ensure-python.sh
	@scripts/ensure-faketime.sh
	@scripts/ensure-iproute.sh

.PHONY: demo
demo: ## Sell out a 10,000-seat arena on this machine; the report is in target/demo/
	$(CARGO) run --locked --release --bin earlybird -- demo

.PHONY: clean-demo
clean-demo: ## Remove what the demo left
	rm -rf target/demo

.PHONY: bench
bench: ## Measure earlybird and its peers side by side; installs Redis and PostgreSQL when missing
	redis=$$(scripts/ensure-redis.sh) && postgres=$$(scripts/ensure-postgres.sh) && \
	PATH="$$PATH:$$redis:$$postgres" $(CARGO) run --locked --release -p earlybird-benches --bin side-by-side

.PHONY: test
test: setup check-format lint check-venues check-manifests test-rust ## Everything that must pass before a change lands

# Some tests start servers of the workspace as processes, so all programs are built first. A PostgreSQL off the PATH is
# put on it; none at all is for the tests to report.
.PHONY: test-rust
test-rust: ## All tests of the workspace
	$(CARGO) build --locked --workspace --bins
	postgres=$$(scripts/ensure-postgres.sh --find-only || true); \
	PATH="$$PATH$${postgres:+:$$postgres}" $(CARGO) test --locked --workspace

# SOAK_SEEDS are the seeds of chance, each for SOAK_ROUNDS on-sales: make soak SOAK_SEEDS="7 8" SOAK_ROUNDS=3
SOAK_SEEDS ?= 1 2 3 4 5 6 7 8
SOAK_ROUNDS ?= 10

.PHONY: soak
soak: setup ## Sell on three nodes through faults by chance, one seed after another (about half an hour)
	$(CARGO) build --locked --workspace --bins
	postgres=$$(scripts/ensure-postgres.sh --find-only || true); \
	for seed in $(SOAK_SEEDS); do \
		EARLYBIRD_CHAOS_SEED=$$seed EARLYBIRD_CHAOS_ROUNDS=$(SOAK_ROUNDS) PATH="$$PATH$${postgres:+:$$postgres}" \
		$(CARGO) test --locked -p earlybird --test it chaos::cluster::chance -- --nocapture; \
	done

.PHONY: check-format
check-format: ## Whether rustfmt would change anything
	$(CARGO) fmt --all --check

.PHONY: format
format: ## Format all Rust code
	$(CARGO) fmt --all

.PHONY: lint
lint: ## Clippy on everything, warnings denied
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

.PHONY: venues
venues: ## Write the example venues again
	$(PYTHON) venues/make_arena.py --plan arena
	$(PYTHON) venues/make_arena.py --plan club

.PHONY: check-venues
check-venues: ## Whether the example venues are sound and as their script writes them
	$(PYTHON) venues/make_arena.py --check venues/arena.json
	$(PYTHON) venues/make_arena.py --check venues/club.json

.PHONY: check-manifests
check-manifests: ## Whether manifests, alerts and dashboard under k8s/ are valid and fit each other and the program
	$(PYTHON) scripts/check-manifests.py
