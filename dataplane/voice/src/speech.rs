//! Speaking: sentences become audio, once.
//!
//! A [`Voice`] makes audio of a sentence and hands it over while it makes it; [`Cache`] keeps it on disk under the sentence's own name, for
//! all calls, all codecs and after a restart; a [`Speaker`] is both.

mod cache;
mod delivery;
mod espeak;
mod openai;
mod plain;
mod reader;
mod server;
mod speaker;

use std::future::Future;
use std::pin::Pin;

pub use cache::{Cache, CacheError};
pub use delivery::Delivery;
pub use espeak::Espeak;
pub use openai::{OpenAi, OpenAiSettings};
pub use plain::{Plain, PlainSettings};
pub use reader::{AudioReader, Encoding, Form, NotAudio};
pub use speaker::{Origin, Speaker, Spoken};

use crate::breaker::{Refusal, Verdict};

/// Samples a second of everything that is made here: that of the telephone.
pub const RATE: u32 = 8_000;
/// Longest sentence that is spoken at once, in characters.
pub const SENTENCE_MAX: usize = 2_000;
/// Longest audio of a sentence, in samples: five minutes.
pub const SAMPLES_MAX: usize = 300 * RATE as usize;

/// What is to be said, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Saying {
    /// Words; figures have been made words of.
    pub text: String,
    /// BCP 47.
    pub language: String,
    /// Who speaks, in the connector's own names; its choice when absent.
    pub voice: Option<String>,
}

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// More than is spoken at once.
    #[error("the sentence has {characters} characters; at most {SENTENCE_MAX} are spoken at once")]
    TooLong {
        /// How many it has.
        characters: usize,
    },
    /// The program that speaks could not be run.
    #[error("cannot run {program}: {source}")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{who} took more than {seconds} s for a sentence")]
    Slow {
        /// The connector.
        who: String,
        /// How long it had.
        seconds: u64,
    },
    /// It makes audio without end.
    #[error("more than {} s of audio for a sentence", SAMPLES_MAX / RATE as usize)]
    Endless,
    /// Nobody takes the audio any more; no fault of the connector's.
    #[error("nobody listens any more")]
    Unwanted,
    /// It gave something that is no audio, or said that something is wrong.
    #[error("{who}: {problem}")]
    Unusable {
        /// The connector.
        who: String,
        /// What is wrong.
        problem: String,
    },
    /// It does not take this sentence; it may take others.
    #[error("{who}: {problem}")]
    Declined {
        /// The connector.
        who: String,
        /// What is wrong.
        problem: String,
    },
    /// It was not asked.
    #[error("{who}: {refusal}")]
    Refused {
        /// The connector.
        who: String,
        /// Why.
        refusal: Refusal,
    },
    /// It has too much to do or cannot be reached, which may be otherwise in a moment.
    #[error("{who}: {problem}")]
    Unavailable {
        /// The connector.
        who: String,
        /// What is wrong.
        problem: String,
    },
}

impl SpeechError {
    /// Whether the same may succeed a little later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Slow { .. } | Self::Refused { .. })
    }

    /// As it is counted; `None` for what is nobody's fault.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::TooLong { .. } => "too_long",
            Self::Program { .. } => "program",
            Self::Slow { .. } => "slow",
            Self::Endless | Self::Unusable { .. } => "rubbish",
            Self::Declined { .. } => "declined",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Unwanted => return None,
        })
    }

    /// What it tells of a server that was asked.
    fn verdict(&self) -> Verdict {
        match self {
            Self::Unavailable { .. } | Self::Unusable { .. } | Self::Endless => Verdict::Failed,
            Self::Slow { .. } => Verdict::Late,
            Self::Declined { .. } => Verdict::Reached,
            Self::Unwanted | Self::Refused { .. } | Self::TooLong { .. } | Self::Program { .. } => {
                Verdict::Nothing
            }
        }
    }
}

/// One way to make audio. One connector is one file and one implementation.
pub trait Voice: Send + Sync {
    /// What its audio is kept under. Everything that changes how it sounds is part of it, or old audio is played.
    fn name(&self) -> &str;

    /// Makes the audio of a sentence, one channel, [`RATE`] samples a second, and hands it over as it comes. What was handed over before an
    /// error has been heard.
    fn speak<'a>(
        &'a self,
        saying: &'a Saying,
        to: &'a mut Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), SpeechError>> + Send + 'a>>;
}
