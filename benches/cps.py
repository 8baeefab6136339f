"""How many calls a second does one core set up and tear down, and what does one cost, beside SIPp as the caller?

Peal and SIPp call the same carrier in the same run, pinned in the same way, at rising rates. A rate is clean when every call was
answered and ended, nothing was sent twice by either side, and the rate was kept. docs/benchmarking.md says how to read the result.
"""

import argparse
import json
import os
import shutil
import sys
import time

import stand
from stand import Failure, say

# Peal keeps its limit in any rolling second, for which it gives up this share of the rate (docs/decisions/0003-sending-slots.md).
GATE = 0.04
# Share of the rate asked for that has to be reached.
KEPT = 0.95
# Everybody answers at once and waits for the caller to hang up.
ANSWERS = ["--rule", "*=person:ring=0:hangup=caller", "--time-scale", 0, "--rtcp", "off"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=lambda text: [int(rate) for rate in text.split(",")],
                        default=[250, 500, 1000, 1500, 2000, 3000, 4000, 5000], help="calls a second, rising")
    parser.add_argument("--seconds", type=int, default=10, help="length of each run")
    parser.add_argument("--tries", type=int, default=2, help="times that a rate is tried before it is said not to be clean")
    parser.add_argument("--rtp-ports", type=int, default=256, help="RTP ports of Peal")
    parser.add_argument("--dial", default="", help="more arguments for peal dial")
    parser.add_argument("--quick", action="store_true", help="50 calls a second for 2 s: does the stand work?")
    stand.add_arguments(parser, "cps")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rates, arguments.seconds, arguments.tries = [50], 2, 1
    if shutil.which("sipp") is None:
        sys.exit("sipp is not installed: setup/debian.sh sip-tester")
    place = stand.Stand.of(arguments, "cps")
    callers = {"peal": peal, "sipp": sipp}
    rates = {name: [] for name in callers}
    for rate in arguments.rates:
        for name, call in callers.items():
            # A caller that failed at one rate is not asked for a higher one.
            if rates[name] and not rates[name][-1]["clean"]:
                continue
            for _ in range(arguments.tries):
                row = run(place, arguments, name, call, rate)
                if row["clean"]:
                    break
            rates[name].append(row)
    best = {name: max((row for row in rows if row["clean"]), key=lambda row: row["rate"], default=None) for name, rows in rates.items()}
    ours, theirs = best["peal"], best["sipp"]
    # SIPp's cost at our rate, if it was clean there: cost a call falls as the rate rises.
    beside = next((row for row in rates["sipp"] if ours and row["rate"] == ours["rate"]), theirs)
    stand.finish(arguments, "cps", {
        "cps": ours and ours["cps"],
        "cpu_ms_per_call": ours and ours["cpu_ms_per_call"],
        "retransmissions": ours and ours["retransmissions"],
        "failed": ours and ours["failed"],
        "sipp_cps": theirs and theirs["cps"],
        "sipp_cpu_ms_per_call": beside and beside["cpu_ms_per_call"],
        "peal": rates["peal"],
        "sipp": rates["sipp"],
    })


def run(place, arguments, name, call, rate):
    """One caller at one rate."""
    calls = rate * arguments.seconds
    with place.carrier(*ANSWERS) as carrier, (place.folder / f"{name}.out").open("w+") as out:
        process = place.start(place.core, call(place, arguments, carrier.address, rate, calls), stdout=out, stderr=out)
        deadline = time.monotonic() + arguments.seconds * 3 + 60
        usage = None
        while usage is None and time.monotonic() < deadline:
            pid, status, spent = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                usage = spent.ru_utime + spent.ru_stime
            time.sleep(0.02)
        if usage is None:
            stand.end(process)
            raise Failure(f"{name} did not end")
        out.seek(0)
        told = out.read()
        summary = carrier.stop()
    line = summary["lines"][0]
    ended_well = line["endings"].get("bye-from-caller", 0)
    seconds = summary["elapsed_s"]
    row = {
        "rate": rate,
        "calls": summary["invites"],
        # By the carrier's count: between the first INVITE and the last message.
        "cps": round(summary["invites"] / seconds) if seconds else 0,
        "cpu_ms_per_call": round(usage * 1000 / calls, 4),
        "retransmissions": summary["invite_retransmissions"] + summary["our_retransmissions"],
        "failed": calls - ended_well,
    }
    if name == "peal":
        try:
            row["retransmissions"] = max(row["retransmissions"], json.loads(told)["sip_retransmissions"])
        except (ValueError, KeyError):
            row["failed"] = calls
    row["clean"] = row["failed"] == 0 and row["retransmissions"] == 0 and row["cps"] >= rate * KEPT
    say(f"{name}: {row}")
    return row


def peal(place, arguments, address, rate, calls):
    return [place.bin / "peal", "--json", "dial", f"sip:100@{address}", "--count", calls, "--cps", round(rate / (1 - GATE)), "--hold", "0s",
            "--cores", place.core, "--rtp-ports", arguments.rtp_ports, *arguments.dial.split()]


def sipp(place, arguments, address, rate, calls):
    return ["sipp", address, "-sn", "uac", "-s", "100", "-i", "127.0.0.1", "-r", rate, "-m", calls, "-l", calls, "-d", 0, "-nostdin",
            "-timeout", f"{arguments.seconds * 3}s", "-timeout_error"]


if __name__ == "__main__":
    main()
