# `make demo` and `make test` are all that a newcomer needs; both set the machine up first (setup/run.sh).

.PHONY: help demo demo-voice demo-bot up test bench bench-build bench-density bench-cps soak lint fuzz setup setup-lint setup-test clean
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what running Peal needs
	setup/run.sh demo

setup-lint:
	setup/run.sh lint

setup-test: ## Install what testing Peal needs
	setup/run.sh test

demo: setup ## Build, then dial 3,000 numbers over three rate-limited lines against a carrier of our own
	cargo build --release --locked --bin peal --bin peal-carrier
	target/release/peal demo --dir target/demo

demo-voice: ## Build, then have 120 calls hear, understand and answer customers who speak, by script and by language model
	setup/run.sh voice
	cargo build --release --locked --bin peal --bin peal-carrier
	.deps/voice/bin/python -B demos/voice/run.py $(ARGS)

demo-bot: setup ## Build, then give two calls to a voice bot built of pipecat, and judge what both ends heard
	setup/debian.sh flite
	setup/bot.sh
	cargo build --release --locked --bin peal --bin peal-carrier
	.deps/bot/bin/python demos/voice/try_bot.py --bin target/release --dir target/demo-bot

up: setup ## Build, then run everything on this machine, with its data in ./data
	cargo build --release --locked --bin peal
	target/release/peal up --data data

lint: setup-lint ## Format and lints, as CI runs them
	cargo fmt --all --check
	cd fuzz && cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: setup-test ## Every test, with a short fuzz run
	fuzz/run.sh 10
	cargo test --workspace --doc --locked --quiet
	cargo build --workspace --bins --locked
	cargo nextest run --workspace --locked --no-fail-fast

fuzz: ## Fuzz what reads SIP, SDP, RTP, RTCP and what hooks answer, for ten minutes each
	fuzz/run.sh 600

bench: setup-test ## Everything below but soak, and import and planner figures; about an hour
	benches/run.sh

bench-build: setup-test
	cargo build --release --locked --bin peal --bin peal-carrier --bin floor --bin deaf-recogniser

bench-density: bench-build ## How many calls a core carries, and what each costs beside the floor; about 40 minutes
	python3 benches/density.py $(ARGS)

bench-cps: bench-build ## How many calls a second a core sets up, beside SIPp
	python3 benches/cps.py $(ARGS)

SECONDS ?= 3600
CALLS ?= 3000
soak: bench-build ## Calls come and go for SECONDS (3600) with CALLS (3000) up: nothing may grow, leak or get stuck
	python3 benches/soak.py --seconds $(SECONDS) --calls $(CALLS) $(ARGS)

clean: ## Remove what was built and demo data; keeps ./data and what setup installed
	cargo clean
