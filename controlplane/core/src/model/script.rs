//! Scripts and prompts.

use common::{PromptId, ScriptId, TenantId};
use serde::{Deserialize, Serialize};

use super::{Invalid, check_name};

/// One version of a script. A change makes a new version with a new id; what was used stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Script {
    /// Its id, one for each version.
    pub id: ScriptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Counted from 1 within the name.
    pub version: u32,
    /// What was written.
    #[serde(flatten)]
    pub spec: ScriptSpec,
}

/// What an operator writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScriptSpec {
    /// Versions of one script share the name.
    pub name: String,
    /// 1 to 100 steps, done in order after the answer; the call ends after the last.
    pub steps: Vec<Step>,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Play a prompt to its end.
    Play {
        /// Which.
        prompt: PromptId,
        /// A pressed digit stops it and counts for the next `collect`.
        #[serde(default)]
        barge_in: bool,
    },
    /// Collect digits that the callee presses.
    Collect {
        /// 1 to 32.
        #[serde(default = "one")]
        max_digits: u32,
        /// 100 to 60,000; 5,000 by default.
        #[serde(default = "five_seconds")]
        first_digit_timeout_ms: u32,
        /// 100 to 60,000; 3,000 by default.
        #[serde(default = "three_seconds")]
        next_digit_timeout_ms: u32,
        /// Ends the collection and is not part of it.
        #[serde(default)]
        terminator: Option<char>,
    },
    /// Say nothing for a while.
    Wait {
        /// 1 to 3,600,000.
        ms: u32,
    },
    /// End the call. In braces, because serde lets a unit variant pass with unknown keys.
    HangUp {},
}

fn one() -> u32 {
    1
}
fn five_seconds() -> u32 {
    5_000
}
fn three_seconds() -> u32 {
    3_000
}

/// A recorded prompt, kept as the WAV file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// Length of the audio, milliseconds.
    pub duration_ms: u64,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

impl ScriptSpec {
    /// Checks every step; whether the prompts exist is the store's to say.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        if !(1..=100).contains(&self.steps.len()) {
            return Err(Invalid::new("steps", format!("must have 1 to 100 steps, not {}", self.steps.len())));
        }
        for (index, step) in self.steps.iter().enumerate() {
            let at = |field: &str| format!("steps[{index}].{field}");
            match step {
                Step::Play { .. } => {}
                Step::Collect { max_digits, first_digit_timeout_ms, next_digit_timeout_ms, terminator } => {
                    if !(1..=32).contains(max_digits) {
                        return Err(Invalid::new(at("max_digits"), "must be 1 to 32"));
                    }
                    for (field, ms) in [
                        ("first_digit_timeout_ms", first_digit_timeout_ms),
                        ("next_digit_timeout_ms", next_digit_timeout_ms),
                    ] {
                        if !(100..=60_000).contains(ms) {
                            return Err(Invalid::new(at(field), "must be 100 to 60000"));
                        }
                    }
                    if terminator.is_some_and(|c| common::digits::Digit::from_char(c).is_none()) {
                        return Err(Invalid::new(at("terminator"), "must be one of 0-9 * # A-D"));
                    }
                }
                Step::Wait { ms } => {
                    if !(1..=3_600_000).contains(ms) {
                        return Err(Invalid::new(at("ms"), "must be 1 to 3600000"));
                    }
                }
                Step::HangUp {} => {
                    if index + 1 < self.steps.len() {
                        return Err(Invalid::new(
                            format!("steps[{}]", index + 1),
                            "can never be reached: the step before it hangs up",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// The prompts it plays, each once.
    pub fn prompts(&self) -> Vec<PromptId> {
        let mut prompts: Vec<_> = self
            .steps
            .iter()
            .filter_map(|s| if let Step::Play { prompt, .. } = s { Some(*prompt) } else { None })
            .collect();
        prompts.sort_unstable();
        prompts.dedup();
        prompts
    }
}
