//! What is kept of a dialogue: who said what when, and how long the callee waited for an answer.

use std::time::{Duration, Instant};

use script::{End, Heard, Tally};

use crate::voice::{Hearing, Prosody};

/// Turns kept of a call; one of three hours has fewer.
const TURNS_MAX: usize = 1_000;
/// Bytes kept of a turn's words.
const TEXT_BYTES_MAX: usize = 8_000;
/// Bytes kept of all words of a call, an hour of talk: with the rest of 1,000 turns they fit into one entry of the journal.
const TEXTS_BYTES_MAX: usize = 64 << 10;
/// A pause that ends what a callee says to a bot, which keeps to itself when it believes that. Longer than one within a sentence.
const PAUSE_MAX: Duration = Duration::from_millis(1_000);

/// A dialogue, for the record of the attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What came of the call, as the script says.
    pub disposition: Option<String>,
    /// Why the script could not go on; without personal data.
    pub error: Option<String>,
    /// In the order in which they began.
    pub turns: Vec<Turn>,
    /// How long we spoke on at each interruption, from the first packet with the callee's voice, or of what was interrupted where that left
    /// later, to our last. At most 1,000.
    pub barge_ins: Vec<Duration>,
    /// Counts.
    pub counts: Counts,
}

/// What was counted in a dialogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions that got no answer.
    pub no_inputs: u32,
    /// Answers that were none of what was asked for.
    pub no_matches: u32,
    /// The callee spoke while we did, and we fell silent.
    pub barge_ins: u32,
    /// The longest of [`Record::barge_ins`].
    pub barge_in_max: Duration,
    /// Answers lost because there was no recogniser, or none any more.
    pub recogniser_errors: u32,
    /// Sentences that could not be spoken.
    pub voice_errors: u32,
    /// Requests to servers that failed.
    pub server_errors: u32,
    /// Audio of the callee while the voice thread listened, milliseconds.
    pub heard_ms: u32,
    /// What of it was sent to a recogniser, milliseconds.
    pub sent_ms: u32,
    /// What was lost because the recogniser took none, milliseconds.
    pub dropped_ms: u32,
    /// How often music was heard from the callee's side, and how long in all.
    pub holds: u32,
    /// See `holds`.
    pub hold: Duration,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The script.
    Us,
    /// Who was called.
    Callee,
}

/// Somebody said something.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// The script's step.
    pub step: String,
    /// From the answer of the call.
    pub began: Duration,
    /// From the answer of the call.
    pub ended: Duration,
    /// What.
    pub text: String,
    /// What the callee meant.
    pub intent: String,
    /// The callee's: the value that was asked for. Ours: what a model noted, as `field=value`.
    pub value: String,
    /// Ours: it was not said to its end.
    pub interrupted: bool,
    /// The callee's: what lay between its end and our answer, if there was one.
    pub latency: Option<Latency>,
    /// The callee's, if it was long enough to judge.
    pub prosody: Option<Prosody>,
}

/// How long the callee waited for our answer, and for whom. The parts add up to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the callee's last sound to our first packet.
    pub total: Duration,
    /// Silence that had to pass before the end was believed.
    pub endpointing: Duration,
    /// The recogniser.
    pub recogniser: Duration,
    /// Understanding, servers and models.
    pub understanding: Duration,
    /// Making the first piece of speech.
    pub speech: Duration,
    /// All else: our own queues and the tick.
    pub own: Duration,
}

/// Writes a [`Record`].
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// The answer.
    origin: Option<Instant>,
    record: Record,
    pub(super) counts: Counts,
    /// Bytes of the words that are kept.
    kept: usize,
    /// Our turn that goes on.
    ours: Option<Ours>,
    /// The callee's turn that waits for our answer.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Ours {
    turn: Option<usize>,
    /// When its audio was asked for, until the first of it comes.
    asked_at: Option<Instant>,
    is_heard: bool,
}

#[derive(Debug)]
struct Waiting {
    turn: Option<usize>,
    last_sound: Instant,
    endpointed: Instant,
    latency: Latency,
}

impl Recorder {
    pub(super) fn begin(&mut self, now: Instant) {
        self.origin = Some(now);
    }

    /// We say something; its audio is asked for, or at hand.
    pub(super) fn we_say(&mut self, step: &str, text: String, asked_at: Option<Instant>) {
        let began = self.record.turns.last().map_or(Duration::ZERO, |turn| turn.ended);
        let turn = self.add(Speaker::Us, step, began, began);
        if let Some(turn) = turn {
            append(&mut self.record.turns[turn].text, &text, &mut self.kept);
        }
        self.ours = Some(Ours { turn, asked_at, is_heard: false });
    }

