"""Two calls of Peal to customers of the carrier, given to the pipecat bot of bot.py, and what either end heard.

    .deps/bot/bin/python demos/voice/try_bot.py --bin target/release --dir target/demo-bot

One customer speaks when the bot is silent, presses 3 and `#`; the other interrupts the greeting. Ends with an error when something was not
heard as it should have been, and with DIR/summary.json either way.
"""

import argparse
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import wave

import numpy

HERE = pathlib.Path(__file__).parent
GREETING = "Good day. I am a bot, and I say everything back to you that you say to me. Please speak after this sentence, or press a key."
SAID = {"patient": "My name is Ann, and I would like to order two of the red ones.", "hasty": "Wait a moment, please, I did not understand."}
ACTS = {
    "patient": """
  - {do: say, wav: patient.wav, after: {silence_ms: 800}}
  - {do: press, keys: "3", after: {silence_ms: 1500}}
  - {do: press, keys: "#", after: {silence_ms: 1500}}""",
    "hasty": """
  - {do: say, wav: hasty.wav, after: {interrupt_ms: 1500}}
  - {do: press, keys: "#", after: {silence_ms: 1500}}""",
}
SCRIPT = """
name: bot
steps:
- {do: bot, bot: pipecat, parameters: {customer: "{{contact.name}}"}, seconds_max: 60, over: bye, failed: gone}
- {do: hang_up, id: bye, disposition: over}
- {do: hang_up, id: gone, disposition: failed}
"""


def speak(text, file):
    """8 kHz, 16 bits, mono."""
    subprocess.run(["flite", "-voice", "kal16", "-t", text, "-o", file], check=True)
    with wave.open(str(file)) as spoken:
        rate, samples = spoken.getframerate(), numpy.frombuffer(spoken.readframes(spoken.getnframes()), dtype="<i2")
    # Half the rate: the mean of two samples is filter enough for a voice that is only to be told from silence.
    assert rate == 16_000, rate
    samples = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(axis=1).astype("<i2")
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8_000, 0, "NONE", ""))
        out.writeframes(samples.tobytes())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, is_so, seconds=60):
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            sys.exit(f"try_bot: {what} never came")
        time.sleep(0.05)


def likeness(said, heard):
    """How like the best place in what was heard is to what was said, 0 to 1."""
    said, heard = said.astype(float), heard.astype(float)
    if len(heard) < len(said):
        return 0.0
    size = 1 << (len(said) + len(heard)).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(said, size)), size)
    power = numpy.cumsum(numpy.concatenate([[0.0], heard**2]))
    power = power[len(said) :] - power[: -len(said)]
    match = product[: len(power)] / numpy.sqrt(numpy.maximum(power, 1.0) * (said**2).sum())
    return round(float(match.max()), 3)


