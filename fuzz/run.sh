#!/bin/sh
# Fuzzes every target for SECONDS each (default 20) and fails on a crash, whose input it leaves in fuzz/artifacts.
# Works on the stable toolchain: the coverage passes come from LLVM, no sanitizer is linked.
set -eu
cd "$(dirname "$0")"
seconds=${1:-20}
target=$(rustc -vV | sed -n 's/^host: //p')
corpora=../../shared/corpora
[ -d "$corpora" ] || { echo "fuzz/run.sh: the seeds in $corpora are missing" >&2; exit 2; }

# RUSTFLAGS with --target instruments our crates only, not the build scripts.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing" \
    cargo build --locked --release --target "$target" --target-dir target

run() {
    name=$1
    shift
    mkdir -p "corpus/$name" "artifacts/$name"
    if ! "target/$target/release/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=8192 \
        -artifact_prefix="artifacts/$name/" -print_final_stats=1 "corpus/$name" "$@" >"artifacts/$name.log" 2>&1
    then
        tail -n 60 "artifacts/$name.log" >&2
        echo "fuzz/run.sh: $name crashed; its input is in fuzz/artifacts/$name" >&2
        exit 1
    fi
    echo "$name: $(grep number_of_executed_units "artifacts/$name.log" | tr -dc 0-9) runs without a crash"
}

run sip_endpoint seeds/sip_endpoint "$corpora/rfc4475-torture/bitexact" "$corpora/cve-repro" \
    "$corpora/rfc3665-3666-messages" "$corpora/sipgo-torture-fuzz" "$corpora/kamailio-sip"
run sdp seeds/sdp "$corpora/cve-repro" "$corpora/libosip2-test-res"
run rtp seeds/rtp "$corpora/cve-repro"
run rtcp seeds/rtcp "$corpora/cve-repro"
run hook seeds/hook
run speech_audio seeds/speech_audio
run model_answer seeds/model_answer
