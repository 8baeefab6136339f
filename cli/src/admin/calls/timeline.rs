//! A call as a picture: who did what when, and how long the callee waited for whom.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

/// Cells of a bar: with the words beside it a line of the shortest sentences fits a terminal of 100.
const CELLS: u64 = 40;

/// The timeline of a call, as the API shows it; empty for one whose INVITE never left.
pub(super) fn draw(call: &Value) -> String {
    let Some(scale) = Scale::of(call) else { return String::new() };
    let mut picture = String::new();
    let answered = at(call, "answered_at");
    let rings = at(call, "ringing_at");
    let picked_up = answered.unwrap_or(scale.end);
    let dialled = rings.unwrap_or(picked_up);
    scale.line(
        &mut picture,
        "dialling",
        '·',
        scale.begin,
        dialled,
        &seconds(dialled.saturating_sub(scale.begin)),
    );
    if let Some(rings) = rings {
        scale.line(&mut picture, "ringing", '░', rings, picked_up, &seconds(picked_up.saturating_sub(rings)));
    }
    let Some(answered) = answered else {
        let _ = writeln!(picture, "{:>8}  {}", "", text(&call["outcome"]));
        return picture;
    };
    scale.line(
        &mut picture,
        "answered",
        '─',
        answered,
        scale.end,
        &end_of(call, scale.end.saturating_sub(answered)),
    );
    if let Some(first_audio) = at(call, "first_audio_at") {
        let after = first_audio.saturating_sub(answered);
        let _ = writeln!(picture, "{:1$}heard us after {after} ms", "", 22 + CELLS as usize);
    }
    let turns = call["dialogue"]["turns"].as_array();
    for turn in turns.into_iter().flatten() {
        let ms = |name: &str| answered + turn[name].as_u64().unwrap_or(0);
        let callee = turn["speaker"] == "callee";
        let (who, sign) = if callee { ("callee", '▒') } else { ("us", '█') };
        scale.line(&mut picture, who, sign, ms("began_ms"), ms("ended_ms"), &words(turn));
        if let Some(waited) = waited(&turn["latency"]) {
            let _ = writeln!(picture, "{:1$}{waited}", "", 22 + CELLS as usize);
        }
    }
    if let Some(counted) = counted(&call["dialogue"]) {
        let _ = writeln!(picture, "{counted}");
    }
    picture
}

/// The time that the picture spans, ms since 1970.
struct Scale {
    begin: u64,
    end: u64,
    answered: Option<u64>,
}

impl Scale {
    fn of(call: &Value) -> Option<Self> {
        let begin = at(call, "invited_at")?;
        let end = at(call, "ended_at")
            .or_else(|| at(call, "answered_at").map(|at| at + call["talk_ms"].as_u64().unwrap_or(0)))
            .or_else(|| at(call, "ringing_at"))
            .unwrap_or(begin);
        Some(Self { begin, end: end.max(begin + 1), answered: at(call, "answered_at") })
    }

    /// A line: when it began, counted from the answer, who it was, the bar, and what there is to say.
    fn line(&self, picture: &mut String, who: &str, sign: char, from: u64, to: u64, words: &str) {
        let cell = |at: u64| (at.clamp(self.begin, self.end) - self.begin) * CELLS / (self.end - self.begin);
        let first = cell(from).min(CELLS - 1);
        let cells = cell(to).max(first + 1) - first;
        let mut bar = " ".repeat(first as usize);
        bar.extend(std::iter::repeat_n(sign, cells as usize));
        let zero = self.answered.unwrap_or(self.begin);
        let when = (from as f64 - zero as f64) / 1_000.0;
        let _ = writeln!(picture, "{when:>8.1}  {who:<8} │{bar:<0$}│ {words}", CELLS as usize);
    }
}

/// What was said, what it meant, and whether it was cut short.
fn words(turn: &Value) -> String {
    let mut words = format!("“{}”", text(&turn["text"]));
    let (intent, value) = (text(&turn["intent"]), text(&turn["value"]));
    if !intent.is_empty() {
        let _ = write!(words, " → {intent}");
    }
    if !value.is_empty() {
        let _ = write!(words, " = {value}");
    }
    if turn["interrupted"] == true {
        words.push_str(" (interrupted)");
    }
    let mood = |field: &str| turn["prosody"][field].as_f64();
    if let (Some(arousal), Some(valence), Some(sure)) = (mood("arousal"), mood("valence"), mood("confidence"))
    {
        // Of the second a third as sure.
        let _ = write!(
            words,
            " (arousal {arousal:+.1}, confidence {sure:.1}; valence {valence:+.1}, a weak guess)"
        );
    }
    words
}

