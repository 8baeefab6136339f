"""What ClickHouse and the carrier say about the demo's calls, and whether it is what the customers said and meant."""

import dataclasses
import json
import re
import time

SETTLE_S = 30
LAST_WORDS_S = 15
GOALS_MS = {"first_audio_ms_p95": 60, "turn_own_ms_p95": 40, "barge_in_ms_p95": 60}


@dataclasses.dataclass
class Verdict:
    text: str
    problems: list


def opts_out(customer):
    """Whether he asks not to be called again."""
    return any(act.get("means") == "opt_out" for act in customer.get("acts", []))


def wait_for_suppressed(peal, records, expected):
    """Numbers whose owners asked for it in one of these calls. What was said while hanging up is understood some seconds after the call."""
    numbers = {record["attempt_id"]: record["number"] for record in records}
    until = time.monotonic() + LAST_WORDS_S
    while True:
        told = peal.ask("suppression", "ls")
        found = {numbers[one["attempt"]] for one in told if one["reason"] == "opted_out" and one["attempt"] in numbers}
        if found >= set(expected) or time.monotonic() > until:
            return found
        time.sleep(0.2)


def wait_for_records(peal, campaigns, calls):
    """The records of all calls. They come to ClickHouse a moment after the calls' ends."""
    chosen = ", ".join(f"'{campaign}'" for campaign in campaigns)
    statement = (
        "SELECT attempt_id, campaign, number, outcome, disposition, opted_out, no_inputs, turns"
        f" FROM attempt_final WHERE campaign_id IN ({chosen}) AND answered_at IS NOT NULL ORDER BY planned_at"
    )
    until = time.monotonic() + SETTLE_S
    while len(records := peal.rows(statement)) < calls and time.monotonic() < until:
        time.sleep(0.2)
    return records


OUTCOMES = """
SELECT campaign, outcome, disposition, count() AS calls, sum(no_inputs) AS no_inputs, sum(no_matches) AS no_matches, sum(barge_ins) AS barge_ins,
    sum(opted_out) AS opted_out, round(avg(talk_ms) / 1000, 1) AS talk_s
FROM attempt_final GROUP BY ALL ORDER BY ALL"""
INTENTS = """
SELECT campaign, step, intent, value, count() AS times, topK(3)(text) AS heard
FROM turn WHERE speaker = 'callee' GROUP BY ALL ORDER BY ALL"""
WAITS = """
SELECT campaign, count() AS turns, quantileExact(0.5)(turn_ms) AS p50, quantileExact(0.95)(turn_ms) AS p95,
    quantileExact(0.95)(endpointing_ms) AS endpointing, quantileExact(0.95)(recogniser_ms) AS recogniser,
    quantileExact(0.95)(understanding_ms) AS understanding, quantileExact(0.95)(speech_ms) AS speech, quantileExact(0.95)(own_ms) AS own
FROM turn WHERE speaker = 'callee' AND turn_ms IS NOT NULL GROUP BY campaign ORDER BY campaign"""
OWN = "SELECT quantileExact(0.95)(own_ms) AS own FROM turn WHERE speaker = 'callee' AND turn_ms IS NOT NULL"
SENT = "SELECT round(100 * sum(sent_ms) / sum(heard_ms)) AS sent FROM attempt_final WHERE heard_ms > 0"


@dataclasses.dataclass
class Tables:
    """What is asked while Peal is up."""

    text: str
    own_ms_p95: int


def tables(peal, data, records):
    shown = best_call(records)
    recording = next(iter(sorted((data / "recordings").rglob(f"{shown['attempt_id']}.wav"))), None)
    text = (
        f"\nHow calls ended:\n{peal.table(OUTCOMES)}\nWhat callees meant:\n{peal.table(INTENTS)}"
        f"\nHow long callees waited for an answer, and for whom (ms, 95th percentiles; models count as understanding):\n{peal.table(WAITS)}"
        f"\nOf what callees were listened to, {peal.rows(SENT)[0]['sent']:.0f} % was sent to the recogniser.\n"
        f"\nWhat was said, in a call of each kind:\n{transcripts(records)}"
        f"\nOne of the calls, as `peal calls show {shown['attempt_id']}` draws it:\n\n{picture(peal, shown)}"
        f"\nTo be listened to: {recording}"
    )
    return Tables(text, peal.rows(OWN)[0]["own"])


def best_call(records):
    """One with much in it: an interruption that led somewhere, most turns."""
    led_on = lambda record: any(turn["interrupted"] for turn in record["turns"]) and not record["no_inputs"]
    return max(records, key=lambda record: (led_on(record), len(record["turns"])))


def transcripts(records):
    kinds = {(record["campaign"], record["disposition"]): record for record in records}
    lines = []
    for (campaign, disposition), record in sorted(kinds.items()):
        lines.append(f"  {campaign}, {disposition}:")
        for turn in record["turns"]:
            meaning = turn["intent"] or turn["value"]
            lines.append(f"    {turn['speaker']:7} {turn['text']}{f'  [{meaning}]' if meaning else ''}{' —' if turn['interrupted'] else ''}")
    return "\n".join(lines) + "\n"


def picture(peal, record):
    """Without the table above it."""
    return peal.tell("calls", "show", record["attempt_id"]).rpartition("┘\n")[2]


