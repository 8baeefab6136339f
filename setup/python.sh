#!/bin/sh
# Makes the Python environment of the tests in .deps/python of this folder's project: clickhouse-connect, a ClickHouse
# client, and openapi-spec-validator with jsonschema, which judge the API's document. We wrote none of them.
#
# What it does: creates a venv and installs pinned packages with the ordinary pip as it is set up on this machine.
# Nothing outside .deps is touched, no root is needed, and a second run does nothing.
set -eu

packages="clickhouse-connect==1.12.0 jsonschema==4.26.0 openapi-spec-validator==0.9.0"

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.deps/python

say() { printf 'setup/python: %s\n' "$*"; }

installed() {
    "$target/bin/python" - $packages 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version
for package in sys.argv[1:]:
    name, wanted = package.split("==")
    if version(name) != wanted:
        sys.exit(1)
PYTHON
}

if installed; then
    say "$packages: installed in .deps/python"
    exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    say "python3 with venv is missing; install it (Debian: apt-get install python3-venv) and run this again" >&2
    exit 1
fi

say "installing $packages in .deps/python"
mkdir -p "$root/.deps"
python3 -m venv "$target"
# One word for each package.
# shellcheck disable=SC2086
"$target/bin/python" -m pip install --quiet --disable-pip-version-check $packages
installed
say "installed"
