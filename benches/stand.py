"""The test stand that density.py, cps.py and soak.py share: the carrier, what /proc tells of a process, where results go.

Standard library only. Nothing here judges: the carrier does, from its own ledger.
"""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import platform
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Failure(Exception):
    """A run that cannot be counted, with the reason."""


def add_arguments(parser, what):
    """Arguments that all three programs have."""
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target/release", help="folder of peal, peal-carrier and floor")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / f"target/bench/{what}.json", help="file of the result")
    cores = sorted(os.sched_getaffinity(0))
    parser.add_argument("--core", type=int, default=cores[0], help="core of the system under test, all its threads")
    parser.add_argument("--far-core", type=int, default=cores[min(1, len(cores) - 1)], help="core of the carrier")
    parser.add_argument("--nice", type=int, default=0, help="priority of both; below 0 needs privileges, and helps on a busy machine")
    parser.add_argument("--save", action="store_true", help="also keep the result under benches/results/, with commit and machine")


@dataclasses.dataclass
class Stand:
    """Programs, cores, and a folder for their files."""

    bin: pathlib.Path
    folder: pathlib.Path
    core: int
    far_core: int
    nice: int

    @classmethod
    def of(cls, arguments, what):
        folder = arguments.out.resolve().parent / what
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cores = os.sched_getaffinity(0)
        for core in (arguments.core, arguments.far_core):
            if core not in cores:
                sys.exit(f"there is no core {core} here; choose --core and --far-core from {sorted(cores)}")
        for name in ("peal", "peal-carrier", "floor"):
            if not (arguments.bin / name).exists():
                sys.exit(f"{arguments.bin / name} is missing: cargo build --release --workspace --bins")
        return cls(arguments.bin.resolve(), folder, arguments.core, arguments.far_core, arguments.nice)

    def start(self, core, command, **files):
        """Starts a program on one core, all its threads; `core` None: on any. It finds ClickHouse's engine from our root."""

        def settle():
            if core is not None:
                os.sched_setaffinity(0, {core})
            if self.nice:
                os.setpriority(os.PRIO_PROCESS, 0, self.nice)
                # Where the kernel shares time out by session first, the priority of a process counts in its session only.
                os.setsid()
                with contextlib.suppress(OSError):
                    pathlib.Path("/proc/self/autogroup").write_text(str(self.nice))

        return subprocess.Popen([str(word) for word in command], preexec_fn=settle, cwd=ROOT, **files)

    @contextlib.contextmanager
    def running(self, core, command, log, first=signal.SIGTERM, stdout=None):
        """A program while the block lasts. A failure tells what it said last, in its log."""
        path = self.folder / log
        with path.open("w") as file:
            process = self.start(core, command, stdout=stdout or file, stderr=file)
            try:
                yield process
            except Failure as failure:
                # Results are kept: what they quote must not name the place of this folder.
                said = path.read_text()[-800:].replace(f"{ROOT}/", "")
                raise Failure(f"{failure}; {path.name} ends with: {said}") from failure
            finally:
                end(process, first)

    def carrier(self, *options):
        return Carrier(self, options)

    def prompt(self, seconds=30):
        """A tone as a WAV file."""
        path = self.folder / f"prompt-{seconds}.wav"
        if not path.exists():
            samples = (int(8000 * math.sin(n * 440 * math.tau / 8000)) for n in range(8000 * seconds))
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
                file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
        return path


class Carrier:
    """The far end. Use it as a context: it is stopped, whatever happens."""

    def __init__(self, stand, options):
        folder = stand.folder
        self.marks, self.summary_file, ready = folder / "marks", folder / "carrier.json", folder / "ready"
        for file in (self.marks, self.summary_file, ready):
            file.unlink(missing_ok=True)
        self.log = (folder / "carrier.log").open("w+")
        self.process = stand.start(
            stand.far_core,
            [stand.bin / "peal-carrier", "serve", "--line", "a=127.0.0.1:0", "--ledger", folder / "ledger.jsonl",
             "--summary", self.summary_file, "--calls-per-number", 10_000_000, "--ready-file", ready, *options],
            stdout=self.log, stderr=self.log,
        )
        wait_until(ready.exists, 30, "the carrier is ready", self.process)
        self.address = ready.read_text().strip().split("=")[1]

    def marked(self, what):
        """When the measuring window began or ended, Unix microseconds; None before."""
        text = self.marks.read_text() if self.marks.exists() else ""
        found = re.search(rf"^{what} (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else None

    def stop(self):
        """Its summary."""
        end(self.process)
        self.log.seek(0)
        if not self.summary_file.exists():
            raise Failure(f"the carrier left no summary: {self.log.read()[-500:]}")
        return json.loads(self.summary_file.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()


def wait_until(is_so, seconds, what, *processes):
    """Waits for a condition while the processes run."""
    deadline = time.monotonic() + seconds
    while not is_so():
        for process in processes:
            if process.poll() is not None:
                raise Failure(f"{pathlib.Path(process.args[0]).name} ended before {what}")
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


def end(process, first=signal.SIGTERM):
    """Ends a process: politely, then by force."""
    for number, seconds in ((first, 20), (first, 20), (signal.SIGKILL, 20)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass


@dataclasses.dataclass
class Usage:
    """CPU time of a process and of its core at one instant."""

    at: float
    tasks_ns: dict
    user: float
    system: float
    core_busy: float

    @classmethod
    def of(cls, pid, core):
        tasks = {}
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                tasks[task.name] = int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # The thread has just ended.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        line = re.search(rf"^cpu{core} (.*)$", pathlib.Path("/proc/stat").read_text(), re.MULTILINE)[1].split()
        idle = int(line[3]) + int(line[4])
        busy = (sum(map(int, line[:8])) - idle) / TICKS
        return cls(time.monotonic(), tasks, int(fields[11]) / TICKS, int(fields[12]) / TICKS, busy)

    def until(self, later, calls):
        """CPU microseconds a call-second since then: in all by the scheduler's count, and how they divide by its ticks."""
        seconds = later.at - self.at
        spent = sum(ns - self.tasks_ns.get(task, 0) for task, ns in later.tasks_ns.items()) / 1e9
        user, system = later.user - self.user, later.system - self.system
        share = user / (user + system) if user + system else 0
        us = spent / seconds / calls * 1e6
        return {
            "us_per_call_s": round(us, 1),
            "user_us": round(us * share, 1),
            "sys_us": round(us * (1 - share), 1),
            # What else ran on our core: above a few hundredths the figures are of a disturbed machine.
            "others_share": round(max(0, later.core_busy - self.core_busy - spent) / seconds, 3),
        }


def own_bytes(pid):
    """Memory that a process has written to and shares with nobody."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def udp_bytes():
    """Memory of all UDP sockets of the machine's queues, both ends of a test included."""
    return int(re.search(r"^UDP: .*mem (\d+)", pathlib.Path("/proc/net/sockstat").read_text(), re.MULTILINE)[1]) * PAGE


def machine():
    """What ran it; no names."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()}


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def finish(arguments, what, result):
    """Writes and prints the result, and keeps it if that is asked for."""
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1)
    arguments.out.write_text(text + "\n")
    print(text)
    if arguments.save:
        commit = git("rev-parse", "--short", "HEAD") + ("-changed" if git("status", "--porcelain") else "")
        date = time.strftime("%Y-%m-%d")
        kept = ROOT / f"benches/results/{date}-{commit}-{what}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({"commit": commit, "date": date, "machine": machine(), **result}, indent=1) + "\n")
        say(f"kept as {kept.relative_to(ROOT)}")


def say(text):
    print(text, file=sys.stderr, flush=True)
