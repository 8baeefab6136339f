//! The step that gives the call to a voice bot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Let a voice bot talk with the callee: it hears all that the callee says and presses, and what it says is heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// The bot, as the configuration names it; the only one there is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub bot: Option<String>,
    /// What it is told of the call: templates, each at most 20,000 characters, by names of at most 64. At most 20. For bots that speak
    /// Twilio Media Streams they are the `customParameters`; of one that speaks OpenAI Realtime, `instructions` and `voice` take the place
    /// of the configuration's, and the others are added to its instructions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// How long it may have the call: 1 to 3,600.
    #[serde(default = "ten_minutes")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3600, default = 600))]
    pub seconds_max: u32,
    /// The step to go to when the bot has closed its connection, or its time is over; the step's `next` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The step to go to when it cannot be reached, is full, or fails; that of `over` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

fn ten_minutes() -> u32 {
    600
}
