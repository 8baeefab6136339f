"""`make demo-voice`: calls that listen and speak, from the contact list to what ClickHouse says about them.

    .deps/voice/bin/python demos/voice/run.py [--calls N] [--at-once N] [--programs FOLDER] [--folder FOLDER]

Customers voiced by flite answer our carrier and say things (customers.yaml); pocketsphinx hears them (recogniser.py); a script, or a
language model (llm.py), understands and answers with espeak-ng. Nothing is built and nothing is downloaded. Ends with a verdict, in
summary.json: what was said is compared with what the records say was understood.
"""

import argparse
import json
import pathlib
import shutil
import signal
import sys
import time

import yaml

import report
import voices
from stand import ROOT, Failure, Stand, write_contacts

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["Ann", "Bob", "Carla", "David", "Emma", "Frank", "Grace", "Henry"]
# Left in the folder, so that the next demo knows it for its own.
MARK = "written-by-make-demo-voice"
LOOK_S = 0.5


def empty(folder):
    """Makes the folder, or empties it when an earlier demo wrote it. Somebody's own files are never touched."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise Failure(f"{folder} is not empty and was not written by this demo: name another --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def assign(customers, calls):
    """For each script (customer, number), in turn. The numbers are from the range that fiction has: +1 NPA 555 01xx."""
    scripts = list(customers)
    shares = {script: calls * len(customers[script]) // sum(map(len, customers.values())) for script in scripts}
    shares[scripts[0]] += calls - sum(shares.values())
    area = iter(range(201, 990))
    assigned = {}
    for script, share in shares.items():
        code = 0
        assigned[script] = []
        for n in range(share):
            if n % 100 == 0:
                code = next(area)
            assigned[script].append((customers[script][n % len(customers[script])], f"+1{code}55501{n % 100:02}"))
    return assigned


def write_cast(folder, assigned):
    """What the carrier reads: who answers which number, and what he says. What he means by it is nobody's business there."""
    cast = {}
    for customer, number in (pair for pairs in assigned.values() for pair in pairs):
        acts = [{key: value for key, value in act.items() if key != "means"} for act in customer.get("acts", [])]
        known = {"name": customer["name"], "voice": customer["voice"], "numbers": [], "acts": acts}
        cast.setdefault(customer["name"], known)["numbers"].append(number)
    voices.speak_all(cast.values(), folder / "voices")
    file = folder / "cast.json"
    file.write_text(json.dumps({"audio": "voices", "customers": list(cast.values())}, indent=1))
    return file


def add_campaign(peal, folder, name, script, contacts, at_once, group):
    file = folder / f"{name}.csv"
    write_contacts(file, [(number, NAMES[n % len(NAMES)]) for n, number in enumerate(contacts)])
    peal.tell("list", "import", name, file)
    lists = {known["name"]: known["id"] for known in peal.ask("list", "ls")}
    campaign = {
        "name": name, "lists": [lists[name]], "line_group": group, "script": script, "record": True, "max_concurrent_calls": at_once,
        "max_call_ms": 90_000, "retry": {"max_attempts": 1},
    }  # fmt: skip
    return peal.ask("campaign", "add", "-", given=json.dumps(campaign))["id"]


def run_campaigns(peal, stand, campaigns, limit_s):
    """Until they are over."""
    for campaign in campaigns:
        peal.tell("campaign", "start", campaign)
    until = time.monotonic() + limit_s
    while any(peal.ask("campaign", "show", campaign)["state"] != "completed" for campaign in campaigns):
        for child in stand.started:
            child.check()
        if time.monotonic() > until:
            raise Failure(f"the campaigns are not over after {limit_s} s; the logs are in {stand.folder}")
        time.sleep(LOOK_S)


def demonstrate(arguments, stand):
    folder = stand.folder
    customers = yaml.safe_load((HERE / "customers.yaml").read_text())
    assigned = assign(customers, arguments.calls)
    print("voicing the customers, loading the recogniser's model, starting Peal with an embedded ClickHouse", flush=True)
    address = stand.start_carrier(write_cast(folder, assigned))
    python = [sys.executable, "-B"]
    hears = stand.start("recogniser", *python, HERE / "recogniser.py", "--listen", "127.0.0.1:0", "--phrases", HERE / "appointment.phrases")
    talks = stand.start("llm", *python, HERE / "llm.py", "--listen", "127.0.0.1:0", "--summary", folder / "llm.json")
    up, peal = stand.start_peal(hears.address(), talks.address(), arguments.at_once)

    line = peal.ask("line", "add", "acme", address, "--max-calls", arguments.at_once, "--max-cps", "20", "--caller-id", "+12025550199")
    group = peal.ask("line", "group", "demo", line["id"])["id"]
    scripts = {name: peal.ask("script", "add", HERE / "scripts" / f"{name}.yaml")["id"] for name in assigned}
    numbers = {name: [number for _, number in pairs] for name, pairs in assigned.items()}
    campaigns = [add_campaign(peal, folder, name, scripts[name], numbers[name], arguments.at_once, group) for name in assigned]
    print(f"{arguments.calls} calls, {arguments.at_once} at once:", ", ".join(f"{len(of)} {name}s" for name, of in numbers.items()), flush=True)
    began = time.monotonic()
    run_campaigns(peal, stand, campaigns, arguments.limit_s)
    print(f"over after {time.monotonic() - began:.0f} s", flush=True)

    # Who asked not to be called again is on the next list too, and is not called.
    opted_out = [number for pairs in assigned.values() for customer, number in pairs if report.opts_out(customer)]
    records = report.wait_for_records(peal, campaigns, arguments.calls)
    suppressed = report.wait_for_suppressed(peal, records, opted_out)
    again = add_campaign(peal, folder, "again", scripts["survey"], opted_out, arguments.at_once, group) if opted_out else None
    if again:
        run_campaigns(peal, stand, [again], arguments.limit_s)

    tables = report.tables(peal, folder / "data", records)
    for child in (up, talks, hears, stand.carrier):
        child.stop()
    return report.judge(folder, assigned, records, suppressed, tables, arguments.right_min)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=120, help="customers that are called")
    parser.add_argument("--at-once", type=int, default=20, help="calls at once; the recogniser has as many sessions")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/release", help="folder of peal and peal-carrier")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target/demo-voice", help="for all that is written; emptied first")
    parser.add_argument("--right-min", type=float, default=0.9, metavar="SHARE", help="of calls, and of opt-outs, that must be understood")
    parser.add_argument("--limit-s", type=int, default=300, help="give up after so many seconds")
    arguments = parser.parse_args()
    for name in ("peal", "peal-carrier"):
        if not (arguments.programs / name).exists():
            raise Failure(f"{arguments.programs / name} is missing: cargo build --release --locked --bin peal --bin peal-carrier")
    for name in ("flite", "espeak-ng"):
        if not shutil.which(name):
            raise Failure(f"{name} is missing: apt-get install {name}")
    folder = arguments.folder.resolve()
    empty(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo-voice: stopped"))
    with Stand(arguments.programs.resolve(), folder) as stand:
        verdict = demonstrate(arguments, stand)
    print(verdict.text)
    if verdict.problems:
        raise Failure("; ".join(verdict.problems))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("demo-voice: stopped")
    except (Failure, OSError, yaml.YAMLError) as error:
        sys.exit(f"demo-voice: {error}")
