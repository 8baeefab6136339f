//! Steps that make the callee hear something.

use common::PromptId;
use serde::{Deserialize, Serialize};

/// What stops a prompt or a sentence before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "Written", into = "Written")]
pub enum BargeIn {
    /// Nothing.
    #[default]
    Nothing,
    /// A key.
    Keys,
    /// The callee's voice.
    Speech,
    /// Either.
    Any,
}

/// How it may be written: `true` is `keys`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Flag(bool),
    Word(Word),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Nothing,
    Keys,
    Speech,
    Any,
}

impl From<Written> for BargeIn {
    fn from(written: Written) -> Self {
        match written {
            Written::Flag(false) | Written::Word(Word::Nothing) => Self::Nothing,
            Written::Flag(true) | Written::Word(Word::Keys) => Self::Keys,
            Written::Word(Word::Speech) => Self::Speech,
            Written::Word(Word::Any) => Self::Any,
        }
    }
}

impl From<BargeIn> for Written {
    fn from(barge_in: BargeIn) -> Self {
        match barge_in {
            BargeIn::Nothing => Self::Flag(false),
            BargeIn::Keys => Self::Flag(true),
            BargeIn::Speech => Self::Word(Word::Speech),
            BargeIn::Any => Self::Word(Word::Any),
        }
    }
}

impl BargeIn {
    /// Whether a key stops it.
    pub fn by_keys(self) -> bool {
        matches!(self, Self::Keys | Self::Any)
    }

    /// Whether a voice stops it.
    pub fn by_speech(self) -> bool {
        matches!(self, Self::Speech | Self::Any)
    }

    /// For `skip_serializing_if`.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// Play a recorded prompt to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// Which.
    pub prompt: PromptId,
    /// What stops it. A key that does counts for the next `collect` or `menu`.
    #[serde(default, skip_serializing_if = "BargeIn::is_nothing")]
    pub barge_in: BargeIn,
}

/// Speak a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// A template, at most 2,000 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub text: String,
    /// Who speaks, as the speech connector names it; its own choice when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub voice: Option<String>,
    /// BCP 47; the script's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 35))]
    pub language: Option<String>,
    /// What stops it.
    #[serde(default, skip_serializing_if = "BargeIn::is_nothing")]
    pub barge_in: BargeIn,
}

/// What a step says before it waits for an answer: a sentence, or a recorded prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Speech {
    /// A template, at most 2,000 characters.
    Text(String),
    /// A prompt.
    Prompt {
        /// Which.
        prompt: PromptId,
    },
}

/// Begin to record the call, or stop. What consent a recording needs is the campaign's to say; a script asks for it, and
/// records once it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Whether to record from here on.
    pub on: bool,
}

/// Keep that the callee wants no more calls: no campaign of the tenant calls the number again. Answers that mean `opt_out` do so
/// without this step; it is for `menu`, `collect` and what else leads here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OptOut {}

/// Wait for the tone of an answering machine, and speak after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LeaveMessage {
    /// What to say after it.
    pub message: Speech,
    /// Without a tone the message begins after so long all the same: 1,000 to 60,000.
    #[serde(default = "thirty_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1000, maximum = 60000, default = 30000))]
    pub beep_ms_max: u32,
}

fn thirty_seconds() -> u32 {
    30_000
}
