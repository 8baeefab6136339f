//! OpenAI Realtime: transcription, or speech to speech.
//!
//! Source: OpenAI's public description of the Realtime interface's client and server events (the general release, in which formats are
//! objects such as `{"type": "audio/pcmu"}` and audio comes as `response.output_audio.delta`; the older `response.audio.delta` is
//! understood too). No live service was reachable where this was written: it was tried against a server of our own that checks every
//! message.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json};
use crate::AudioFormat;

const NAME: &str = "openai";

/// What a session is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To know what was said.
    Transcription {
        /// The model that writes it down.
        model: String,
    },
    /// To let the model answer by itself.
    Speech {
        /// How it speaks and what it knows.
        instructions: String,
        /// Who speaks.
        voice: String,
        /// The model that writes down what was said; none: it is not written down.
        transcription: Option<String>,
    },
}

/// One session.
#[derive(Debug)]
pub struct OpenAi {
    purpose: Purpose,
    end_silence_ms: u32,
    partial: String,
}

impl OpenAi {
    /// A session in which so much silence ends what was said.
    pub fn new(purpose: Purpose, end_silence_ms: u32) -> Self {
        Self { purpose, end_silence_ms, partial: String::new() }
    }

    fn session(&self, call: &CallFacts) -> Value {
        let format = json!({ "type": "audio/pcmu" });
        let transcription = |model: &str| {
            // They take ISO 639-1, the first part of our tag.
            let language = call.language.split('-').next().unwrap_or_default();
            let mut transcription = json!({ "model": model });
            if !language.is_empty() {
                transcription["language"] = language.into();
            }
            if !call.phrases.is_empty() {
                transcription["prompt"] = call.phrases.join(", ").into();
            }
            transcription
        };
        let mut turns = json!({ "type": "server_vad", "silence_duration_ms": self.end_silence_ms });
        match &self.purpose {
            Purpose::Transcription { model } => json!({
                "type": "transcription",
                "audio": { "input": {
                    "format": format, "transcription": transcription(model), "turn_detection": turns,
                } },
            }),
            Purpose::Speech { instructions, voice, transcription: model } => {
                turns["create_response"] = true.into();
                turns["interrupt_response"] = true.into();
                let mut input = json!({ "format": format, "turn_detection": turns });
                if let Some(model) = model {
                    input["transcription"] = transcription(model);
                }
                json!({
                    "type": "realtime",
                    "instructions": instructions,
                    "output_modalities": ["audio"],
                    "audio": { "input": input, "output": { "format": format, "voice": voice } },
                })
            }
        }
    }
}

#[derive(Deserialize)]
struct ServerEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default)]
    error: Option<ServerError>,
}

#[derive(Deserialize)]
struct ServerError {
    #[serde(default)]
    message: String,
}

