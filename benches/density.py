"""How many calls does one core carry, and what does each cost beside the bare exchange of its packets?

For each number of calls and each set of features: `peal dial` on one core, all its threads; the carrier on another. When all calls
are up the carrier opens a window, in which it notes every packet; in the same window the CPU time of Peal is read. The floor is
measured in between, at the same number of calls. docs/benchmarking.md says how to read the result.
"""

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys

import stand
from stand import Failure, Usage, say

# What the callee does, and what we are told, for each set of features. Voice activity and key presses are always watched for:
# without them the callee says nothing that would have to be found.
QUIET = "*=person:delay=0:ring=0:hangup=caller:voice=silence"
TALKING = "*=person:delay=0:ring=0:hangup=caller:voice=speech:press=1:digits=159*0#:again=5"
FEATURES = {
    "prompt": (QUIET, []),
    "+vad+dtmf": (TALKING, []),
    "+record": (TALKING, ["--record"]),
    "+asr": (TALKING, ["--tap"]),
    "+hook": (TALKING, ["--script"]),
}
# Every call asks again and again and streams the answers to a recogniser, which always understands the same.
ASKS = {"name": "hook", "steps": [
    {"do": "listen", "id": "ask", "ask": "Please go on, I am listening.", "intents": {"yes": "ask", "no": "bye"},
     "no_input": {"to": "ask"}, "no_match": {"to": "ask"}, "gone": "ask"},
    {"do": "hang_up", "id": "bye"},
]}
HEARS = """[node]
data = "{folder}/node"
[node.voice.recognisers.far]
protocol = "vosk"
url = "ws://{address}"
sessions_max = 20000
"""
RECOGNISER = "127.0.0.1:27800"
# Bytes a second of a stereo recording at 8 kHz.
RECORD_RATE = 32_000


def main():
    arguments = parse()
    place = stand.Stand.of(arguments, "density")
    bench = Bench(place, arguments)
    rows = []
    for features in arguments.features:
        held = bench.climb(features, rows)
        say(f"{features}: {held or 'none of these'} holds")
    floors = [row["floor_us"] for row in rows if row.get("floor_us")]
    highest = {features: max((row["calls"] for row in rows if row["features"] == features and row.get("holds")), default=None)
               for features in arguments.features}
    stand.finish(arguments, "density", {"floor_us": min(floors, default=None), "highest": highest, "rows": rows})


def parse():
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=numbers, default=[200, 500, 1000, 2500, 5000, 6000], help="numbers of calls, rising")
    parser.add_argument("--features", type=lambda text: text.split(","), default=list(FEATURES), help="sets of features")
    parser.add_argument("--codec", default="PCMA", help="PCMA or PCMU")
    parser.add_argument("--seconds", type=int, default=30, help="length of the window")
    parser.add_argument("--settle", type=int, default=3, help="seconds that all calls are up before it")
    parser.add_argument("--cps", type=int, default=250, help="rate at which calls are set up before it")
    parser.add_argument("--tries", type=int, default=2, help="times that a row is tried before it is said not to hold")
    parser.add_argument("--resolution", type=int, default=100, help="the highest number that holds is searched to within this; 0: not")
    parser.add_argument("--floor-seconds", type=int, default=4, help="length of each measurement of the floor")
    parser.add_argument("--floor-wakes", default="4", help="wake-ups a tick of the floor")
    parser.add_argument("--rtp-ports", type=int, default=64, help="RTP ports of Peal")
    parser.add_argument("--rtcp", default="next", help="where the carrier wants RTCP: mux, next, off")
    parser.add_argument("--dial", default="", help="more arguments for peal dial")
    parser.add_argument("--quick", action="store_true", help="50 and 100 calls, 3 s, no search: does the stand work?")
    stand.add_arguments(parser, "density")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.calls, arguments.features, arguments.resolution = [50, 100], ["+vad+dtmf"], 0
        arguments.settle = arguments.floor_seconds = arguments.tries = 1
        arguments.seconds, arguments.cps = 3, 100
    for features in arguments.features:
        if features not in FEATURES:
            sys.exit(f"'{features}' is none of {', '.join(FEATURES)}")
    return arguments


