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

    /// The callee has stopped speaking: the server is asked for the result of what it was sent. Comes again on the next connection if this
    /// one breaks before the result.
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
    /// So many of them, from the first, are the script's own or of the call's language; the likelier come first.
    pub likely: usize,
    /// What the script gives along, by name.
    pub parameters: Vec<(String, String)>,
}

/// Phrases and bytes of them for a recogniser that takes few. Deepgram refuses more than 500 tokens, without saying how it counts them, and
/// advises 20 to 50 phrases: this is 300 Chinese characters, or some 180 English words.
const HINTS_MAX: usize = 50;
const HINT_BYTES_MAX: usize = 900;

impl CallFacts {
    /// The likely phrases, from the first, as far as they fit a recogniser that takes few.
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        let mut left = HINT_BYTES_MAX;
        let fits = move |phrase: &&str| {
            let fits = phrase.len() <= left;
            left -= if fits { phrase.len() } else { 0 };
            fits
        };
        self.phrases.iter().take(self.likely).map(String::as_str).filter(fits).take(HINTS_MAX)
    }
}

/// Longest of what was said that is kept while its utterance goes on, in bytes: several minutes of speech.
const SAID_MAX: usize = 8 << 10;

/// More of what was said. What is too much is left out.
pub(crate) fn say_more(said: &mut String, words: &str) {
    let room = SAID_MAX.saturating_sub(said.len());
    said.push_str(&words[..words.floor_char_boundary(room)]);
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
    /// The newest words that it believes to have heard; they may change, and all of them come again in [`Heard::Final`].
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
