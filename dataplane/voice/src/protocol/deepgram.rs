//! Deepgram live transcription (`/v1/listen`): audio in binary frames, results in JSON.
//!
//! Source: Deepgram's public reference of the streaming interface. What the audio is stands in the address ([`Deepgram::address`]); the
//! key goes into the `Authorization` header. No live service was reachable where this was written: it was tried against a server of our
//! own that checks every message (`tests/protocol_servers/deepgram.rs`).
//!
//! `Finalize` asks for the last word, and Deepgram promises none if it has hardly any audio left. `CloseStream` is always answered: words
//! that were final and still belong to an utterance that goes on are told then, with its `Metadata`.

use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json, say_more};
use crate::AudioFormat;

const NAME: &str = "deepgram";

/// One stream.
#[derive(Debug)]
pub struct Deepgram {
    format: AudioFormat,
    /// Final pieces of an utterance that goes on.
    said: String,
    confidence: Option<f32>,
    /// It was asked for what was said, and has not told it.
    is_asked: bool,
}

impl Deepgram {
    /// A stream of this format.
    pub fn new(format: AudioFormat) -> Self {
        Self { format, said: String::new(), confidence: None, is_asked: false }
    }

    /// The address for one call: `url`, and what it does not say itself of the audio and of the answers that are read here. Only models of
    /// the name `nova-3…` take phrases; others refuse the connection, and so does the one that is used where `url` names none.
    ///
    /// What is no URL stays as it is: connecting fails, and says why.
    pub fn address(&self, url: &str, call: &CallFacts, end_silence_ms: u32) -> String {
        let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
        let encoding = if self.format == AudioFormat::Mulaw { "mulaw" } else { "linear16" };
        let (rate, endpointing) = (self.format.rate().to_string(), end_silence_ms.to_string());
        let ours = [
            ("encoding", encoding),
            ("sample_rate", &rate),
            ("channels", "1"),
            ("interim_results", "true"),
            ("vad_events", "true"),
            ("endpointing", &endpointing),
            ("language", &call.language),
        ];
        let says = |name: &str| url.query_pairs().any(|(said, _)| said == name);
        let missing: Vec<_> =
            ours.into_iter().filter(|(name, value)| !value.is_empty() && !says(name)).collect();
        let takes_phrases =
            url.query_pairs().any(|(name, value)| name == "model" && value.starts_with("nova-3"));
        let phrases = call.hints().filter(|_| takes_phrases).map(|phrase| ("keyterm", phrase));
        url.query_pairs_mut().extend_pairs(missing).extend_pairs(phrases);
        url.into()
    }

    fn finish(&mut self, heard: &mut Vec<Heard>) {
        self.is_asked = false;
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
        self.is_asked = true;
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
                if from_finalize && !self.is_asked {
                    // It had found the end by itself meanwhile. What comes after that is of no answer.
                    return Ok(());
                }
                if !is_final {
                    if !best.transcript.is_empty() {
                        heard.push(Heard::Partial(best.transcript));
                    }
                    return Ok(());
                }
                if !best.transcript.is_empty() {
                    if !self.said.is_empty() {
                        say_more(&mut self.said, " ");
                    }
                    say_more(&mut self.said, &best.transcript);
                    self.confidence = best.confidence;
                }
                if speech_final || from_finalize {
                    self.finish(heard);
                }
            }
            Answer::UtteranceEnd | Answer::Metadata if !self.said.is_empty() => self.finish(heard),
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
        assert_eq!(heard, [Heard::SpeechBegan, partial("I would"), partial("the red"), end]);
    }

    #[test]
    fn what_comes_after_the_end_that_it_found_itself_is_not_of_the_next_answer() {
        let mut deepgram = Deepgram::new(AudioFormat::Mulaw);
        let mut heard = Vec::new();
        let finalized = |text| {
            result(text, true, false).replace(r#""speech_final""#, r#""from_finalize":true,"speech_final""#)
        };
        for (asks, text) in
            [(true, result("yes", true, true)), (false, finalized("hm")), (true, finalized("five"))]
        {
            if asks {
                assert!(deepgram.end_of_speech().is_some());
            }
            deepgram.read(Incoming::Text(&text), &mut heard).expect("good");
        }
        let end = |text: &str| Heard::Final { text: text.to_owned(), confidence: Some(0.9) };
        assert_eq!(heard, [end("yes"), end("five")]);
    }

    #[test]
    fn words_without_an_end_are_told_when_the_stream_ends() {
        let mut deepgram = Deepgram::new(AudioFormat::Mulaw);
        let mut heard = Vec::new();
        let metadata = r#"{"type":"Metadata","request_id":"x"}"#.to_owned();
        for text in [metadata.clone(), result("no", true, false), metadata.clone(), metadata] {
            deepgram.read(Incoming::Text(&text), &mut heard).expect("good");
        }
        assert_eq!(heard, [Heard::Final { text: "no".to_owned(), confidence: Some(0.9) }]);
    }

    #[test]
    fn what_is_said_without_end_is_bounded() {
        let mut deepgram = Deepgram::new(AudioFormat::Mulaw);
        let mut heard = Vec::new();
        for _ in 0..100 {
            let text = result(&"喂".repeat(100), true, false);
            deepgram.read(Incoming::Text(&text), &mut heard).expect("good");
        }
        deepgram.read(Incoming::Text(&result("", true, true)), &mut heard).expect("good");
        let [Heard::Final { text, .. }] = &heard[..] else { panic!("{} of them", heard.len()) };
        assert!((8_000..=8_192).contains(&text.len()), "{}", text.len());
    }

    /// The parameters of the address for a call.
    fn query(url: &str, call: &CallFacts) -> Vec<(String, String)> {
        let address = Deepgram::new(AudioFormat::Linear16).address(url, call, 500);
        Url::parse(&address).expect("a URL").query_pairs().into_owned().collect()
    }

    fn call(phrases: &[&str], likely: usize) -> CallFacts {
        let phrases = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
        CallFacts { language: "en".into(), phrases, likely, ..CallFacts::default() }
    }

    #[test]
    fn the_address_says_what_the_audio_is() {
        let query = query("wss://x/v1/listen?model=nova-3&language=multi", &call(&["Peal & Co", "是"], 1));
        let expected = [
            ("model", "nova-3"),
            ("language", "multi"),
            ("encoding", "linear16"),
            ("sample_rate", "16000"),
            ("channels", "1"),
            ("interim_results", "true"),
            ("vad_events", "true"),
            ("endpointing", "500"),
            ("keyterm", "Peal & Co"),
        ];
        assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn phrases_are_those_that_fit() {
        let terms = |url: &str, call: &CallFacts| {
            query(url, call).iter().filter(|(name, _)| name == "keyterm").count()
        };
        let nova = "wss://x/v1/listen?model=nova-3";
        let long = "喂".repeat(100);
        assert_eq!(terms(nova, &call(&["short"; 200], 200)), 50);
        assert_eq!(terms(nova, &call(&[long.as_str(); 4], 4)), 3);
        assert_eq!(
            terms(nova, &call(&[&long, &"喂".repeat(201), "yes"], 3)),
            2,
            "what follows may still fit"
        );
        for other in ["wss://x/v1/listen", "wss://x/v1/listen?model=nova-2"] {
            assert_eq!(terms(other, &call(&["short"], 1)), 0, "{other}");
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