class Bench:
    """Measures rows; remembers floors and the memory of one call."""

    def __init__(self, place, arguments):
        self.place, self.arguments = place, arguments
        self.floors, self.first_call = {}, {}
        self.dial_help = subprocess.run([place.bin / "peal", "dial", "--help"], capture_output=True, text=True, check=True).stdout

    def climb(self, features, rows):
        """Measures the given numbers of calls while they hold, then looks for the highest that does."""
        missing = [option for option in FEATURES[features][1] if option not in self.dial_help]
        if missing:
            rows.append({"features": features, "codec": self.arguments.codec,
                         "not_available": f"this build of peal dial has no {missing[0]}"})
            return None
        held, failed = 0, None
        for calls in self.arguments.calls:
            if self.row(features, calls, rows):
                held = calls
            else:
                failed = calls
                break
        step = self.arguments.resolution
        while step and failed and failed - held > step:
            middle = (held + failed) // 2 // step * step
            if middle <= held:
                break
            if self.row(features, middle, rows):
                held = middle
            else:
                failed = middle
        return held

    def row(self, features, calls, rows):
        """One row, tried until it holds or was tried often enough; whether it holds."""
        for attempt in range(1, self.arguments.tries + 1):
            floor = self.floor(calls)
            try:
                row = self.measure(features, calls)
            except Failure as failure:
                row = {"calls": calls, "features": features, "codec": self.arguments.codec, "holds": False, "failed": str(failure)}
            row["floor_us"] = floor
            if floor and "us_per_call_s" in row:
                row["ratio"] = round(row["us_per_call_s"] / floor, 2)
            row["tries"] = attempt
            say(" ".join(f"{key}={row[key]}" for key in
                         ("calls", "features", "us_per_call_s", "floor_us", "ratio", "due_p99_ms", "lost", "others_share", "holds", "limit",
                          "failed") if key in row))
            if row["holds"]:
                break
        rows.append(row)
        return row["holds"]

    def floor(self, calls):
        """CPU microseconds a call-second of the bare exchange, the cheapest so far at this number of calls; None: it cannot be
        carried."""
        place, arguments = self.place, self.arguments
        command = [place.bin / "floor", "--calls", calls, "--seconds", arguments.floor_seconds, "--rounds", 1,
                   "--shapes", "uring,mmsg", "--wakes", arguments.floor_wakes,
                   "--core", place.core, "--far-core", place.far_core]
        with (place.folder / "floor.log").open("a") as log:
            # It pins its own threads.
            floor = place.start(None, command, stdout=subprocess.PIPE, stderr=log, text=True)
            told, _ = floor.communicate()
        if floor.returncode == 0:
            found = json.loads(told)["floor_us"]
            self.floors[calls] = min(found, self.floors.get(calls, found))
        return self.floors.get(calls)

    def measure(self, features, calls):
        if features not in self.first_call:
            self.first_call[features] = self.run(features, 1, seconds=1)["own_bytes"]
        row = self.run(features, calls, self.arguments.seconds)
        row["bytes_per_call"] = round((row["own_bytes"] - self.first_call[features]) / max(calls - 1, 1))
        return row

    def run(self, features, calls, seconds):
        """One window."""
        place, arguments = self.place, self.arguments
        rule, options = FEATURES[features]
        recordings = place.folder / "recordings"
        shutil.rmtree(recordings, ignore_errors=True)
        life = seconds + arguments.settle + calls / arguments.cps + 30
        if "--record" in options:
            recordings.mkdir()
            needed, free = calls * life * RECORD_RATE, shutil.disk_usage(place.folder).free
            if needed > free / 2:
                raise Failure(f"{needed / 1e9:.0f} GB of recordings do not fit on this disk")
        window = ["--measure-calls", calls, "--measure-seconds", seconds, "--measure-settle", arguments.settle]
        with place.carrier("--rule", rule, "--rtcp", arguments.rtcp, *window, "--measure-marks", place.folder / "marks") as carrier:
            command = [place.bin / "peal", "--json", "dial", f"sip:100@{carrier.address}", "--cps", arguments.cps,
                       # A call that was shed while the others are set up is replaced.
                       "--max-calls", calls, "--count", calls + calls // 20 + 1, "--codecs", arguments.codec,
                       "--cores", place.core, "--rtp-ports", arguments.rtp_ports, *arguments.dial.split()]
            if "--script" not in options:
                command += ["--play", place.prompt(), "--hold", f"{life + 60:.0f}s"]
            for option in options:
                command += {"--record": [option, recordings / "call.wav"], "--script": self.dialogue()}.get(option, [option])
            with (place.folder / "dial.json").open("w+") as told, self.recogniser(options) as recogniser:
                with place.running(place.core, command, "dial.log", first=signal.SIGINT, stdout=told) as peal:
                    stand.wait_until(lambda: carrier.marked("begins"), calls / arguments.cps + arguments.settle + 30,
                                     f"{calls} calls are up", peal, carrier.process)
                    before = Usage.of(peal.pid, place.core)
                    stand.wait_until(lambda: carrier.marked("ends"), seconds + 30, "the window ends", peal, carrier.process)
                    usage = before.until(Usage.of(peal.pid, place.core), calls)
                    memory = {"own_bytes": stand.own_bytes(peal.pid), "kernel_udp_bytes": stand.udp_bytes()}
                told.seek(0)
                dial = json.loads(told.read() or "{}")
            summary = carrier.stop()
        shutil.rmtree(recordings, ignore_errors=True)
        return describe(features, calls, arguments.codec, usage, memory, summary, dial) | recogniser

    def dialogue(self):
        """A script that listens, and what it listens with."""
        folder = self.place.folder
        (folder / "script.json").write_text(json.dumps(ASKS))
        (folder / "peal.toml").write_text(HEARS.format(folder=folder, address=RECOGNISER))
        return ["--script", folder / "script.json", "--config", folder / "peal.toml"]

    @contextlib.contextmanager
    def recogniser(self, options):
        """One beside the carrier, where the calls listen. Gives what it counted, when it has ended."""
        counted = {}
        if "--script" not in options:
            yield counted
            return
        command = [self.place.bin / "deaf-recogniser", "--listen", RECOGNISER]
        with (self.place.folder / "recogniser.json").open("w+") as told:
            with self.place.running(self.place.far_core, command, "recogniser.log", stdout=told):
                yield counted
            told.seek(0)
            counted["recogniser"] = json.loads(told.read().splitlines()[-1])


