#!/usr/bin/env bash
# Measures on this machine and writes target/bench/*.json:
#
#   floor.json     the bare exchange of the same packets, no call logic
#   media.json     1,000 calls with media: `peal dial` on core 0, the carrier on core 1
#   cps.json       set-ups and tear-downs, the same way; 1,050 a second asked for, of which the line's gate takes 4 %
#   campaign.json  import of 1,000,000 contacts, planner ticks over them, memory of the control plane
#
# Machines are shared and noisy: compare ratios within one run. BENCH="media cps" runs only those.
set -euo pipefail
cd "$(dirname "$0")/.."

out=target/bench
mkdir -p "$out"
which=${BENCH:-floor media cps campaign}
[ -n "${BENCH_NO_BUILD:-}" ] || cargo build --release --locked --bin peal --bin peal-carrier --bin floor

carrier=
stop_carrier() {
    [ -z "$carrier" ] || { kill -TERM "$carrier" 2>/dev/null || true; wait "$carrier" 2>/dev/null || true; }
    carrier=
}
trap stop_carrier EXIT

# The far end: everybody answers at once and waits for the caller to hang up.
start_carrier() { # NAME
    rm -f "$out/$1.ready"
    target/release/peal-carrier serve --line a=127.0.0.1:0 --core 1 --time-scale 0.01 \
        --rule '*=person:ring=0:hangup=caller' --ledger "$out/$1.ledger.jsonl" --summary "$out/$1.carrier.json" \
        --calls-per-number 1000000 --ready-file "$out/$1.ready" >"$out/$1.carrier.log" 2>&1 &
    carrier=$!
    until [ -s "$out/$1.ready" ]; do
        kill -0 "$carrier" || { cat "$out/$1.carrier.log" >&2; exit 1; }
        sleep 0.05
    done
    address=$(cut -d= -f2 "$out/$1.ready")
}

prompt() { # FILE SECONDS: a tone as a WAV file
    python3 - "$1" "$2" <<'PY'
import math, struct, sys, wave
with wave.open(sys.argv[1], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(8000)
    file.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(n * 440 * 2 * math.pi / 8000)))
                              for n in range(8000 * int(sys.argv[2]))))
PY
}

for bench in $which; do
    echo "== $bench"
    case $bench in
    floor)
        target/release/floor --calls 1000 --seconds 3 >"$out/floor.json"
        cat "$out/floor.json"
        ;;
    media)
        prompt "$out/prompt.wav" 30
        start_carrier media
        target/release/peal --json dial "sip:100@$address" --count 1000 --cps 200 --play "$out/prompt.wav" --hold 1s \
            --cores 0 --rtp-ports 64 >"$out/media.json"
        stop_carrier
        cat "$out/media.json"
        ;;
    cps)
        start_carrier cps
        target/release/peal --json dial "sip:100@$address" --count 20000 --cps 1050 --hold 0s --cores 0 --rtp-ports 64 >"$out/cps.json"
        stop_carrier
        cat "$out/cps.json"
        ;;
    campaign)
        python3 benches/campaign.py "$out"
        ;;
    *)
        echo "run.sh: '$bench' is none of: floor media cps campaign" >&2
        exit 2
        ;;
    esac
done