    /// Our turn goes on with these words, which a model took so long to find.
    pub(super) fn we_go_on(&mut self, text: &str, took: Duration) {
        let Some(ours) = &mut self.ours else { return };
        // Of what the callee waits for, this was no speech.
        ours.asked_at = ours.asked_at.map(|asked_at| asked_at + took);
        if let Some(waiting) = &mut self.waiting {
            waiting.latency.understanding += took;
        }
        if let Some(turn) = ours.turn.map(|turn| &mut self.record.turns[turn]) {
            if !turn.text.is_empty() {
                append(&mut turn.text, " ", &mut self.kept);
            }
            append(&mut turn.text, text, &mut self.kept);
        }
    }

    /// A model notes something in its turn.
    pub(super) fn is_noted(&mut self, field: &str, value: &str) {
        let turn = self.ours.as_ref().and_then(|ours| ours.turn);
        if let Some(turn) = turn.map(|turn| &mut self.record.turns[turn]) {
            let apart = if turn.value.is_empty() { "" } else { "; " };
            append(&mut turn.value, &format!("{apart}{field}={value}"), &mut self.kept);
        }
    }

    /// A bot begins to speak: what it took since the callee's last sound was its own time.
    pub(super) fn bot_answers(&mut self, now: Instant) {
        if let Some(waiting) = &mut self.waiting {
            waiting.latency.understanding += now.saturating_duration_since(waiting.last_sound);
        }
    }

    /// What was said, by a bot's account. It tells when it knows, which may be after the turn.
    pub(super) fn was_said(&mut self, speaker: Speaker, text: &str) {
        let turn = self.record.turns.iter_mut().rev().find(|turn| turn.speaker == speaker);
        if let Some(turn) = turn {
            if !turn.text.is_empty() {
                append(&mut turn.text, " ", &mut self.kept);
            }
            append(&mut turn.text, text, &mut self.kept);
        }
    }

    /// The callee said something to a bot, or went on: nothing was said in between. `waits` when it wants an answer.
    pub(super) fn said_to_bot(&mut self, step: &str, began: Instant, last_sound: Instant, waits: bool) {
        let (from, to) = (self.since_answer(began), self.since_answer(last_sound));
        let last = self.record.turns.len().checked_sub(1);
        let goes_on = last.filter(|last| {
            let turn = &self.record.turns[*last];
            turn.speaker == Speaker::Callee && turn.step == step && from < turn.ended + PAUSE_MAX
        });
        let turn = match goes_on {
            Some(turn) => {
                self.record.turns[turn].ended = to;
                Some(turn)
            }
            None => self.add(Speaker::Callee, step, from, to),
        };
        if waits {
            self.waiting =
                Some(Waiting { turn, last_sound, endpointed: last_sound, latency: Latency::default() });
        }
    }

    /// A piece of audio has come.
    pub(super) fn on_piece(&mut self, now: Instant) {
        let Some(ours) = &mut self.ours else { return };
        if let (Some(asked_at), Some(waiting)) = (ours.asked_at.take(), &mut self.waiting) {
            waiting.latency.speech += now.saturating_duration_since(asked_at);
        }
    }

    /// The first packet of our turn has left.
    pub(super) fn we_are_heard(&mut self, now: Instant) {
        let Some(ours) = self.ours.as_mut().filter(|ours| !ours.is_heard) else { return };
        ours.is_heard = true;
        let turn = ours.turn;
        let at = self.since_answer(now);
        if let Some(turn) = turn.map(|turn| &mut self.record.turns[turn]) {
            (turn.began, turn.ended) = (at, at);
        }
        let Some(Waiting { turn, last_sound, endpointed, mut latency }) = self.waiting.take() else { return };
        latency.total = now.saturating_duration_since(last_sound);
        latency.endpointing = endpointed.saturating_duration_since(last_sound);
        let others = latency.endpointing + latency.recogniser + latency.understanding + latency.speech;
        latency.own = latency.total.saturating_sub(others);
        if let Some(turn) = turn {
            self.record.turns[turn].latency = Some(latency);
        }
    }

    /// Our turn is over.
    pub(super) fn we_are_silent(&mut self, now: Instant, interrupted: bool) {
        let Some(Ours { turn: Some(turn), is_heard, .. }) = self.ours.take() else { return };
        let at = self.since_answer(now);
        let turn = &mut self.record.turns[turn];
        turn.ended = if is_heard { at } else { turn.began };
        turn.interrupted = interrupted;
    }

    pub(super) fn on_barge_in(&mut self, after: Duration) {
        self.counts.barge_ins += 1;
        self.counts.barge_in_max = self.counts.barge_in_max.max(after);
        if self.record.barge_ins.len() < TURNS_MAX {
            self.record.barge_ins.push(after);
        }
    }

