# `make demo` and `make test` are all that a newcomer needs; both set the machine up first (setup/run.sh).

.PHONY: help demo up test bench lint fuzz setup setup-lint setup-test clean
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what running Peal needs
	setup/run.sh demo

setup-lint:
	setup/run.sh lint

setup-test: ## Install what testing Peal needs
	setup/run.sh test

demo: setup ## Build, then dial 3,000 numbers over three rate-limited lines against a carrier of our own
	cargo build --release --locked --bin peal --bin peal-carrier
	target/release/peal demo --dir target/demo

up: setup ## Build, then run everything on this machine, with its data in ./data
	cargo build --release --locked --bin peal
	target/release/peal up --data data

lint: setup-lint ## Format and lints, as CI runs them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: setup-test ## Every test, with a short fuzz run
	fuzz/run.sh 20
	cargo test --workspace --doc --locked --quiet
	cargo build --workspace --bins --locked
	cargo nextest run --workspace --locked --no-fail-fast

fuzz: ## Fuzz the SIP and SDP parsers for ten minutes each
	fuzz/run.sh 600

bench: setup ## CPU per call-second beside the floor, set-ups a second, import and planner figures
	benches/run.sh

clean: ## Remove what was built and demo data; keeps ./data and what setup installed
	cargo clean
