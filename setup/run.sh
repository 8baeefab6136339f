#!/usr/bin/env bash
# Puts onto a bare Debian machine with Rust, Node and Python what a target of the Makefile needs, and says what it does.
# It may be run again at any time.
#
#   setup/run.sh demo    what `make demo` and `make up` need
#   setup/run.sh test    what `make test` needs on top of it
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo npm python3; do
    command -v "$tool" >/dev/null || {
        echo "setup: '$tool' is not installed. Peal needs Rust 1.95, Node with npm, and Python 3." >&2
        exit 1
    }
done

setup/debian.sh build-essential
setup/chdb.sh

if [ "${1:-demo}" = test ]; then
    setup/debian.sh sip-tester prometheus
    setup/python.sh
    if ! cargo nextest --version >/dev/null 2>&1; then
        echo "setup: installing cargo-nextest (built from source, some minutes)"
        cargo install --locked --quiet cargo-nextest
    fi
fi
