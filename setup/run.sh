#!/usr/bin/env bash
# Puts onto a bare Debian machine with Rust, Node and Python what a target of the Makefile needs, and says what it does.
# It may be run again at any time.
#
#   setup/run.sh demo    what `make demo` and `make up` need
#   setup/run.sh voice   what `make demo-voice` needs on top of it
#   setup/run.sh test    what `make test` needs on top of both
#   setup/run.sh lint    what `make lint` needs
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo npm python3; do
    command -v "$tool" >/dev/null || {
        echo "setup: '$tool' is not installed. Peal needs Rust 1.95, Node with npm, and Python 3." >&2
        exit 1
    }
done

rust=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n1.95.0\n' "$rust" | sort -V | head -n 1)" != 1.95.0 ]; then
    echo "setup: Rust $rust is too old; Peal needs 1.95 (rustup update stable)" >&2
    exit 1
fi

setup/debian.sh build-essential
[ "${1:-demo}" = lint ] || setup/chdb.sh

if [ "${1:-demo}" = lint ]; then
    for tool in fmt clippy; do
        cargo $tool --version >/dev/null 2>&1 || {
            echo "setup: cargo $tool is missing (rustup component add rustfmt clippy)" >&2
            exit 1
        }
    done
fi

case "${1:-demo}" in voice | test)
    setup/debian.sh espeak-ng flite
    # A Python of Debian's comes without it.
    python3 -c 'import venv, ensurepip' 2>/dev/null || setup/debian.sh python3-venv
    setup/voice.sh
    ;;
esac

if [ "${1:-demo}" = test ]; then
    setup/debian.sh sip-tester prometheus
    setup/python.sh
    if ! cargo nextest --version >/dev/null 2>&1; then
        echo "setup: installing cargo-nextest (built from source, some minutes)"
        cargo install --locked --quiet cargo-nextest --version 0.9.143
    fi
fi