def call(name, folder, binaries):
    """One call, with a bot of its own."""
    port, config = free_port(), folder / f"{name}.toml"
    config.write_text(f'[node.voice.bots.pipecat]\nprotocol = "twilio"\nurl = "ws://127.0.0.1:{port}"\n')
    (folder / "cast.yaml").write_text(f"customers:\n- name: {name}\n  acts:{ACTS[name]}\n")
    bot_log, ready = folder / f"{name}-bot.jsonl", folder / f"{name}-ready"
    ledger, recordings = folder / f"{name}-ledger.jsonl", folder / "recordings"
    bot = subprocess.Popen(
        [sys.executable, HERE / "bot.py", "--port", str(port), "--greeting", folder / "greeting.wav"],
        stdout=bot_log.open("w"),
        stderr=(folder / f"{name}-bot.log").open("w"),
    )
    carrier = subprocess.Popen(
        [binaries / "peal-carrier", "serve", "--line", "a=127.0.0.1:0", "--rule", "*=person:ring=0.2", "--cast", folder / "cast.yaml"]
        + ["--cast-recordings", recordings, "--ledger", ledger, "--summary", folder / f"{name}-carrier.json", "--ready-file", ready],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for("the carrier", ready.exists)
        wait_for("the bot", lambda: '"ready"' in bot_log.read_text())
        address = ready.read_text().split("=")[1].strip()
        dialled = subprocess.run(
            [binaries / "peal", "--json", "dial", f"sip:1@{address}", "--script", folder / "script.yaml", "--config", config]
            + ["--contact", "name=Ann"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        (folder / f"{name}-dial.jsonl").write_text(dialled.stdout + dialled.stderr)
        bot.wait(timeout=30)
    finally:
        carrier.send_signal(signal.SIGINT)
        carrier.wait(timeout=30)
        bot.kill()
    events = [json.loads(line) for line in bot_log.read_text().splitlines() if line.startswith("{")]
    cast = next(end for line in ledger.read_text().splitlines() if (end := find(json.loads(line), "cast")))
    with wave.open(str(next(recordings.glob(f"*-{name}.wav")))) as file:
        both = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    with wave.open(str(folder / f"{name}.wav")) as file:
        said = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return {
        "disposition": "over" if '"over"' in dialled.stdout else "failed",
        "bot": events,
        "bot_was_told": next((event["parameters"] for event in events if event["event"] == "start"), None),
        "bot_heard_ms": [event["ms"] for event in events if event["event"] == "heard"],
        "bot_keys": [event["key"] for event in events if event["event"] == "key"],
        "said_ms": len(said) // 8,
        "echo_likeness": likeness(said, both[:, 1]),
        "first_audio_ms": (cast["first_audio_us"] or 0) / 1000,
        "turns_ms": [us / 1000 for us in cast["turns_us"]],
        "barge_ins_ms": [us / 1000 for us in cast["barge_ins_us"]],
        "slots": cast["slots"],
        "slots_missing": cast["slots_missing"],
        "gap_max_ms": cast["gap_max_us"] / 1000,
    }


def find(value, key):
    """The value of this key, wherever it is."""
    if isinstance(value, dict):
        found = [value[key]] if value.get(key) else [hit for inner in value.values() if (hit := find(inner, key))]
        return found[0] if found else None
    return None


def faults(calls):
    """What was not as it should be."""
    for name, call in calls.items():
        ends = {event["event"]: event["at_ms"] for event in call["bot"]}
        if call["disposition"] != "over" or ends["gone"] - ends.get("ends", 0) > 5_000:
            yield f"{name}: the step ended otherwise than by the bot"
        if call["bot_was_told"] != {"customer": "Ann"}:
            yield f"{name}: the bot was told {call['bot_was_told']}"
        if not call["bot_heard_ms"] or sum(call["bot_heard_ms"]) < 0.6 * call["said_ms"]:
            yield f"{name}: of {call['said_ms']} ms the bot heard {call['bot_heard_ms']}"
        if call["echo_likeness"] < 0.7:
            yield f"{name}: what came back is like what was said by {call['echo_likeness']}"
    if calls["patient"]["bot_keys"] != ["3", "#"]:
        yield f"keys: {calls['patient']['bot_keys']}"
    if not calls["hasty"]["barge_ins_ms"] or calls["hasty"]["barge_ins_ms"][0] > 1_500:
        yield f"an interruption silenced the bot after {calls['hasty']['barge_ins_ms']} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of peal and peal-carrier")
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    folder = arguments.dir.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    speak(GREETING, folder / "greeting.wav")
    for name, text in SAID.items():
        speak(text, folder / f"{name}.wav")
    (folder / "script.yaml").write_text(SCRIPT)
    calls = {name: call(name, folder, arguments.bin.resolve()) for name in ACTS}
    wrong = list(faults(calls))
    (folder / "summary.json").write_text(json.dumps({"calls": calls, "faults": wrong}, indent=1))
    for name, one in calls.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in one.items() if key != "bot"))
    if wrong:
        sys.exit("try_bot: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
