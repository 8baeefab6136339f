#!/bin/sh
# Makes the Python environment of `make demo-voice` in .deps/voice: pocketsphinx, the recogniser, and what it is reached by, pinned in
# demos/voice/requirements.txt. We wrote none of them.
#
# What it does: creates a venv and installs with the ordinary pip as it is set up on this machine. Nothing outside .deps is touched, no
# root is needed, and a second run does nothing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.deps/voice
wanted=$root/demos/voice/requirements.txt

if cmp -s "$wanted" "$target/installed.txt"; then
    printf 'setup/voice: pocketsphinx is installed in .deps/voice\n'
    exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    printf 'setup/voice: python3 with venv is missing; install it (Debian: apt-get install python3-venv) and run this again\n' >&2
    exit 1
fi
printf 'setup/voice: installing pocketsphinx in .deps/voice\n'
mkdir -p "$root/.deps"
python3 -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$target/installed.txt"
