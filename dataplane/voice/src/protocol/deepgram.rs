//! Deepgram live transcription (`/v1/listen`): audio in binary frames, results in JSON.
//!
//! Source: Deepgram's public reference of the streaming interface. What the audio is stands in the address
//! ([`Deepgram::query`]); the key goes into the `Authorization` header. No live service was reachable where this was written: it was
//! tried against a server of our own that checks every message.

use serde::Deserialize;
use serde_json::json;

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json};
use crate::AudioFormat;

const NAME: &str = "deepgram";

/// One stream.
#[derive(Debug)]
pub struct Deepgram {
    format: AudioFormat,
    /// Final pieces of an utterance that goes on.
    said: String,
    confidence: Option<f32>,
}

impl Deepgram {
    /// A stream of this format.
    pub fn new(format: AudioFormat) -> Self {
        Self { format, said: String::new(), confidence: None }
    }

    /// The parameters of the address: `encoding`, `sample_rate` and what makes the answers those that are read here.
    pub fn query(&self, call: &CallFacts, end_silence_ms: u32) -> Vec<(&'static str, String)> {
        let encoding = if self.format == AudioFormat::Mulaw { "mulaw" } else { "linear16" };
        let mut query = vec![
            ("encoding", encoding.to_owned()),
            ("sample_rate", self.format.rate().to_string()),
            ("channels", "1".to_owned()),
            ("interim_results", "true".to_owned()),
            ("vad_events", "true".to_owned()),
            ("endpointing", end_silence_ms.to_string()),
        ];
        if !call.language.is_empty() {
            query.push(("language", call.language.clone()));
        }
        query.extend(call.phrases.iter().map(|phrase| ("keyterm", phrase.clone())));
        query
    }

    fn finish(&mut self, heard: &mut Vec<Heard>) {
        let text = std::mem::take(&mut self.said);
        heard.push(Heard::Final { text, confidence: self.confidence.take() });
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Answer {
    Results {
        channel: Channel,
        #[serde(default)]
        is_final: bool,
        #[serde(default)]
        speech_final: bool,
        #[serde(default)]
        from_finalize: bool,
    },
    SpeechStarted,
    UtteranceEnd,
    Metadata,
    Error {
        #[serde(default)]
        description: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    transcript: String,
    #[serde(default)]
    confidence: Option<f32>,
}

impl Protocol for Deepgram {
    fn format(&self) -> AudioFormat {
        self.format
    }

    fn open(&mut self, _call: &CallFacts) -> Vec<Frame> {
        Vec::new()
    }

    fn audio(&mut self, _begins_ms: u64, piece: &[u8]) -> Frame {
        Frame::Binary(piece.to_vec())
    }

    fn end_of_speech(&mut self) -> Option<Frame> {
        Some(Frame::Text(json!({ "type": "Finalize" }).to_string()))
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        Some(Frame::Text(json!({ "type": "KeepAlive" }).to_string()))
    }

    fn close(&mut self) -> Vec<Frame> {
        vec![Frame::Text(json!({ "type": "CloseStream" }).to_string())]
    }

    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault> {
        match json(NAME, frame)? {
            Answer::Results { channel, is_final, speech_final, from_finalize } => {
                let Some(best) = channel.alternatives.into_iter().next() else {
                    return Err(ProtocolFault::rubbish(NAME, "results without an alternative"));
                };
                if !is_final {
                    if !best.transcript.is_empty() {
                        let so_far = format!("{} {}", self.said, best.transcript);
                        heard.push(Heard::Partial(so_far.trim().to_owned()));
                    }
                    return Ok(());
                }
                if !best.transcript.is_empty() {
                    if !self.said.is_empty() {
                        self.said.push(' ');
                    }
                    self.said.push_str(&best.transcript);
                    self.confidence = best.confidence;
                }
                if speech_final || from_finalize {
                    self.finish(heard);
                }
            }
            Answer::UtteranceEnd if !self.said.is_empty() => self.finish(heard),
            Answer::SpeechStarted => heard.push(Heard::SpeechBegan),
            Answer::Error { description } => return Err(ProtocolFault::refused(NAME, &description)),
            Answer::UtteranceEnd | Answer::Metadata | Answer::Other => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(text: &str, is_final: bool, speech_final: bool) -> String {
        json!({ "type": "Results", "is_final": is_final, "speech_final": speech_final,
            "channel": { "alternatives": [{ "transcript": text, "confidence": 0.9, "words": [] }] } })
        .to_string()
    }

    #[test]
    fn pieces_of_an_utterance_are_joined() {
        let mut deepgram = Deepgram::new(AudioFormat::Mulaw);
        let mut heard = Vec::new();
        for text in [
            r#"{"type":"Metadata","request_id":"x"}"#.to_owned(),
            r#"{"type":"SpeechStarted","channel":[0],"timestamp":1.0}"#.to_owned(),
            result("I would", false, false),
            result("I would like", true, false),
            result("the red", false, false),
            result("the red one", true, true),
            r#"{"type":"UtteranceEnd","channel":[0,1]}"#.to_owned(),
            r#"{"type":"SomethingNew"}"#.to_owned(),
        ] {
            deepgram.read(Incoming::Text(&text), &mut heard).expect("good");
        }
        let partial = |text: &str| Heard::Partial(text.to_owned());
        let end = Heard::Final { text: "I would like the red one".to_owned(), confidence: Some(0.9) };
        assert_eq!(heard, [Heard::SpeechBegan, partial("I would"), partial("I would like the red"), end]);
    }

    #[test]
    fn the_address_says_what_the_audio_is() {
        let call = CallFacts { language: "en".into(), phrases: vec!["Peal".into()], ..CallFacts::default() };
        let query = Deepgram::new(AudioFormat::Linear16).query(&call, 500);
        for pair in
            [("encoding", "linear16"), ("sample_rate", "16000"), ("endpointing", "500"), ("keyterm", "Peal")]
        {
            assert!(query.contains(&(pair.0, pair.1.to_owned())), "{pair:?} in {query:?}");
        }
    }

    #[test]
    fn rubbish_and_refusals_are_faults() {
        let mut deepgram = Deepgram::new(AudioFormat::Mulaw);
        for text in ["", "{}", r#"{"type":"Results"}"#, r#"{"type":"Results","channel":{"alternatives":[]}}"#]
        {
            assert!(matches!(
                deepgram.read(Incoming::Text(text), &mut Vec::new()),
                Err(ProtocolFault::Rubbish { .. })
            ));
        }
        let refused =
            deepgram.read(Incoming::Text(r#"{"type":"Error","description":"no credit"}"#), &mut Vec::new());
        assert_eq!(refused, Err(ProtocolFault::refused(NAME, "no credit")));
    }
}
