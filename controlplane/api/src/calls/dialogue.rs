//! What was said in a call.

use peal_core::spoken_number;
use serde::Serialize;
use utoipa::ToSchema;

/// What the script made of a call, and what was said in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dialogue {
    /// Why the script could not go on; empty when it could.
    error: String,
    /// Questions that got no answer.
    no_inputs: u32,
    /// Answers that were none of what was asked for.
    no_matches: u32,
    /// How often the callee spoke while we did, and we fell silent.
    barge_ins: u32,
    /// From the beginning of the callee's speech to our last packet, the longest of the call.
    barge_in_ms_max: u32,
    /// Recognisers that failed or were not there.
    recogniser_errors: u32,
    /// Sentences that could not be spoken.
    voice_errors: u32,
    /// Requests to servers and models that failed.
    server_errors: u32,
    /// Audio of the callee.
    heard_ms: u32,
    /// What of it went to a recogniser.
    sent_ms: u32,
    /// What was lost on the way there because none took it.
    dropped_ms: u32,
    /// How often music was heard from the callee's side instead of a voice.
    holds: u32,
    /// How long in all.
    hold_ms: u32,
    /// What was said, in its order.
    turns: Vec<Turn>,
}

/// Somebody said something.
#[derive(Debug, Serialize, ToSchema)]
struct Turn {
    speaker: Speaker,
    /// The script's step: its id, or its number counted from 1.
    step: String,
    /// From the answer.
    began_ms: u32,
    /// From the answer.
    ended_ms: u32,
    /// The words. What looks like a telephone number is masked unless `reveal` was asked for.
    text: String,
    /// The callee's: what was meant; empty when it was not understood.
    intent: String,
    /// The callee's: the value that was asked for. Ours: what a model noted, as `field=value`. Masked as `text` is.
    value: String,
    /// Ours: the callee spoke, or pressed a key, before it was over.
    interrupted: bool,
    /// The callee's: what lay between its end and our next audio.
    latency: Option<Latency>,
    /// The callee's, where it was long enough to judge: a guess from the voice, apart from the words.
    prosody: Option<Prosody>,
}

/// Who speaks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Speaker {
    /// We.
    Us,
    /// The callee.
    Callee,
}

/// How long the callee waited for our answer, and for whom. The parts add up to the total.
#[derive(Debug, Serialize, ToSchema)]
struct Latency {
    /// From the end of speech to our first audio.
    total_ms: u32,
    /// Silence that had to pass before the end of speech was believed.
    endpointing_ms: u32,
    /// Until the recogniser had its last word.
    recogniser_ms: u32,
    /// Understanding, or the language model.
    understanding_ms: u32,
    /// Until the first sentence was spoken.
    speech_ms: u32,
    /// All else.
    own_ms: u32,
}

/// What the voice sounded like.
#[derive(Debug, Serialize, ToSchema)]
struct Prosody {
    /// From calm to excited, -1 to 1.
    arousal: f32,
    /// From displeased to pleased, -1 to 1.
    valence: f32,
    /// How far the guess may be believed, 0 to 1.
    confidence: f32,
}

impl Dialogue {
    pub(crate) fn of(dialogue: &store::Dialogue, reveal: bool) -> Self {
        Self {
            error: dialogue.error.clone(),
            no_inputs: dialogue.no_inputs,
            no_matches: dialogue.no_matches,
            barge_ins: dialogue.barge_ins,
            barge_in_ms_max: dialogue.barge_in_ms_max,
            recogniser_errors: dialogue.recogniser_errors,
            voice_errors: dialogue.voice_errors,
            server_errors: dialogue.server_errors,
            heard_ms: dialogue.heard_ms,
            sent_ms: dialogue.sent_ms,
            dropped_ms: dialogue.dropped_ms,
            holds: dialogue.holds,
            hold_ms: dialogue.hold_ms,
            turns: dialogue.turns.iter().map(|turn| Turn::of(turn, reveal)).collect(),
        }
    }
}

impl Turn {
    fn of(turn: &store::Turn, reveal: bool) -> Self {
        let shown = |text: &String| if reveal { text.clone() } else { spoken_number::mask(text) };
        Self {
            speaker: match turn.speaker {
                store::Speaker::Us => Speaker::Us,
                store::Speaker::Callee => Speaker::Callee,
            },
            step: turn.step.clone(),
            began_ms: turn.began_ms,
            ended_ms: turn.ended_ms,
            text: shown(&turn.text),
            intent: turn.intent.clone(),
            value: shown(&turn.value),
            interrupted: turn.interrupted,
            latency: turn.latency.map(|latency| Latency {
                total_ms: latency.total_ms,
                endpointing_ms: latency.endpointing_ms,
                recogniser_ms: latency.recogniser_ms,
                understanding_ms: latency.understanding_ms,
                speech_ms: latency.speech_ms,
                own_ms: latency.own_ms,
            }),
            prosody: turn.prosody.map(|prosody| Prosody {
                arousal: prosody.arousal,
                valence: prosody.valence,
                confidence: prosody.confidence,
            }),
        }
    }
}
