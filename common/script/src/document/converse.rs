//! The step that leaves the talking to a language model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ask::Ladder;
use super::say::{BargeIn, Speech};

/// Let a language model talk with the callee, within limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Converse {
    /// The model, as the configuration names it; its default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub model: Option<String>,
    /// Who it is, how it speaks, what it knows and wants: a template, at most 20,000 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 20000))]
    pub prompt: String,
    /// What is said first. Without it the callee is listened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Speech>,
    /// What the model may do beside speaking, and the step that each leads to once what it says has been said: `hang_up`, `transfer`, `opt_out`,
    /// `call_back`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<ModelTool, String>,
    /// Variables that the model may set. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub fields: Vec<String>,
    /// Where the model may look something up: the URL of a GET, in which `{{query}}` stands for what it looks for. The answer, JSON, is for the
    /// model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub look_up: Option<String>,
    /// Words and phrases that it must not say: a sentence with one is left unsaid, and the conversation is over. At most 100, each of at most 200
    /// characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub forbidden: Vec<String>,
    /// What is said when the model takes long, such as "One moment, please." No template. At most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub slow_line: Option<String>,
    /// How long it may take before that is said: 300 to 10,000.
    #[serde(default = "slow_ms")]
    #[cfg_attr(feature = "openapi", schema(minimum = 300, maximum = 10000, default = 1500))]
    pub slow_ms: u32,
    /// How long it may take to begin an answer: 1,000 to 30,000.
    #[serde(default = "answer_ms_max")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1000, maximum = 30000, default = 8000))]
    pub answer_ms_max: u32,
    /// Answers of the model: 1 to 200.
    #[serde(default = "turns_max")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 200, default = 30))]
    pub turns_max: u32,
    /// How long the conversation may last: 10 to 3,600.
    #[serde(default = "seconds_max")]
    #[cfg_attr(feature = "openapi", schema(minimum = 10, maximum = 3600, default = 300))]
    pub seconds_max: u32,
    /// Tokens of questions and answers together, 100 to 1,000,000: as the server counts them, or estimated where it does not.
    #[serde(default = "tokens_max")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 1000000, default = 50000))]
    pub tokens_max: u32,
    /// Words of one answer; the rest of it is left unsaid: 5 to 1,000.
    #[serde(default = "words_max")]
    #[cfg_attr(feature = "openapi", schema(minimum = 5, maximum = 1000, default = 80))]
    pub words_max: u32,
    /// BCP 47; the script's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 35))]
    pub language: Option<String>,
    /// Who speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub voice: Option<String>,
    /// The recogniser, as the configuration names it; its default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub recogniser: Option<String>,
    /// What stops the model's speech.
    #[serde(default = "any")]
    pub barge_in: BargeIn,
    /// How long the callee may say nothing: 500 to 60,000.
    #[serde(default = "eight_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 500, maximum = 60000, default = 8000))]
    pub silence_ms_max: u32,
    /// Silence that ends what was said: 200 to 5,000.
    #[serde(default = "end_silence")]
    #[cfg_attr(feature = "openapi", schema(minimum = 200, maximum = 5000, default = 700))]
    pub end_silence_ms: u32,
    /// When nothing was said.
    #[serde(default)]
    pub no_input: Ladder,
    /// The step to go to when a limit is reached; the step's `next` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The step to go to when the model fails, or there is no recogniser; that of `over` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What ends a conversation at the model's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelTool {
    /// The call is over.
    HangUp,
    /// The callee wants a person.
    Transfer,
    /// The callee wants no more calls.
    OptOut,
    /// The callee wants to be called again later.
    CallBack,
}

impl ModelTool {
    /// Its name in scripts and to the model.
    pub fn name(self) -> &'static str {
        match self {
            Self::HangUp => "hang_up",
            Self::Transfer => "transfer",
            Self::OptOut => "opt_out",
            Self::CallBack => "call_back",
        }
    }
}

fn any() -> BargeIn {
    BargeIn::Any
}
fn slow_ms() -> u32 {
    1_500
}
fn answer_ms_max() -> u32 {
    8_000
}
fn turns_max() -> u32 {
    30
}
fn seconds_max() -> u32 {
    300
}
fn tokens_max() -> u32 {
    50_000
}
fn words_max() -> u32 {
    80
}
fn eight_seconds() -> u32 {
    8_000
}
fn end_silence() -> u32 {
    700
}
