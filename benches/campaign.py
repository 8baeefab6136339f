"""A campaign of 1,000,000 contacts: how long the import takes, how long planner ticks take, how much memory is used.

Starts `peal up` in a fresh folder and asks it through its own API. Prints and writes one JSON object.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request

CONTACTS = 1_000_000
PLAN_SECONDS = 15

out = pathlib.Path(sys.argv[1])
folder = out / "campaign"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
numbers = folder / "numbers.csv"
with numbers.open("w") as file:
    file.write("number,name\n")
    file.writelines(f"+86{13000000000 + n * 7},Customer {n}\n" for n in range(CONTACTS))
config = folder / "peal.toml"
config.write_text(
    '[node]\nsip_port = 0\nrtp_ports = { first = 0, last = 255 }\nrtp_own_ports = 16\nmetrics = "127.0.0.1:0"\ndrain_s = 0\n'
    '[controlplane]\napi = "127.0.0.1:0"\nlink = "127.0.0.1:0"\n'
)
data = folder / "data"
peal = "target/release/peal"
log = (folder / "peal.log").open("w")
up = subprocess.Popen([peal, "up", "--config", config, "--data", data], stdout=log, stderr=log)
carrier = None
try:
    addresses = data / "addresses.json"
    while not addresses.exists():
        if up.poll() is not None:
            sys.exit(f"peal up ended: see {folder}/peal.log")
        time.sleep(0.1)
    api = "http://" + json.loads(addresses.read_text())["api"]
    key = (data / "api-key").read_text().strip()

    def admin(*arguments, document=None):
        done = subprocess.run(
            [peal, "--json", "--api", api, "--api-key", key, *map(str, arguments)],
            input=None if document is None else json.dumps(document),
            capture_output=True, text=True, check=False,
        )
        if done.returncode:
            sys.exit(f"peal {arguments}: {done.stderr}")
        return json.loads(done.stdout or "null")

    def memory_mib():
        status = pathlib.Path(f"/proc/{up.pid}/status").read_text()
        return {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM")}

    def metrics():
        with urllib.request.urlopen(f"{api}/metrics") as answer:
            return answer.read().decode()

    started = time.monotonic()
    report = admin("list", "import", "million", numbers)
    import_s = time.monotonic() - started

    ready = folder / "carrier.ready"
    carrier = subprocess.Popen(
        ["target/release/peal-carrier", "serve", "--line", "a=127.0.0.1:0", "--mix", "busy=1", "--time-scale", "0.1",
         "--ledger", folder / "ledger.jsonl", "--summary", folder / "carrier.json", "--ready-file", ready],
        stdout=subprocess.DEVNULL,
    )
    while not (ready.exists() and ready.read_text()):
        time.sleep(0.05)
    address = ready.read_text().strip().split("=")[1]
    line = admin("line", "add", "a", address, "--max-calls", 1000, "--max-cps", 200)["id"]
    group = admin("line", "group", "g", line)["id"]
    script = admin("script", "add", "-", document={"name": "s", "steps": [{"do": "hang_up"}]})["id"]
    campaign = admin("campaign", "add", "-", document={
        "name": "million", "lists": [admin("list", "ls")[0]["id"]], "line_group": group, "script": script,
    })["id"]
    admin("campaign", "start", campaign)
    time.sleep(PLAN_SECONDS)
    text = metrics()
    name = "peal_controlplane_planner_tick_seconds"
    buckets = [(float(edge), int(count)) for edge, count in re.findall(rf'{name}_bucket{{le="([^"]+)"}} (\d+)', text)]
    ticks = int(re.search(rf"{name}_count (\d+)", text)[1])
    spent = float(re.search(rf"{name}_sum (\S+)", text)[1])
    result = {
        "contacts": CONTACTS,
        "imported": report["imported"],
        "import_s": round(import_s, 2),
        "import_rows_per_s": round(CONTACTS / import_s),
        "planner_ticks": ticks,
        "planner_tick_mean_ms": round(spent / ticks * 1000, 3),
        "planner_ticks_within_5_ms": round(dict(buckets)[0.005] / ticks, 4),
        "attempts_while_watching": sum(admin("campaign", "progress", campaign)["outcomes"].values()),
        "memory_mib": memory_mib(),
    }
    print(json.dumps(result, indent=2))
    (out / "campaign.json").write_text(json.dumps(result, indent=2))
finally:
    for process in (up, carrier):
        if process is not None and process.poll() is None:
            process.terminate()
    for process in (up, carrier):
        if process is not None:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
