#!/bin/sh
# Installs the ClickHouse engine (libchdb.so) that `peal up` embeds into .deps/chdb of this folder's project.
#
# What it does: fetches one pinned npm package with the ordinary npm client as it is set up on this machine (about
# 180 MB), unpacks only the library (570 MB) and checks that it loads. Nothing outside .deps is touched, no root is
# needed, and a second run does nothing.
set -eu

package=@chdb/lib-linux-x64-gnu
version=26.7.3-stable.1

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.deps/chdb
library=$target/libchdb.so
stamp=$target/version

say() { printf 'setup/chdb: %s\n' "$*"; }

if [ -f "$library" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then
    say "$package $version is installed in .deps/chdb"
    exit 0
fi

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) ;;
*)
    say "no libchdb package is pinned for $(uname -s) on $(uname -m): give Peal a ClickHouse server (CLICKHOUSE_URL)" >&2
    exit 1
    ;;
esac
if ! command -v npm >/dev/null 2>&1; then
    say "npm is missing; install it (Debian: apt-get install npm) and run this again" >&2
    exit 1
fi

mkdir -p "$target"
work=$(mktemp -d "$target/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

say "fetching $package $version (about 180 MB)"
(cd "$work" && npm pack --silent "$package@$version" >/dev/null)
tar -xzf "$work"/*.tgz -C "$work" package/libchdb.so package/package.json

say "checking that the library loads"
if command -v python3 >/dev/null 2>&1; then
    python3 - "$work/package/libchdb.so" <<'PY'
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.chdb_version.restype = ctypes.c_char_p
print("setup/chdb: it loads and calls itself", library.chdb_version().decode())
PY
else
    # ld.so resolves every dependency the same way when the library is opened.
    if ldd "$work/package/libchdb.so" | grep -q 'not found'; then
        ldd "$work/package/libchdb.so" >&2
        exit 1
    fi
fi

mv -f "$work/package/libchdb.so" "$library"
printf '%s\n' "$version" >"$stamp"
say "installed in .deps/chdb"
