"""The programs of the demo, each a child of this process that is ended by its id, and how the demo asks Peal: as an analyst would."""

import contextlib
import csv
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START_S, STOP_S = 60, 60

# Every port is the kernel's choice, so that the demo runs beside anything.
CONFIG = """\
# The configuration of the demo. `peal config` prints every key with its meaning.
[node]
sip_port = 0
rtp_ports = {{ first = 0, last = 599 }}
metrics = "127.0.0.1:0"
drain_s = 5

[node.voice.recognisers.pocketsphinx]
protocol = "vosk"
url = "ws://{recogniser}"
sessions_max = {sessions}

[node.voice.models.lines]
url = "http://{llm}/v1"
model = "lines-1"
key = "sk-demo"

[controlplane]
api = "127.0.0.1:0"
link = "127.0.0.1:0"
"""


class Failure(Exception):
    """Why the demo is worth nothing."""


class Child:
    """A program, its output in a file."""

    def __init__(self, name, command, folder):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def check(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended by itself with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")

    def wait_for(self, look, what):
        """Until `look` gives something."""
        until = time.monotonic() + START_S
        while not (found := look()):
            self.check()
            if time.monotonic() > until:
                raise Failure(f"{self.name}: {what} takes longer than {START_S} s; its log is {self.log}")
            time.sleep(0.05)
        return found

    def address(self):
        """What a server of this folder says in its first line."""
        said = lambda: self.log.read_text().partition("\n")[0].partition(" at ")[2] if "\n" in self.log.read_text() else None
        return self.wait_for(said, "its start")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"{self.name} did not end within {STOP_S} s and was killed; its log is {self.log}") from None


class Stand:
    """All of them. Leaving it ends what still runs, the last that was started first."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.children, self.started = contextlib.ExitStack(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.children.close()

    def start(self, name, *command):
        child = Child(name, command, self.folder)
        self.children.callback(child.stop)
        self.started.append(child)
        return child

    def start_carrier(self, cast):
        ready = self.folder / "carrier.ready"
        self.carrier = self.start(
            "carrier", self.programs / "peal-carrier", "serve", "--line", "acme=127.0.0.1:0", "--mix", "person=1", "--cast", cast,
            "--cast-recordings", self.folder / "far-end", "--ledger", self.folder / "ledger.jsonl", "--summary",
            self.folder / "carrier.json", "--ready-file", ready,
        )  # fmt: skip
        self.carrier.wait_for(ready.exists, "its start")
        return ready.read_text().strip().partition("=")[2]

    def start_peal(self, recogniser, llm, sessions):
        config, data = self.folder / "peal.toml", self.folder / "data"
        config.write_text(CONFIG.format(recogniser=recogniser, llm=llm, sessions=sessions))
        child = self.start("peal", self.programs / "peal", "up", "--config", config, "--data", data)
        addresses = data / "addresses.json"
        read = lambda: addresses.exists() and json.loads(addresses.read_text() or "null")
        api = child.wait_for(read, "its start")["api"]
        return child, Peal(self.programs / "peal", api, (data / "api-key").read_text().strip())


class Peal:
    """`peal` on the command line."""

    def __init__(self, program, api, key):
        self.program, self.environment = program, os.environ | {"PEAL_API": f"http://{api}", "PEAL_API_KEY": key}

    def tell(self, *words, given=None):
        """What it prints. `given` is its standard input."""
        command = [str(word) for word in (self.program, *words)]
        run = subprocess.run(command, cwd=ROOT, env=self.environment, input=given, capture_output=True, text=True)
        if run.returncode:
            raise Failure(f"peal {' '.join(command[1:])}: {run.stderr.strip()}")
        return run.stdout

    def ask(self, *words, given=None):
        """The same as a value."""
        return json.loads(self.tell("--json", *words, given=given))

    def rows(self, statement):
        """What ClickHouse answers."""
        return [json.loads(line) for line in self.tell("sql", "--format", "JSONEachRow", statement).splitlines()]

    def table(self, statement):
        return self.tell("sql", "--format", "PrettyCompactNoEscapes", statement)


def write_contacts(file, contacts):
    """Numbers and names."""
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("number", "name"), *contacts])
