#!/usr/bin/env bash
# Measures on this machine and writes target/bench/*.json; docs/benchmarking.md says how to read them.
#
#   floor.json     the bare exchange of the same packets, no call logic, and the engine beside it
#   density.json   how many calls a core carries, and what each costs
#   cps.json       set-ups and tear-downs, beside SIPp
#   campaign.json  import of 1,000,000 contacts, planner ticks over them, memory of the control plane
#
# Machines are shared and noisy: compare ratios within one run. BENCH="floor cps" runs only those.
set -euo pipefail
cd "$(dirname "$0")/.."

out=target/bench
mkdir -p "$out"
[ -n "${BENCH_NO_BUILD:-}" ] || cargo build --release --locked --bin peal --bin peal-carrier --bin floor

for bench in ${BENCH:-floor density cps campaign}; do
    echo "== $bench"
    case $bench in
    floor)
        target/release/floor --shapes uring,mmsg,uring-own,epoll-own,engine --sockets 1,8,64 --wakes 1,2,4,5,10,20 >"$out/floor.json"
        cat "$out/floor.json"
        ;;
    density) python3 benches/density.py ;;
    cps) python3 benches/cps.py ;;
    campaign) python3 benches/campaign.py "$out" ;;
    *)
        echo "run.sh: '$bench' is none of: floor density cps campaign" >&2
        exit 2
        ;;
    esac
done
