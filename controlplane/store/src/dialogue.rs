//! What was said in a call, as a node told it: the message `Dialogue` of the link protocol, under the same names.

use serde::{Deserialize, Serialize};

/// What the script made of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialogue {
    /// What came of the call, as the script's `hang_up` says; `transferred` when somebody else has the callee.
    pub disposition: String,
    /// Why the script could not go on; empty when it could.
    pub error: String,
    /// What was said, in its order. Left out where attempts are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// Questions that got no answer.
    pub no_inputs: u32,
    /// Answers that were none of what was asked for.
    pub no_matches: u32,
    /// How often the callee spoke while we did, and we fell silent.
    pub barge_ins: u32,
    /// From the beginning of the callee's speech to our last packet, the longest of the call, ms.
    pub barge_in_ms_max: u32,
    /// Recognisers that failed or were not there.
    pub recogniser_errors: u32,
    /// Sentences that could not be spoken.
    pub voice_errors: u32,
    /// Requests to servers and models that failed.
    pub server_errors: u32,
    /// Audio of the callee, ms.
    pub heard_ms: u32,
    /// What of it went to a recogniser, ms.
    pub sent_ms: u32,
    /// What was lost on the way there because none took it, ms.
    pub dropped_ms: u32,
    /// How often music was heard from the callee's side.
    pub holds: u32,
    /// How long in all, ms.
    pub hold_ms: u32,
}

/// Somebody said something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// The script's step: its id, or its number counted from 1.
    pub step: String,
    /// From the answer, ms.
    pub began_ms: u32,
    /// From the answer, ms.
    pub ended_ms: u32,
    /// The words. Personal data.
    pub text: String,
    /// The callee's: what was meant; empty when it was not understood.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub intent: String,
    /// The callee's: the value that was asked for. Personal data.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Ours: the callee spoke, or pressed a key, before it was over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// The callee's: what lay between its end and our next audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The callee's, where it was long enough to judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prosody: Option<Prosody>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// We.
    #[default]
    Us,
    /// The callee.
    Callee,
}

impl Speaker {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Callee => "callee",
        }
    }
}

/// How long the callee waited for our answer, and for whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// From the end of speech to our first audio, ms. The parts add up to it.
    pub total_ms: u32,
    /// Silence that had to pass before the end of speech was believed, ms.
    pub endpointing_ms: u32,
    /// Until the recogniser had its last word, ms.
    pub recogniser_ms: u32,
    /// Understanding, or the language model, ms.
    pub understanding_ms: u32,
    /// Until the first sentence was spoken, ms.
    pub speech_ms: u32,
    /// All else: our own queues and the tick, ms.
    pub own_ms: u32,
}

/// What the voice sounded like, apart from the words: a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prosody {
    /// From calm to excited, -1 to 1.
    pub arousal: f32,
    /// From displeased to pleased, -1 to 1.
    pub valence: f32,
    /// 0 to 1.
    pub confidence: f32,
}
