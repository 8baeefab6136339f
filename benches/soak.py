"""Does anything grow, leak or get stuck while calls come and go for a long time?

`peal up` (both planes and ClickHouse) runs a campaign that keeps a number of calls up; callees hang up after 30 to 120 seconds, and
others are called. Memory, descriptors and gauges are sampled all the time. Fails if a trend is not flat, a packet was lost by us, a
call is stuck, or the carrier complains. docs/benchmarking.md says what flat means.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

import stand
from stand import Failure, say

# The carrier's people talk for 4 to 20 s, 12 on average, times its scale.
TALK_MEAN_S = 12
# What may grow between the second quarter and the last: a share, and an amount below which a share says nothing.
FLAT = {
    "rss_bytes": (0.03, 6 << 20),
    "descriptors": (0.02, 8),
    # Blocking work of the control plane borrows some for a while.
    "threads": (0.1, 4),
    "calls": (0.10, 10),
    "ports": (0.10, 10),
}
# Gauges of the node's ports, where it tells them.
PORTS = re.compile(r"^peal_dataplane_(?:rtp_)?ports_\w+(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=3000, help="calls at once")
    parser.add_argument("--seconds", type=int, default=3600, help="how long, from when all calls are up")
    parser.add_argument("--talk", type=float, default=72, help="mean length of a call, seconds; from a third to five thirds of it")
    parser.add_argument("--every", type=float, default=10, help="seconds between samples")
    parser.add_argument("--cps", type=int, default=150, help="most new calls a second")
    parser.add_argument("--contacts", type=int, default=750_000,
                        help="contacts beside those that are called: with so many the store's page cache of 64 MiB is full from the start")
    parser.add_argument("--record", action="store_true", help="record all calls, and delete the recordings at the end")
    stand.add_arguments(parser, "soak")
    arguments = parser.parse_args()
    place = stand.Stand.of(arguments, "soak")
    try:
        result = Soak(place, arguments).run()
    except Failure as failure:
        sys.exit(f"soak: {failure}")
    stand.finish(arguments, "soak", result)
    if result["failed"]:
        sys.exit("soak: " + "; ".join(result["failed"]))


class Soak:
    def __init__(self, place, arguments):
        self.place, self.arguments = place, arguments
        self.config, self.data = place.folder / "peal.toml", place.folder / "data"
        ports = 2 * max(64, arguments.cps * 2) - 1
        self.config.write_text(
            f'[node]\nsip_port = 0\nrtp_ports = {{ first = 0, last = {ports} }}\nrtp_own_ports = 0\nmetrics = "127.0.0.1:0"\n'
            f"max_calls = {arguments.calls + 100}\ncores = [{place.core}]\ndrain_s = 0\n"
            '[controlplane]\napi = "127.0.0.1:0"\nlink = "127.0.0.1:0"\n'
        )

    def run(self):
        place, arguments = self.place, self.arguments
        scale = arguments.talk / TALK_MEAN_S
        rule = "*=person:ring=0:hangup=callee"
        with place.carrier("--rule", rule, "--time-scale", scale, "--call-limit", 7200) as carrier:
            command = [place.bin / "peal", "up", "--config", self.config, "--data", self.data]
            with place.running(None, command, "peal.log") as self.peal:
                samples = self.campaign(carrier)
                stuck = self.let_it_end(carrier)
            summary = carrier.stop()
        return self.judge(samples, stuck, summary)

    def campaign(self, carrier):
        """Sets up a campaign and samples while it runs."""
        arguments = self.arguments
        addresses = self.data / "addresses.json"
        stand.wait_until(addresses.exists, 60, "peal up is ready", self.peal)
        told = json.loads(addresses.read_text())
        self.api = f"http://{told['api']}"
        self.metrics = [f"{self.api}/metrics", f"http://{told['node_metrics']}/metrics"]
        self.key = (self.data / "api-key").read_text().strip()

        talk = arguments.talk
        # Those that will be called, and many that will not.
        contacts = arguments.contacts + int(arguments.calls * 3 + (arguments.seconds + 120) / talk * arguments.calls * 2)
        numbers = self.place.folder / "numbers.csv"
        with numbers.open("w") as file:
            file.write("number\n")
            file.writelines(f"+86{13000000000 + n * 7}\n" for n in range(contacts))
        self.admin("list", "import", "all", numbers)
        line = self.admin("line", "add", "a", carrier.address, "--max-calls", arguments.calls, "--max-cps", arguments.cps)["id"]
        prompt = self.admin("prompt", "add", "tone", self.place.prompt(5))["id"]
        steps = [{"do": "play", "prompt": prompt}, {"do": "wait", "ms": 3_600_000}]
        script = self.admin("script", "add", "-", document={"name": "listen", "steps": steps})["id"]
        self.id = self.admin("campaign", "add", "-", document={
            "name": "soak", "lists": [self.admin("list", "ls")[0]["id"]], "line_group": self.admin("line", "group", "g", line)["id"],
            "script": script, "record": arguments.record, "max_call_ms": 3_600_000,
        })["id"]
        self.admin("campaign", "start", self.id)
        # All up: what hangs up is replaced, so that a few are always missing.
        stand.wait_until(lambda: self.sample()["calls"] >= arguments.calls * 0.9, 60 + 3 * arguments.calls / arguments.cps,
                         f"{arguments.calls} calls are up", self.peal, carrier.process)
        samples, until = [], time.monotonic() + arguments.seconds
        while time.monotonic() < until:
            if self.peal.poll() is not None:
                raise Failure(f"peal up ended: see {self.place.folder}/peal.log")
            samples.append(self.sample())
            say(" ".join(f"{name}={value}" for name, value in samples[-1].items()))
            time.sleep(max(0, min(arguments.every, until - time.monotonic())))
        return samples

    def sample(self):
        process = pathlib.Path(f"/proc/{self.peal.pid}")
        status = (process / "status").read_text()
        number = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
        text = ""
        for address in self.metrics:
            with urllib.request.urlopen(address, timeout=10) as answer:
                text += answer.read().decode()
        gauge = lambda name: sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))
        sample = {
            "rss_bytes": number("VmRSS") * 1024,
            "descriptors": len(list((process / "fd").iterdir())),
            "threads": number("Threads"),
            "calls": gauge("peal_dataplane_calls_active"),
        }
        ports = [float(value) for value in PORTS.findall(text)]
        if ports:
            sample["ports"] = sum(ports)
        return sample

    def let_it_end(self, carrier):
        """No new calls; those that are up end by themselves. What is still up when all should be over is stuck."""
        self.admin("campaign", "pause", self.id)
        longest = self.arguments.talk * 5 / 3 + 30
        try:
            stand.wait_until(lambda: self.sample()["calls"] == 0, longest, "all calls are over", self.peal, carrier.process)
        except Failure:
            return self.sample()["calls"]
        return 0

    def judge(self, samples, stuck, summary):
        failed, trends = [], {}
        quarter = max(1, len(samples) // 4)
        mean = lambda some, name: sum(sample[name] for sample in some) / len(some)
        for name, (share, amount) in FLAT.items():
            if name not in samples[-1]:
                continue
            second, last = mean(samples[quarter:2 * quarter] or samples, name), mean(samples[-quarter:], name)
            trends[name] = {"second_quarter": round(second), "last_quarter": round(last), "highest": max(s[name] for s in samples)}
            if last - second > max(second * share, amount):
                failed.append(f"{name} grows: {second:.0f} in the second quarter, {last:.0f} in the last")
        rtp = summary["rtp"]
        # The summary has no count of the carrier's own drops outside of a window; its last line has.
        dropped = int(re.search(r"(\d+) dropped at our queues", (self.place.folder / "carrier.log").read_text())[1])
        lost = max(0, rtp["lost"] - dropped)
        checks = {
            f"{stuck:.0f} calls are stuck": stuck,
            f"{summary['open']} calls are open at the carrier": summary["open"],
            f"{lost} packets lost": lost,
            f"{len(summary['overlapping'])} numbers called twice at once": len(summary["overlapping"]),
            f"{summary['lines'][0]['endings'].get('lost', 0)} calls whose end nobody confirmed": summary["lines"][0]["endings"].get("lost", 0),
            f"{summary['rtcp']['malformed'] + summary['rtcp']['implausible']} bad RTCP reports":
                summary["rtcp"]["malformed"] + summary["rtcp"]["implausible"],
        }
        failed += [what for what, count in checks.items() if count]
        return {
            "calls": self.arguments.calls, "seconds": self.arguments.seconds, "calls_in_all": summary["invites"],
            "packets": rtp["received"], "lost": lost, "dropped_at_carrier": dropped, "stuck": stuck,
            "trends": trends, "failed": failed,
        }

    def admin(self, *arguments, document=None):
        done = subprocess.run(
            [str(word) for word in (self.place.bin / "peal", "--json", "--api", self.api, "--api-key", self.key, *arguments)],
            input=None if document is None else json.dumps(document), capture_output=True, text=True, check=False,
        )
        if done.returncode:
            raise Failure(f"peal {' '.join(map(str, arguments))}: {done.stderr}")
        return json.loads(done.stdout or "null")


if __name__ == "__main__":
    main()