def describe(features, calls, codec, usage, memory, summary, dial):
    """A row, from what the carrier, the kernel and Peal say."""
    window, rtcp = summary["window"], summary["rtcp"]
    ms = lambda name: round(window[name] / 1000, 3)
    window_s = (window["end_us"] - window["begin_us"]) / 1e6
    far = {
        "cpu_share": round(window["carrier_cpu_us"] / window_s / 1e6, 3),
        "late_p99_ms": ms("carrier_late_p99_us"),
        "dropped": window["dropped_here"],
    }
    lost_in = dial.get("rtp_lost", 0)
    row = {
        "calls": calls, "features": features, "codec": codec, **usage,
        "due_p50_ms": ms("due_p50_us"), "due_p99_ms": ms("due_p99_us"), "due_max_ms": ms("due_max_us"),
        "gap_p99_ms": ms("gap_p99_us"),
        # By us: what we should have sent and what came to us. What the carrier's own queues dropped is far.dropped.
        "lost": window["lost_by_caller"] + lost_in, "lost_out": window["lost_by_caller"], "lost_in": lost_in,
        "holds": window["holds"],
        "window": {name: window[name] for name in ("received", "expected", "silent", "ended_early", "restarted", "unnoted")},
        **memory, "far": far,
        "rtcp": {name: rtcp[name] for name in ("received", "unreported", "malformed", "implausible", "lost_told")},
    }
    # What the side thread got of what the callees said, by its own count.
    row.update({name: dial[name] for name in ("dialogue", "tap_audio_s", "tap_dropped", "tap_delay_p99_ms") if name in dial})
    if not row["holds"] and (far["dropped"] or far["cpu_share"] > 0.97 or far["late_p99_ms"] > 5):
        row["limit"] = "the far end: it was late or full itself"
    return row


if __name__ == "__main__":
    main()