/// How long the callee waited, and for whom.
fn waited(latency: &Value) -> Option<String> {
    let total = latency["total_ms"].as_u64()?;
    let parts = [
        ("end of speech", "endpointing_ms"),
        ("recogniser", "recogniser_ms"),
        ("understanding", "understanding_ms"),
        ("speech", "speech_ms"),
        ("own", "own_ms"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|(name, field)| {
            latency[*field].as_u64().filter(|&ms| ms > 0).map(|ms| format!("{name} {ms}"))
        })
        .collect();
    let split = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    Some(format!("↳ answered after {total} ms{split}"))
}

/// How the call was ended.
fn end_of(call: &Value, talked_ms: u64) -> String {
    let mut end = seconds(talked_ms);
    for (before, field) in [(", hung up by ", "hung_up_by"), (": ", "disposition")] {
        let what = text(&call[field]);
        if !what.is_empty() {
            let _ = write!(end, "{before}{what}");
        }
    }
    if call["opted_out"] == true {
        end.push_str(", opted out");
    }
    end
}

/// What went wrong or was noteworthy, where anything was.
fn counted(dialogue: &Value) -> Option<String> {
    let counts = [
        ("no answer", "no_inputs"),
        ("not understood", "no_matches"),
        ("interruptions", "barge_ins"),
        ("recogniser failed", "recogniser_errors"),
        ("not spoken", "voice_errors"),
        ("servers failed", "server_errors"),
        ("music on hold", "holds"),
    ];
    let mut said: Vec<_> = counts
        .iter()
        .filter_map(|(name, field)| {
            let count = dialogue[*field].as_u64().filter(|&count| count > 0)?;
            let slowest = match *field {
                "barge_ins" => dialogue["barge_in_ms_max"].as_u64(),
                _ => None,
            };
            let slowest =
                slowest.map(|ms| format!(" (silent after {ms} ms at the most)")).unwrap_or_default();
            Some(format!("{name}: {count}{slowest}"))
        })
        .collect();
    let error = text(&dialogue["error"]);
    if !error.is_empty() {
        said.push(format!("the script could not go on: {error}"));
    }
    (!said.is_empty()).then(|| said.join(" · "))
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1_000.0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A stamp of the call, ms since 1970.
fn at(call: &Value, field: &str) -> Option<u64> {
    let stamp: Timestamp = call[field].as_str()?.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dialogue() {
        let call = json!({
            "invited_at": "2026-11-23T09:00:00Z",
            "ringing_at": "2026-11-23T09:00:00.4Z",
            "answered_at": "2026-11-23T09:00:05Z",
            "first_audio_at": "2026-11-23T09:00:05.023Z",
            "ended_at": "2026-11-23T09:00:20Z",
            "hung_up_by": "script",
            "disposition": "happy",
            "opted_out": false,
            "dialogue": {
                "no_matches": 1, "barge_ins": 1, "barge_in_ms_max": 38, "holds": 2, "no_inputs": 0, "error": "",
                "turns": [
                    { "speaker": "us", "began_ms": 40, "ended_ms": 4_000, "text": "Hello Ann.", "interrupted": true },
                    { "speaker": "callee", "began_ms": 3_900, "ended_ms": 4_700, "text": "yeah, sure", "intent": "yes",
                      "latency": { "total_ms": 912, "endpointing_ms": 700, "recogniser_ms": 110, "understanding_ms": 4,
                                   "speech_ms": 80, "own_ms": 18 } },
                    { "speaker": "us", "began_ms": 5_612, "ended_ms": 9_000, "text": "From one to five?" },
                    { "speaker": "callee", "began_ms": 9_500, "ended_ms": 10_100, "text": "four", "value": "4",
                      "prosody": { "arousal": 0.42, "valence": -0.1, "confidence": 0.21 } },
                ],
            },
        });
        insta::assert_snapshot!(draw(&call));
    }

    #[test]
    fn nobody_answered() {
        let call = json!({
            "invited_at": "2026-11-23T09:00:00Z",
            "ringing_at": "2026-11-23T09:00:02Z",
            "ended_at": "2026-11-23T09:00:32Z",
            "outcome": "no_answer",
        });
        insta::assert_snapshot!(draw(&call));
    }

    #[test]
    fn nothing_left() {
        assert_eq!(draw(&json!({ "ended_at": "2026-11-23T09:00:32Z", "outcome": "shed" })), "");
    }

    #[test]
    fn what_makes_no_sense_is_drawn_all_the_same() {
        let call = json!({
            "invited_at": "2026-11-23T09:00:05Z",
            "answered_at": "2026-11-23T09:00:01Z",
            "ended_at": "2026-11-23T09:00:05Z",
            "dialogue": { "turns": [{ "began_ms": u32::MAX, "ended_ms": 0 }, {}] },
        });
        assert_eq!(draw(&call).lines().count(), 4);
    }
}
