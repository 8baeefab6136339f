#!/bin/sh
# Makes the Python environment of the tests in .deps/python of this folder's project: clickhouse-connect, a ClickHouse
# client that we did not write.
#
# What it does: creates a venv and installs one pinned package with the ordinary pip as it is set up on this machine.
# Nothing outside .deps is touched, no root is needed, and a second run does nothing.
set -eu

version=1.12.0

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.deps/python

say() { printf 'setup/python: %s\n' "$*"; }

installed() {
    "$target/bin/python" -c 'from importlib.metadata import version; print(version("clickhouse-connect"))' 2>/dev/null
}

if [ "$(installed || true)" = "$version" ]; then
    say "clickhouse-connect $version is installed in .deps/python"
    exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    say "python3 with venv is missing; install it (Debian: apt-get install python3-venv) and run this again" >&2
    exit 1
fi

say "creating .deps/python with clickhouse-connect $version"
mkdir -p "$root/.deps"
python3 -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check "clickhouse-connect==$version"
say "installed clickhouse-connect $(installed)"