def read_ledger(file):
    """Of each number the calls that the carrier had, as the customers heard them; without a customer, an empty record."""
    numbers, calls = {}, {}
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "invite":
            numbers[entry["call"]] = entry["number"]
            calls.setdefault(entry["number"], []).append({})
        elif entry["kind"] == "end":
            calls[numbers[entry["call"]]][-1] = entry.get("cast", {})
    return calls


def says(turn):
    """Whether the callee said it; keys show as `[pressed 1]`."""
    return turn["speaker"] == "callee" and not turn["text"].startswith("[pressed")


def understood(record):
    """Intents and values of what the callee said, in order."""
    return [turn["intent"] or turn["value"] for turn in record["turns"] if says(turn) and (turn["intent"] or turn["value"])]


def meant(customer):
    """The same, as the customer means it. Keys mean what the script says, and are no speech."""
    return [act["means"] for act in customer.get("acts", []) if act["do"] == "say" and "means" in act]


def is_right(customer, campaign, record, suppressed):
    """In a survey each remark is compared; a conversation shows in its end, and a customer who says nothing in both. Who hangs up on what
    he says is understood after the call's record was written: his suppression shows it."""
    if any(act["do"] == "hang_up" for act in customer.get("acts", [])):
        return record["number"] in suppressed
    if campaign == "survey" and understood(record) != meant(customer):
        return False
    return record["disposition"] == customer["ends"]


def p95(values):
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)] if values else None


def judge(folder, assigned, records, suppressed, tables, right_min):
    heard = read_ledger(folder / "ledger.jsonl")
    by_number = {record["number"]: record for record in records}
    right, wrong, said_opt_out = 0, [], []
    for campaign, pairs in assigned.items():
        for customer, number in pairs:
            record, far = by_number.get(number), next(iter(heard.get(number, [])), {})
            words = {act.get("text") or act["keys"] for act in customer.get("acts", []) if act.get("means") == "opt_out"}
            said_opt_out += [number] if words & set(far.get("did", [])) else []
            if record and is_right(customer, campaign, record, suppressed):
                right += 1
            else:
                wrong.append(telling(customer, far, record))
    far_calls = [call for calls in heard.values() for call in calls]
    ms = lambda values: None if not values else round(p95(values) / 1000, 1)
    summary = {
        "calls": sum(map(len, assigned.values())),
        "with_transcript": sum(any(turn["text"] for turn in record["turns"]) for record in records),
        "intent_right": right,
        "first_audio_ms_p95": ms([call["first_audio_us"] for call in far_calls if call.get("first_audio_us") is not None]),
        "turn_own_ms_p95": tables.own_ms_p95,
        "barge_in_ms_p95": ms([time for call in far_calls for time in call.get("barge_ins_us", [])]),
        "opt_outs_said": len(said_opt_out),
        "opt_outs_suppressed": len(suppressed & set(said_opt_out)),
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    model = json.loads((folder / "llm.json").read_text())
    return Verdict(text(folder, summary, tables, wrong, model), problems(summary, records, heard, suppressed, model, right_min))


def telling(customer, far, record):
    """A call that was not understood as meant, without its number."""
    got = f"{understood(record)}, {record['disposition'] or record['outcome']}" if record else "no record"
    return f"  {customer['name']} did {far.get('did', [])}: {got} instead of {meant(customer)}, {customer.get('ends', 'hung up')}"


def text(folder, summary, tables, wrong, model):
    lines = [tables.text, f"The same as it sounded at the far end: {folder}/far-end/*.wav", ""]
    lines += ["Not understood as meant:", *wrong, ""] if wrong else []
    lines.append(
        f"The language model's endpoint answered {model['answers']} times, {model['after_interruptions']} of them after an interruption, and"
        f" refused {len(model['refused'])} requests."
    )
    far = (folder / "carrier.log").read_text()
    lines += re.findall(r"^(?:cast:|  first audio|  turn|  barge-in|  \d+ of).*$", far, re.MULTILINE)
    lines += [f"\n{folder}/summary.json:"]
    for name, value in summary.items():
        goal = f"   (goal: {GOALS_MS[name]} at most)" if name in GOALS_MS else ""
        lines.append(f"  {name:20} {value}{goal}")
    return "\n".join(lines)


def problems(summary, records, heard, suppressed, model, right_min):
    calls, right = summary["calls"], summary["intent_right"]
    said_it, silenced = summary["opt_outs_said"], summary["opt_outs_suppressed"]
    called_again = sum(len(heard[number]) > 1 for number in suppressed)
    found = {
        f"{len(records)} records of {calls} calls": len(records) != calls,
        f"{calls - summary['with_transcript']} calls without a transcript": summary["with_transcript"] != calls,
        f"only {right} of {calls} calls were understood as meant": right < right_min * calls,
        f"{said_it} customers opted out, {silenced} of them are suppressed": silenced < (said_it if right_min >= 0.9 else right_min * said_it),
        f"{called_again} suppressed numbers were called again": called_again > 0,
        f"the language model's endpoint refused {model['refused'][:3]}": bool(model["refused"]),
    }  # fmt: skip
    return [problem for problem, is_so in found.items() if is_so]
