//! What a connector has to know.

pub mod deepgram;
pub mod openai;
pub mod twilio;
pub mod vosk;

use std::time::Duration;

use common::digits::Digit;

use crate::AudioFormat;

/// One connection's protocol, as a pure machine: frames out, frames in, what was heard.
///
/// Calls come in this order: [`open`](Protocol::open) once, then any of the others, then [`close`](Protocol::close) once. A connection
/// that broke is opened again with a new machine.
pub trait Protocol: Send {
    /// How audio is wanted.
    fn format(&self) -> AudioFormat;

    /// The first frames, about this call.
    fn open(&mut self, call: &CallFacts) -> Vec<Frame>;

    /// A piece of what the callee says, in [`Protocol::format`]. `begins_ms` is its place, from the start of the call's audio.
    fn audio(&mut self, begins_ms: u64, piece: &[u8]) -> Frame;

    /// The callee has stopped speaking: what was said may be finished.
    fn end_of_speech(&mut self) -> Option<Frame> {
        None
    }

    /// A key was pressed.
    fn key(&mut self, _digit: Digit) -> Option<Frame> {
        None
    }

    /// Audio that the server sent was played as far as this mark.
    fn played(&mut self, _mark: &str) -> Option<Frame> {
        None
    }

    /// What the server sent was silenced, as [`Heard::Clear`] asked, after so much of what came since the beginning, or since the silence
    /// before, was heard.
    fn silenced(&mut self, _heard: Duration) -> Vec<Frame> {
        Vec::new()
    }

    /// Whether it tells with [`Heard::Final`] what was said. Audio is kept until then, and goes to the next connection if this one breaks. A
    /// bot that talks would hear it as an echo of the past: it is not connected again, and one that closes the connection has come to an
    /// end.
    fn gives_results(&self) -> bool {
        true
    }

    /// No audio has left for some seconds: what keeps the connection open, if anything is needed.
    fn keep_alive(&mut self) -> Option<Frame> {
        None
    }

    /// The last frames.
    fn close(&mut self) -> Vec<Frame>;

    /// A frame that came. What it says is added to `heard`. A fault ends the connection.
    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault>;
}

/// What a server may know of a call. No telephone number is among it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// Name of the attempt.
    pub attempt: String,
    /// BCP 47.
    pub language: String,
    /// Phrases that are expected, for recognisers that take such.
    pub phrases: Vec<String>,
    /// What the script gives along, by name.
    pub parameters: Vec<(String, String)>,
}

/// A frame that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text, JSON in all of these protocols.
    Text(String),
    /// Audio as it is.
    Binary(Vec<u8>),
}

/// A frame that came.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// What a server said.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It hears somebody speak.
    SpeechBegan,
    /// What it has understood so far; may change.
    Partial(String),
    /// What was said, for good.
    Final {
        /// In words; empty if nothing was understood.
        text: String,
        /// 0 to 1, where it tells.
        confidence: Option<f32>,
    },
    /// Audio to be played, μ-law at 8 kHz.
    Audio(Vec<u8>),
    /// Tell when what was sent before this was played.
    Mark(String),
    /// Forget what was sent and not played.
    Clear,
    /// What it said itself, in words.
    Spoken(String),
}

/// A frame that cannot be used, or a server that gives up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolFault {
    /// Not JSON, or not of this protocol.
    #[error("{protocol}: {problem}")]
    Rubbish {
        /// Of which protocol it should have been.
        protocol: &'static str,
        /// What is wrong; no content.
        problem: String,
    },
    /// The server says that something is wrong.
    #[error("{protocol}: the server says: {what}")]
    Refused {
        /// Which protocol.
        protocol: &'static str,
        /// In its words, cut short.
        what: String,
    },
}

/// Longest word of a server that goes into a log.
const WORDS_MAX: usize = 200;

impl ProtocolFault {
    pub(crate) fn rubbish(protocol: &'static str, problem: impl ToString) -> Self {
        Self::Rubbish { protocol, problem: problem.to_string() }
    }

    pub(crate) fn refused(protocol: &'static str, what: &str) -> Self {
        let what = what.chars().filter(|sign| !sign.is_control()).take(WORDS_MAX).collect();
        Self::Refused { protocol, what }
    }
}

/// JSON of a text frame.
pub(crate) fn json<'a, T: serde::Deserialize<'a>>(
    protocol: &'static str,
    frame: Incoming<'a>,
) -> Result<T, ProtocolFault> {
    let Incoming::Text(text) = frame else {
        return Err(ProtocolFault::rubbish(protocol, "bytes where text belongs"));
    };
    serde_json::from_str(text).map_err(|error| {
        // The message of serde may quote what somebody said.
        let place = format!("line {} column {}", error.line(), error.column());
        ProtocolFault::rubbish(protocol, format!("not the JSON that belongs here, at {place}"))
    })
}