    /// What we say next is no answer to what the callee has said.
    pub(super) fn await_nothing(&mut self) {
        self.waiting = None;
    }

    /// The callee has come to an end, which was believed at `endpointed`.
    pub(super) fn callee_said(
        &mut self,
        step: &str,
        began: Instant,
        last_sound: Instant,
        endpointed: Instant,
    ) {
        let (from, to) = (self.since_answer(began), self.since_answer(last_sound));
        let turn = self.add(Speaker::Callee, step, from, to);
        self.waiting = Some(Waiting { turn, last_sound, endpointed, latency: Latency::default() });
    }

    /// The callee answered with keys. How long they waited for us then is no turn of speech.
    pub(super) fn callee_pressed(&mut self, now: Instant, step: &str, keys: &str, intent: String) {
        self.await_nothing();
        let at = self.since_answer(now);
        if let Some(turn) = self.add(Speaker::Callee, step, at, at).map(|turn| &mut self.record.turns[turn]) {
            turn.intent = intent;
            append(&mut turn.text, &format!("[pressed {keys}]"), &mut self.kept);
            append(&mut turn.value, keys, &mut self.kept);
        }
    }

    pub(super) fn on_heard(&mut self, heard: &Heard, hearing: &Hearing) {
        self.counts.heard_ms += hearing.heard_ms;
        self.counts.sent_ms += hearing.sent_ms;
        self.counts.dropped_ms += hearing.dropped_ms;
        self.counts.server_errors += u32::from(hearing.misunderstood);
        let Some(waiting) = &mut self.waiting else { return };
        waiting.latency.recogniser += hearing.recogniser;
        waiting.latency.understanding += hearing.understanding;
        if let Some(turn) = waiting.turn.map(|turn| &mut self.record.turns[turn]) {
            append(&mut turn.text, &heard.text, &mut self.kept);
            turn.intent = heard.intent.clone().unwrap_or_default();
            append(&mut turn.value, heard.value.as_deref().unwrap_or_default(), &mut self.kept);
            turn.prosody = hearing.prosody;
        }
    }

    /// A server was asked.
    pub(super) fn on_reply(&mut self, took: Duration, failed: bool) {
        self.counts.server_errors += u32::from(failed);
        if let Some(waiting) = &mut self.waiting {
            waiting.latency.understanding += took;
        }
    }

    pub(super) fn end(&mut self, end: End) {
        (self.record.disposition, self.record.error) = (end.disposition, end.error);
    }

    pub(super) fn finish(&mut self, now: Instant, tally: Tally) -> Option<Box<Record>> {
        self.origin?;
        self.we_are_silent(now, true);
        self.counts.no_inputs = tally.no_inputs;
        self.counts.no_matches = tally.no_matches;
        let record = Record { counts: self.counts, ..std::mem::take(&mut self.record) };
        Some(Box::new(record))
    }

    fn add(&mut self, speaker: Speaker, step: &str, began: Duration, ended: Duration) -> Option<usize> {
        let turns = &mut self.record.turns;
        if turns.len() >= TURNS_MAX {
            return None;
        }
        turns.push(Turn {
            speaker,
            step: step.to_owned(),
            began,
            ended,
            text: String::new(),
            intent: String::new(),
            value: String::new(),
            interrupted: false,
            latency: None,
            prosody: None,
        });
        Some(turns.len() - 1)
    }

    fn since_answer(&self, at: Instant) -> Duration {
        self.origin.map_or(Duration::ZERO, |origin| at.saturating_duration_since(origin))
    }
}

/// Adds as much of `more` as the limits leave, whole characters only.
fn append(text: &mut String, more: &str, kept: &mut usize) {
    let room = TEXT_BYTES_MAX.saturating_sub(text.len()).min(TEXTS_BYTES_MAX.saturating_sub(*kept));
    let more = &more[..more.floor_char_boundary(room)];
    text.push_str(more);
    *kept += more.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_any_length_keeps_its_words_within_bounds() {
        let mut recorder = Recorder::default();
        let now = Instant::now();
        recorder.begin(now);
        for _ in 0..2_000 {
            recorder.we_say("step", "好".repeat(5_000), None);
            recorder.we_go_on(&"x".repeat(300), Duration::ZERO);
        }
        let record = recorder.finish(now, Tally::default()).expect("it began");
        let bytes: usize = record.turns.iter().map(|turn| turn.text.len()).sum();
        assert_eq!((record.turns.len(), bytes), (TURNS_MAX, TEXTS_BYTES_MAX));
        assert_eq!(record.turns[0].text.len(), TEXT_BYTES_MAX);
    }
}
