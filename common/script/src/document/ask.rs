//! Steps that wait for the callee.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::say::{BargeIn, Speech};
use super::serve::Headers;

/// What is done when nothing, or nothing fitting, came: something is said and the step begins again, so often as there is
/// something to say; then the call goes on elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// What is said before each further try. At most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 10))]
    pub again: Vec<Speech>,
    /// The step to go to after the last; the step's `next` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Something that a callee may mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Phrases of which each means it, wherever it stands in what was said. At most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub phrases: Vec<String>,
    /// Names of things, such as products, each with other words for it. Whoever says one means the intent, and the name is the answer's value. With the
    /// phrases at most 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
    /// Regular expressions over what was said in lower case, without punctuation, with a space at either end. At most 50, and compiled
    /// no more than 1 MiB; those of all intents together no more than 8 MiB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub patterns: Vec<String>,
    /// What it means, in words, for a step that lets a language model understand: at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub description: Option<String>,
}

/// Who says what an answer means, when phrases do not: a server (`url`) or a language model (`model`), one of both. What it knows is one of the
/// step's intents, or the value that the step expects; anything else, and an answer that comes too late, is no match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Understand {
    /// The server that is posted `{"text", "language", "intents", "step", …}` and answers `{"intent", "value"}`: an `http` or `https` URL, no
    /// template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub url: Option<String>,
    /// Header fields for the server, as they are. At most 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// The language model, as the configuration names it; `default` is the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub model: Option<String>,
    /// How long it may take: 100 to 10,000.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 10000, default = 2000))]
    pub timeout_ms: u32,
    /// It is asked about every answer, not only about those in which no phrase, pattern or value was found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always: bool,
}

/// A value that an answer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// An amount or a count: kept in figures.
    Number,
    /// Digits one by one, as of a telephone number or a code.
    Digits,
    /// A day: kept as `2026-11-22`.
    Date,
}

/// Ask something and listen to the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// What is said first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Speech>,
    /// What stops the question.
    #[serde(default = "any", skip_serializing_if = "is_any")]
    pub barge_in: BargeIn,
    /// The recogniser, as the configuration names it; its default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub recogniser: Option<String>,
    /// BCP 47; the script's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 35))]
    pub language: Option<String>,
    /// Each intent that may be meant, and the step that it leads to. Without any, and without `expect`, whatever was said is an answer and the
    /// step's `next` follows. At most 50.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<String, String>,
    /// Keys that answer as well, each with the intent that it stands for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<char, String>,
    /// A value that is an answer too: the step's `next` follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Who understands what phrases and patterns do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub understand: Option<Box<Understand>>,
    /// The variable that keeps what was said, or the value that was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<String>,
    /// How long the callee may say nothing: 500 to 60,000 after the question.
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 500, maximum = 60000, default = 5000))]
    pub silence_ms_max: u32,
    /// How long the callee may speak: 500 to 120,000.
    #[serde(default = "twenty_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 500, maximum = 120000, default = 20000))]
    pub speech_ms_max: u32,
    /// Silence that ends what was said: 200 to 5,000.
    #[serde(default = "seven_hundred_ms")]
    #[cfg_attr(feature = "openapi", schema(minimum = 200, maximum = 5000, default = 700))]
    pub end_silence_ms: u32,
    /// How long to wait for somebody to come back when music is heard instead of an answer; then the question is asked again. 0 to 600,000.
    #[serde(default = "minute")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 600000, default = 60000))]
    pub hold_ms_max: u32,
    /// The step to go to when the music goes on; that of `no_input` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// When nothing was said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_input: Ladder,
    /// When what was said is none of the intents.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_match: Ladder,
    /// The step to go to when there is no recogniser; that of `no_match` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
}

/// Ask something and wait for one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// What is said first. A key stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Speech>,
    /// Each key and the step that it leads to. 1 to 16.
    pub keys: BTreeMap<char, String>,
    /// How long to wait for the key: 100 to 60,000.
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 60000, default = 5000))]
    pub timeout_ms: u32,
    /// When none came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_input: Ladder,
    /// When another came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_match: Ladder,
}

/// Collect digits that the callee presses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// 1 to 32.
    #[serde(default = "one")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 32, default = 1))]
    pub max_digits: u32,
    /// 100 to 60,000.
    #[serde(default = "five_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 60000, default = 5000))]
    pub first_digit_timeout_ms: u32,
    /// 100 to 60,000.
    #[serde(default = "three_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 60000, default = 3000))]
    pub next_digit_timeout_ms: u32,
    /// Ends the collection and is not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminator: Option<char>,
    /// The variable that keeps the digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<String>,
}

fn any() -> BargeIn {
    BargeIn::Any
}
fn is_any(barge_in: &BargeIn) -> bool {
    *barge_in == BargeIn::Any
}
fn one() -> u32 {
    1
}
fn seven_hundred_ms() -> u32 {
    700
}
fn two_seconds() -> u32 {
    2_000
}
fn three_seconds() -> u32 {
    3_000
}
fn five_seconds() -> u32 {
    5_000
}
/// How long music is waited out where the script does not say.
pub(crate) fn minute() -> u32 {
    60_000
}
fn twenty_seconds() -> u32 {
    20_000
}
fn is_default(ladder: &Ladder) -> bool {
    *ladder == Ladder::default()
}
