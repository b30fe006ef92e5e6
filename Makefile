# `make demo` and `make test` set up what is missing first; both can be repeated.
# On macOS set-up is nothing but cargo; on Linux see .cargo/linux/setup.sh.
# Works with GNU Make 3.81 and Bash 3.2, which macOS ships.
SHELL := /bin/bash

.PHONY: help setup demo test doctest unit lint fmt clippy doc deny bench

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1	\2/' | expand -t 16

setup: ## install what is missing (Linux: MLX, once; macOS: nothing)
	@bash .cargo/linux/setup.sh

demo: setup ## ask the shipped model 20 questions about the shipped images
	cargo run --release -- vqa --questions 20 --models smolvlm_tiny

# The doc tests go first, so that the runner's own summary closes the output.
test: setup doctest unit ## run every test

doctest:
	cargo test --doc

# The development profile is optimised enough for MLX and images, and shares its
# build with clippy's and the editor's dependencies.
unit:
	@if cargo nextest --version >/dev/null 2>&1; then \
	  echo "cargo nextest run"; cargo nextest run; \
	else \
	  echo "cargo test --lib --bins --tests"; cargo test --lib --bins --tests; \
	fi

lint: setup fmt clippy doc deny ## formatting, clippy, rustdoc, licences: every warning is an error

fmt:
	cargo fmt --check

clippy:
	cargo clippy --all-targets -- -D warnings

# RUSTDOCFLAGS replaces the link flags of .cargo/config.toml: `cargo doc` links nothing.
doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# Without the advisories, which need a database from the network.
deny:
	@if cargo deny --version >/dev/null 2>&1; then \
	  echo "cargo deny --offline check bans licenses sources"; cargo deny --offline check bans licenses sources; \
	else \
	  echo "SKIPPED: cargo deny is not installed (cargo install --locked cargo-deny), licences were not checked"; \
	fi

bench: setup ## run the benchmarks
	cargo bench
