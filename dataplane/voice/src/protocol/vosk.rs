//! The protocol of vosk-server, which whisper and sherpa servers speak as well: linear audio in binary frames, results in JSON.
//!
//! Source: the public `vosk-server` programs (`websocket/asr_server.py`, `websocket-cpp/asr_server.cpp`) and their clients. The first frame
//! is `{"config": …}`; `{"eof" : 1}`, compared letter by letter with its spaces, asks for the last result, after which the Python server
//! closes the connection and the other waits for us to. Every frame of audio and that of the end is answered by one: `{"partial": …}`
//! while somebody speaks, `{"text": …}` at the end of an utterance; the latter is `{"alternatives": [{"text": …}, …]}`, best first, where
//! the server was started so.

use serde::Deserialize;
use serde_json::json;

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json};
use crate::AudioFormat;

const NAME: &str = "vosk";

/// One recogniser.
#[derive(Debug)]
pub struct Vosk {
    format: AudioFormat,
}

impl Vosk {
    /// A recogniser that takes linear audio at 8 or 16 kHz; of μ-law it is told that it is 8 kHz, linear.
    pub fn new(format: AudioFormat) -> Self {
        let format = if format == AudioFormat::Linear16 { format } else { AudioFormat::Linear8 };
        Self { format }
    }
}

/// What the server answers. A frame has one of the three.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    partial: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    result: Vec<Word>,
    /// Their `confidence` is a likelihood without an upper bound.
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    text: String,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default)]
    conf: Option<f32>,
}

impl Protocol for Vosk {
    fn format(&self) -> AudioFormat {
        self.format
    }

    fn open(&mut self, call: &CallFacts) -> Vec<Frame> {
        let mut config = json!({ "sample_rate": self.format.rate(), "words": 1 });
        if !call.phrases.is_empty() {
            config["phrase_list"] = call.phrases.clone().into();
        }
        vec![Frame::Text(json!({ "config": config }).to_string())]
    }

    fn audio(&mut self, _begins_ms: u64, piece: &[u8]) -> Frame {
        Frame::Binary(piece.to_vec())
    }

    /// There is no word for it: these servers end an utterance when they have heard silence, half a second to a second of it. It costs
    /// them next to nothing and comes at once.
    fn end_of_speech(&mut self) -> Option<Frame> {
        Some(Frame::Binary(vec![0; self.format.bytes_a_second()]))
    }

    fn close(&mut self) -> Vec<Frame> {
        vec![Frame::Text(r#"{"eof" : 1}"#.to_owned())]
    }

    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault> {
        let answer: Answer = json(NAME, frame)?;
        let best = answer.alternatives.into_iter().next().map(|best| best.text);
        match (answer.partial, answer.text.or(best)) {
            (_, Some(text)) => {
                let known: Vec<f32> = answer.result.iter().filter_map(|word| word.conf).collect();
                let confidence = (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32);
                heard.push(Heard::Final { text, confidence });
            }
            (Some(partial), None) if partial.is_empty() => {}
            (Some(partial), None) => heard.push(Heard::Partial(partial)),
            (None, None) => return Err(ProtocolFault::rubbish(NAME, "neither `partial` nor `text`")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recogniser_is_told_the_rate_and_the_phrases() {
        let call = CallFacts { phrases: vec!["yes".into(), "no".into()], ..CallFacts::default() };
        let frames = Vosk::new(AudioFormat::Linear16).open(&call);
        let config = json!({ "config": { "sample_rate": 16_000, "words": 1, "phrase_list": ["yes", "no"] } });
        let [Frame::Text(text)] = &frames[..] else { panic!("one text") };
        assert_eq!(serde_json::from_str::<serde_json::Value>(text).expect("JSON"), config);
        assert_eq!(Vosk::new(AudioFormat::Mulaw).format(), AudioFormat::Linear8);
    }

    #[test]
    fn silence_ends_an_utterance() {
        for (format, bytes) in [(AudioFormat::Linear8, 16_000), (AudioFormat::Linear16, 32_000)] {
            assert_eq!(Vosk::new(format).end_of_speech(), Some(Frame::Binary(vec![0; bytes])));
        }
    }

    #[test]
    fn results_are_read() {
        let mut vosk = Vosk::new(AudioFormat::Linear8);
        let mut heard = Vec::new();
        for text in [
            r#"{"partial" : ""}"#,
            r#"{"partial" : "ye"}"#,
            r#"{"result":[{"conf":1.0,"word":"yes"},{"conf":0.5,"word":"please"}],"text":"yes please"}"#,
            r#"{"text" : ""}"#,
            r#"{"alternatives":[{"confidence":231.5,"text":"no"},{"confidence":229.1,"text":"know"}]}"#,
        ] {
            vosk.read(Incoming::Text(text), &mut heard).expect("good");
        }
        let last = |text: &str, confidence| Heard::Final { text: text.to_owned(), confidence };
        let lasts = [last("yes please", Some(0.75)), last("", None), last("no", None)];
        assert_eq!(heard, [&[Heard::Partial("ye".to_owned())], &lasts[..]].concat());
        for text in ["", "{}", "null", r#"{"text":5}"#, "<html>"] {
            vosk.read(Incoming::Text(text), &mut heard).expect_err(text);
        }
    }
}
