#!/bin/sh
# Makes the Python environment of the voice bot of `make demo-bot` in .deps/bot: pipecat, pinned in demos/voice/requirements-bot.txt. We did
# not write it.
#
# What it does: creates a venv and installs with the ordinary pip as it is set up on this machine. Nothing outside .deps is touched, no
# root is needed, and a second run does nothing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.deps/bot
wanted=$root/demos/voice/requirements-bot.txt

if cmp -s "$wanted" "$target/installed.txt"; then
    printf 'setup/bot: pipecat is installed in .deps/bot\n'
    exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    printf 'setup/bot: python3 with venv is missing; install it (Debian: apt-get install python3-venv) and run this again\n' >&2
    exit 1
fi
printf 'setup/bot: installing pipecat in .deps/bot\n'
mkdir -p "$root/.deps"
python3 -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$target/installed.txt"