impl Protocol for OpenAi {
    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw
    }

    fn open(&mut self, call: &CallFacts) -> Vec<Frame> {
        let update = json!({ "type": "session.update", "session": self.session(call) });
        vec![Frame::Text(update.to_string())]
    }

    fn audio(&mut self, _begins_ms: u64, piece: &[u8]) -> Frame {
        Frame::Text(
            json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(piece) }).to_string(),
        )
    }

    fn close(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault> {
        let event: ServerEvent<'_> = json(NAME, frame)?;
        let missing = |field| ProtocolFault::rubbish(NAME, format!("`{}` without `{field}`", event.kind));
        match &*event.kind {
            "error" | "conversation.item.input_audio_transcription.failed" => {
                let what = event.error.map(|error| error.message).unwrap_or_default();
                return Err(ProtocolFault::refused(NAME, &what));
            }
            "input_audio_buffer.speech_started" => {
                heard.push(Heard::SpeechBegan);
                if matches!(self.purpose, Purpose::Speech { .. }) {
                    // The model is interrupted; what it said and was not heard goes.
                    heard.push(Heard::Clear);
                }
            }
            "conversation.item.input_audio_transcription.delta" => {
                self.partial.push_str(&event.delta.ok_or_else(|| missing("delta"))?);
                heard.push(Heard::Partial(self.partial.clone()));
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.partial.clear();
                let text = event.transcript.ok_or_else(|| missing("transcript"))?;
                heard.push(Heard::Final { text: text.trim().to_owned(), confidence: None });
            }
            "response.output_audio.delta" | "response.audio.delta" => {
                let audio =
                    STANDARD.decode(event.delta.ok_or_else(|| missing("delta"))?).map_err(|error| {
                        ProtocolFault::rubbish(NAME, format!("audio that is not base64: {error}"))
                    })?;
                heard.push(Heard::Audio(audio));
            }
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                heard.push(Heard::Spoken(event.transcript.ok_or_else(|| missing("transcript"))?));
            }
            // Many events tell of steps in between.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech() -> OpenAi {
        let purpose = Purpose::Speech {
            instructions: "Be brief.".into(),
            voice: "marin".into(),
            transcription: Some("gpt-4o-mini-transcribe".into()),
        };
        OpenAi::new(purpose, 500)
    }

    #[test]
    fn a_session_says_what_it_wants() {
        let call = CallFacts { language: "zh-CN".into(), ..CallFacts::default() };
        let [Frame::Text(text)] = &speech().open(&call)[..] else { panic!("one text") };
        let update: Value = serde_json::from_str(text).expect("JSON");
        let session = &update["session"];
        assert_eq!((&update["type"], &session["type"]), (&json!("session.update"), &json!("realtime")));
        assert_eq!(session["audio"]["output"]["format"]["type"], "audio/pcmu");
        assert_eq!(session["audio"]["input"]["transcription"]["language"], "zh");
        assert_eq!(session["audio"]["input"]["turn_detection"]["silence_duration_ms"], 500);
        let transcription =
            OpenAi::new(Purpose::Transcription { model: "whisper-1".into() }, 700).session(&call);
        assert_eq!(transcription["type"], "transcription");
        assert!(transcription["audio"].get("output").is_none());
    }

    #[test]
    fn audio_is_appended() {
        let Frame::Text(text) = speech().audio(0, &[0xFF; 3]) else { panic!("text") };
        let append = json!({ "type": "input_audio_buffer.append", "audio": "////" });
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), append);
        assert!(speech().gives_results());
    }

    #[test]
    fn what_it_hears_and_says_is_read() {
        let mut openai = speech();
        let mut heard = Vec::new();
        for text in [
            r#"{"type":"session.created","session":{}}"#,
            r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":10,"item_id":"a"}"#,
            r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"a","delta":"Hel"}"#,
            r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"a","delta":"lo"}"#,
            r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"a","transcript":"Hello.\n"}"#,
            r#"{"type":"response.output_audio.delta","delta":"//8="}"#,
            r#"{"type":"response.output_audio_transcript.done","transcript":"Good day."}"#,
        ] {
            openai.read(Incoming::Text(text), &mut heard).expect("good");
        }
        let expected = [
            Heard::SpeechBegan,
            Heard::Clear,
            Heard::Partial("Hel".into()),
            Heard::Partial("Hello".into()),
            Heard::Final { text: "Hello.".into(), confidence: None },
            Heard::Audio(vec![0xFF; 2]),
            Heard::Spoken("Good day.".into()),
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn rubbish_and_refusals_are_faults() {
        let mut openai = speech();
        for text in [
            "",
            "{}",
            r#"{"type":"response.output_audio.delta"}"#,
            r#"{"type":"response.output_audio.delta","delta":"?"}"#,
            r#"{"type":"conversation.item.input_audio_transcription.completed"}"#,
        ] {
            let read = openai.read(Incoming::Text(text), &mut Vec::new());
            assert!(matches!(read, Err(ProtocolFault::Rubbish { .. })), "{text}");
        }
        let error = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad\nkey"}}"#;
        let refused = openai.read(Incoming::Text(error), &mut Vec::new());
        assert_eq!(refused, Err(ProtocolFault::refused(NAME, "badkey")));
    }
}
