//! Customers who say things: who they are, what they say and press, and on what cue.
//!
//! Owns the file and the sounds, which are encoded once and shared by all calls. Which number meets which customer is decided by
//! the number alone. Never touches a call: `performance` plays a customer in one.
//!
//! ```yaml
//! audio: voices            # folder of the WAV files, beside this file; default: the folder that this file is in
//! customers:
//! - name: pleased
//!   voice: slt
//!   acts:
//!   - {do: say, text: "Yes, please.", after: {silence_ms: 600}}   # voices/slt/yes-please.wav
//!   - {do: say, wav: five.wav, after: {interrupt_ms: 1500}}       # voices/five.wav
//!   - {do: press, keys: "1#"}
//!   - {do: hang_up}
//! ```

mod document;
mod sound;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::audio::Track;
use document::Document;

/// Everybody who may answer. Lives as long as the process: what is sent borrows from it.
#[derive(Debug)]
pub struct Cast {
    customers: Vec<Customer>,
    /// Customers with numbers of their own, by number.
    by_number: HashMap<String, usize>,
    /// The others, who share all other numbers.
    shared: Vec<usize>,
}

/// One customer.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) acts: Vec<Act>,
}

/// One thing that a customer does, and when.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) deed: Deed,
    pub(crate) cue: Cue,
    /// What is said, or the keys: for the record.
    pub(crate) label: String,
}

/// What a customer does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Say(&'static Track),
    Press(&'static str),
    HangUp,
}

/// When. All are counted from the end of the act before, for the first from the answer. Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Cue {
    /// The caller has spoken since, and has then been silent for so long.
    #[serde(rename = "silence_ms")]
    Silence(u64),
    /// The caller began to speak so long ago: he is interrupted.
    #[serde(rename = "interrupt_ms")]
    Interrupt(u64),
    /// So long after, whatever was heard.
    #[serde(rename = "wait_ms")]
    Wait(u64),
}

impl Default for Cue {
    fn default() -> Self {
        Self::Silence(600)
    }
}

/// Why a cast cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// The file cannot be read.
    #[error("cannot read the cast {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// It is no cast.
    #[error("{path}: {problem}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A sound cannot be used.
    #[error("{path}: {problem}")]
    Sound {
        /// The WAV file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Cast {
    /// Reads a cast and all its sounds.
    pub fn load(path: &Path) -> Result<&'static Self, CastError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CastError::Io { path: path.to_owned(), source })?;
        let bad = |problem: String| CastError::Shape { path: path.to_owned(), problem };
        let document = Document::read(&text).map_err(bad)?;
        let folder = path.parent().unwrap_or(Path::new("")).join(&document.audio);
        let mut sounds = Sounds::default();
        let mut cast = Self { customers: Vec::new(), by_number: HashMap::new(), shared: Vec::new() };
        for customer in document.customers {
            let index = cast.customers.len();
            if customer.numbers.is_empty() {
                cast.shared.push(index);
            }
            for number in &customer.numbers {
                if cast.by_number.insert(number.clone(), index).is_some() {
                    return Err(bad(format!("{number} is the number of two customers")));
                }
            }
            let mut acts = Vec::new();
            for act in &customer.acts {
                let deed = match act {
                    document::Act::Say { text, wav, .. } => {
                        let name = customer.wav(text.as_deref(), wav.as_deref()).map_err(bad)?;
                        Deed::Say(sounds.read(folder.join(name))?)
                    }
                    document::Act::Press { keys, .. } => Deed::Press(String::leak(keys.clone())),
                    document::Act::HangUp { .. } => Deed::HangUp,
                };
                acts.push(Act { deed, cue: act.after(), label: act.label() });
            }
            cast.customers.push(Customer { name: customer.name, acts });
        }
        Ok(Box::leak(Box::new(cast)))
    }

    /// Who answers at a number: whoever has it for his own, otherwise one of those who share the rest, in turn by the number's
    /// last nine digits. `None`: everybody has numbers of his own, and this is none of them.
    pub(crate) fn customer_of(&'static self, number: &str) -> Option<&'static Customer> {
        let own = self.by_number.get(number).copied();
        let index = own.or_else(|| {
            let digits = number.bytes().rev().filter(u8::is_ascii_digit).take(9);
            let (value, _) =
                digits.fold((0, 1), |(value, place), d| (value + usize::from(d - b'0') * place, place * 10));
            self.shared.get(value.checked_rem(self.shared.len())?).copied()
        })?;
        Some(&self.customers[index])
    }
}

/// Sounds by file: what two customers say is read once.
#[derive(Default)]
struct Sounds(HashMap<PathBuf, &'static Track>);

impl Sounds {
    fn read(&mut self, file: PathBuf) -> Result<&'static Track, CastError> {
        if let Some(track) = self.0.get(&file) {
            return Ok(track);
        }
        let track = &*Box::leak(Box::new(sound::read(&file)?));
        self.0.insert(file, track);
        Ok(track)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A customer who does this.
    pub(crate) fn customer(acts: Vec<(Deed, Cue)>) -> &'static Customer {
        let acts = acts.into_iter().map(|(deed, cue)| Act { deed, cue, label: String::new() }).collect();
        Box::leak(Box::new(Customer { name: "one".into(), acts }))
    }

    fn load(text: &str) -> Result<&'static Cast, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cast.yaml");
        std::fs::write(&path, text).unwrap();
        Cast::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_meet_their_own_customer_and_the_rest_take_turns() {
        let cast =
            load("customers:\n- {name: a, numbers: ['+15550009']}\n- {name: b}\n- {name: c}\n- {name: d}\n")
                .unwrap();
        let at = |number| cast.customer_of(number).map(|customer| customer.name.as_str());
        assert_eq!(
            ["+15550009", "+15550000", "+15550001", "+15550002"].map(at),
            ["a", "c", "d", "b"].map(Some)
        );
        let only = load("customers: [{name: a, numbers: ['1']}]").unwrap();
        assert!(only.customer_of("2").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("customers: []", "no customers"),
            ("customers: [{name: a}, {name: a}]", "two customers are called a"),
            ("customers: [{name: a, numbers: ['1']}, {name: b, numbers: ['1']}]", "1 is the number of two"),
            ("customers: [{name: a/b}]", "no name"),
            ("customers: [{name: a, colour: red}]", "colour"),
            ("customers: [{name: a, acts: [{do: say, text: hello}]}]", "no voice"),
            ("customers: [{name: a, voice: slt, acts: [{do: say}]}]", "neither text nor wav"),
            ("customers: [{name: a, acts: [{do: say, wav: absent.wav}]}]", "absent.wav"),
            ("customers: [{name: a, acts: [{do: press, keys: '1x'}]}]", "x is no key"),
            ("customers: [{name: a, acts: [{do: hang_up}, {do: press, keys: '1'}]}]", "after hanging up"),
            ("customers: [{name: a, acts: [{do: press, keys: '1', after: {sigh_ms: 1}}]}]", "sigh_ms"),
            (
                "customers: [{name: a, acts: [{do: press, keys: '1', after: {wait_ms: 1, silence_ms: 1}}]}]",
                "line 1",
            ),
            ("customers: [{name: a, acts: [{do: press, keys: '1', after: {wait_ms: 3600001}}]}]", "an hour"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
