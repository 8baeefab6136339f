//! A cast as it is written down, and what may not stand in it.

use serde::Deserialize;

use super::Cue;
use crate::rtp::event_code;

/// Longest cue.
const HOUR_MS: u64 = 3_600_000;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Folder of the WAV files, seen from the folder of this file.
    #[serde(default)]
    pub(super) audio: String,
    pub(super) customers: Vec<Customer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Customer {
    pub(super) name: String,
    /// Folder of what is said by its text.
    voice: Option<String>,
    /// Numbers of his own; without any he shares the rest.
    #[serde(default)]
    pub(super) numbers: Vec<String>,
    #[serde(default)]
    pub(super) acts: Vec<Act>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    /// Says something.
    Say {
        /// The words; without `wav` they name the file too.
        text: Option<String>,
        /// The file.
        wav: Option<String>,
        #[serde(default)]
        after: Cue,
    },
    /// Presses keys.
    Press {
        keys: String,
        #[serde(default)]
        after: Cue,
    },
    /// Hangs up, and does no more.
    HangUp {
        #[serde(default)]
        after: Cue,
    },
}

impl Document {
    /// Reads JSON, or YAML, of which JSON is a part.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        // YAML 1.2: `yes` and `no` are words, and often what is said.
        let options = serde_saphyr::options! { strict_booleans: true };
        let document: Self =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        if self.customers.is_empty() {
            return Err("no customers".to_owned());
        }
        for (n, customer) in self.customers.iter().enumerate() {
            if self.customers[..n].iter().any(|other| other.name == customer.name) {
                return Err(format!("two customers are called {}", customer.name));
            }
            let is_file_name = |c: char| c.is_alphanumeric() || "-_".contains(c);
            if customer.name.is_empty() || !customer.name.chars().all(is_file_name) {
                return Err(format!("{:?} is no name: letters, digits, - and _ make one", customer.name));
            }
            customer.check().map_err(|problem| format!("{}: {problem}", customer.name))?;
        }
        Ok(())
    }
}

impl Customer {
    fn check(&self) -> Result<(), String> {
        for (n, act) in self.acts.iter().enumerate() {
            let (Cue::Silence(ms) | Cue::Interrupt(ms) | Cue::Wait(ms)) = act.after();
            if ms > HOUR_MS {
                return Err(format!("act {} waits for more than an hour", n + 1));
            }
            match act {
                Act::HangUp { .. } if n + 1 < self.acts.len() => {
                    return Err("acts after hanging up".to_owned());
                }
                Act::Press { keys, .. } => {
                    if let Some(key) = keys.chars().find(|key| !is_key(*key)) {
                        return Err(format!("act {}: {key} is no key", n + 1));
                    }
                    if keys.is_empty() {
                        return Err(format!("act {} presses nothing", n + 1));
                    }
                }
                Act::Say { .. } | Act::HangUp { .. } => {}
            }
        }
        Ok(())
    }

    /// The file of what he says: the one that is named, or `voice/the-words.wav`.
    pub(super) fn wav(&self, text: Option<&str>, wav: Option<&str>) -> Result<String, String> {
        match (wav, text, &self.voice) {
            (Some(wav), ..) => Ok(wav.to_owned()),
            (None, Some(text), Some(voice)) => Ok(format!("{voice}/{}.wav", file_name(text))),
            (None, Some(_), None) => Err(format!("{} says a text and has no voice", self.name)),
            (None, None, _) => Err(format!("{} says something with neither text nor wav", self.name)),
        }
    }
}

impl Act {
    /// When he does it.
    pub(super) fn after(&self) -> Cue {
        let (Self::Say { after, .. } | Self::Press { after, .. } | Self::HangUp { after }) = self;
        *after
    }

    /// What the record says that he did.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Say { text: Some(words), .. } | Self::Say { wav: Some(words), .. } => words.clone(),
            Self::Press { keys, .. } => keys.clone(),
            Self::Say { .. } | Self::HangUp { .. } => String::new(),
        }
    }
}

fn is_key(key: char) -> bool {
    u8::try_from(key).is_ok_and(|key| event_code(key).is_some())
}

/// Letters and digits in lower case, apostrophes left out, one hyphen for anything else between them.
fn file_name(text: &str) -> String {
    let text = text.to_lowercase().replace('\'', "");
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_make_a_file_name() {
        assert_eq!(file_name("Don't call me again, please!"), "dont-call-me-again-please");
        assert_eq!(file_name("  Ja – 5.  "), "ja-5");
    }

    #[test]
    fn json_and_yaml_say_the_same() {
        let yaml = "customers:\n- name: a\n  voice: slt\n  acts:\n  - {do: say, text: yes, after: {wait_ms: 5}}\n  - {do: hang_up}\n";
        let json = r#"{"customers": [{"name": "a", "voice": "slt", "acts":
            [{"do": "say", "text": "yes", "after": {"wait_ms": 5}}, {"do": "hang_up"}]}]}"#;
        for text in [yaml, json] {
            let document = Document::read(text).unwrap();
            let [first, second] = &document.customers[0].acts[..] else { panic!("two acts") };
            assert_eq!((first.after(), first.label().as_str()), (Cue::Wait(5), "yes"));
            assert_eq!(second.after(), Cue::Silence(600));
        }
    }
}
