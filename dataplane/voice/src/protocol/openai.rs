//! OpenAI Realtime: transcription, or speech to speech.
//!
//! Source: OpenAI's public description of the Realtime interface's client and server events (the general release, in which formats are
//! objects such as `{"type": "audio/pcmu"}` and audio comes as `response.output_audio.delta`; the older `response.audio.delta` is
//! understood too). No live service was reachable where this was written: it was tried against a server of our own that checks every
//! message (`tests/protocol_servers/openai.rs`).
//!
//! Where it transcribes, it hears speech only, without the silence by which it could find an end: it is told to look for none, and the
//! end of speech commits what it has heard. Where it answers by itself, it hears everything and finds the end itself.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json};
use crate::AudioFormat;

const NAME: &str = "openai";

/// Answers whose audio may still be on its way to the callee; of older ones it is believed that they were heard.
const ITEMS_MAX: usize = 32;
/// Longest name of an answer, in bytes.
const ITEM_NAME_MAX: usize = 256;
/// Names of our events of which a refusal changes nothing: the greeting when the callee was quicker, and the cut when there is nothing
/// left to cut.
const GREETING: &str = "greeting";
const CUT: &str = "cut";
/// Name of our event that asks for what was said.
const COMMIT: &str = "commit";
/// Their code for a commit of less than 100 ms of audio.
const NOTHING_TO_COMMIT: &str = "input_audio_buffer_commit_empty";
/// Their code for audio in which there are no words.
const UNINTELLIGIBLE: &str = "audio_unintelligible";

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
        /// It speaks without being spoken to.
        speaks_first: bool,
        /// So much silence ends what the callee says, milliseconds.
        end_silence_ms: u32,
    },
}

/// One session.
#[derive(Debug)]
pub struct OpenAi {
    purpose: Purpose,
    /// Answers of the model since the beginning, or since the last silence.
    items: VecDeque<Item>,
    /// Samples of the answers before them.
    before: u64,
}

/// An answer of the model, as far as its audio has come.
#[derive(Debug)]
struct Item {
    id: String,
    content: u32,
    samples: u64,
}

impl OpenAi {
    /// A session for this.
    pub fn new(purpose: Purpose) -> Self {
        Self { purpose, items: VecDeque::new(), before: 0 }
    }

    fn session(&self, call: &CallFacts) -> Value {
        let format = json!({ "type": "audio/pcmu" });
        match &self.purpose {
            Purpose::Transcription { model } => json!({
                "type": "transcription",
                "audio": { "input": {
                    "format": format, "transcription": transcription(model, call), "turn_detection": null,
                } },
            }),
            Purpose::Speech { instructions, voice, transcription: model, end_silence_ms, .. } => {
                let (instructions, voice) = told(instructions, voice, &call.parameters);
                let turns = json!({
                    "type": "server_vad", "silence_duration_ms": end_silence_ms,
                    "create_response": true, "interrupt_response": true,
                });
                let mut input = json!({ "format": format, "turn_detection": turns });
                if let Some(model) = model {
                    input["transcription"] = transcription(model, call);
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

impl OpenAi {
    fn audio_came(&mut self, id: &str, content: u32, samples: usize) -> Result<(), ProtocolFault> {
        if id.is_empty() {
            return Ok(());
        }
        if let Some(item) = self.items.back_mut().filter(|item| item.id == id && item.content == content) {
            item.samples += samples as u64;
            return Ok(());
        }
        if id.len() > ITEM_NAME_MAX {
            return Err(ProtocolFault::rubbish(
                NAME,
                format!("an answer with a name of more than {ITEM_NAME_MAX} bytes"),
            ));
        }
        if self.items.len() == ITEMS_MAX {
            self.before += self.items.pop_front().map_or(0, |item| item.samples);
        }
        self.items.push_back(Item { id: id.to_owned(), content, samples: samples as u64 });
        Ok(())
    }
}

/// How what was said is to be written down. What a model does not take is an error, and the session would not be what it should.
fn transcription(model: &str, call: &CallFacts) -> Value {
    let mut transcription = json!({ "model": model });
    // They take ISO 639-1, the first part of our tag.
    let language = call.language.split('-').next().filter(|language| !language.is_empty());
    let hints: Vec<_> = call.hints().collect();
    let is_newer = ["gpt-transcribe", "gpt-live-transcribe"].iter().any(|newer| model.starts_with(newer));
    if is_newer {
        if let Some(language) = language {
            transcription["languages"] = json!([language]);
        }
        if !hints.is_empty() {
            transcription["keywords"] = hints.into();
        }
        return transcription;
    }
    if let Some(language) = language {
        transcription["language"] = language.into();
    }
    let takes_prompt = !model.contains("diarize") && !model.starts_with("gpt-realtime-whisper");
    if takes_prompt && !hints.is_empty() {
        transcription["prompt"] = hints.join(", ").into();
    }
    transcription
}

/// The instructions and the voice for one call: `instructions` and `voice` among the parameters take the place of those at hand, the others
/// are told with the instructions.
fn told(instructions: &str, voice: &str, parameters: &[(String, String)]) -> (String, String) {
    let parameter = |name: &str, otherwise: &str| {
        let given = parameters.iter().find(|(known, _)| known == name);
        given.map_or(otherwise, |(_, value)| value).to_owned()
    };
    let mut told = parameter("instructions", instructions);
    for (name, value) in parameters.iter().filter(|(name, _)| name != "instructions" && name != "voice") {
        told += &format!("\n{name}: {value}");
    }
    (told, parameter("voice", voice))
}

#[derive(Deserialize)]
struct ServerEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default, borrow)]
    item_id: Option<Cow<'a, str>>,
    #[serde(default)]
    content_index: u32,
    #[serde(default)]
    error: Option<ServerError>,
}

#[derive(Default, Deserialize)]
struct ServerError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    event_id: Option<String>,
}

impl ServerError {
    /// It says that there was nothing to commit. Servers like theirs name the event, not always the reason.
    fn is_of_empty_commit(&self) -> bool {
        self.code.as_deref() == Some(NOTHING_TO_COMMIT)
            || self.event_id.as_deref() == Some(COMMIT) && self.message.contains("buffer too small")
    }
}

impl Protocol for OpenAi {
    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw
    }

    fn open(&mut self, call: &CallFacts) -> Vec<Frame> {
        let update = json!({ "type": "session.update", "session": self.session(call) });
        let mut frames = vec![Frame::Text(update.to_string())];
        if let Purpose::Speech { speaks_first: true, .. } = self.purpose {
            let begin = json!({ "type": "response.create", "event_id": GREETING });
            frames.push(Frame::Text(begin.to_string()));
        }
        frames
    }

    fn audio(&mut self, _begins_ms: u64, piece: &[u8]) -> Frame {
        Frame::Text(
            json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(piece) }).to_string(),
        )
    }

    fn end_of_speech(&mut self) -> Option<Frame> {
        let commit = json!({ "type": "input_audio_buffer.commit", "event_id": COMMIT });
        self.gives_results().then(|| Frame::Text(commit.to_string()))
    }

    fn gives_results(&self) -> bool {
        matches!(self.purpose, Purpose::Transcription { .. })
    }

    /// The model takes all of its answer as heard unless it is told.
    fn silenced(&mut self, heard: Duration) -> Vec<Frame> {
        let heard = u64::try_from(heard.as_micros()).unwrap_or(u64::MAX) / 125;
        let mut heard = heard.saturating_sub(std::mem::take(&mut self.before));
        let mut frames = Vec::new();
        for Item { id, content, samples } in self.items.drain(..) {
            if heard < samples {
                let cut = json!({
                    "type": "conversation.item.truncate", "event_id": CUT,
                    "item_id": id, "content_index": content, "audio_end_ms": heard / 8,
                });
                frames.push(Frame::Text(cut.to_string()));
            }
            heard = heard.saturating_sub(samples);
        }
        frames
    }

    fn close(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault> {
        let event: ServerEvent<'_> = json(NAME, frame)?;
        let missing = |field| ProtocolFault::rubbish(NAME, format!("`{}` without `{field}`", event.kind));
        match &*event.kind {
            "error" => {
                let error = event.error.ok_or_else(|| missing("error"))?;
                if self.gives_results() && error.is_of_empty_commit() {
                    heard.push(Heard::Final { text: String::new(), confidence: None });
                } else if !matches!(error.event_id.as_deref(), Some(GREETING | CUT)) {
                    return Err(ProtocolFault::refused(NAME, &error.message));
                }
            }
            // A model that answers by itself has heard it all the same.
            "conversation.item.input_audio_transcription.failed" if self.gives_results() => {
                let error = event.error.unwrap_or_default();
                if error.code.as_deref() != Some(UNINTELLIGIBLE) {
                    return Err(ProtocolFault::refused(NAME, &error.message));
                }
                heard.push(Heard::Final { text: String::new(), confidence: None });
            }
            "input_audio_buffer.speech_started" => {
                heard.push(Heard::SpeechBegan);
                if matches!(self.purpose, Purpose::Speech { .. }) {
                    // The model is interrupted; what it said and was not heard goes.
                    heard.push(Heard::Clear);
                }
            }
            "conversation.item.input_audio_transcription.delta" => {
                heard.extend(event.delta.map(Heard::Partial));
            }
            "conversation.item.input_audio_transcription.completed" => {
                let text = event.transcript.ok_or_else(|| missing("transcript"))?;
                heard.push(Heard::Final { text: text.trim().to_owned(), confidence: None });
            }
            "response.output_audio.delta" | "response.audio.delta" => {
                let audio =
                    STANDARD.decode(event.delta.ok_or_else(|| missing("delta"))?).map_err(|error| {
                        ProtocolFault::rubbish(NAME, format!("audio that is not base64: {error}"))
                    })?;
                let id = event.item_id.unwrap_or_default();
                self.audio_came(&id, event.content_index, audio.len())?;
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
            speaks_first: false,
            end_silence_ms: 500,
        };
        OpenAi::new(purpose)
    }

    fn transcriber(model: &str) -> OpenAi {
        OpenAi::new(Purpose::Transcription { model: model.into() })
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
        let transcription = transcriber("whisper-1").session(&call);
        let input = json!({
            "format": { "type": "audio/pcmu" },
            "transcription": { "model": "whisper-1", "language": "zh" },
            "turn_detection": null,
        });
        assert_eq!(transcription, json!({ "type": "transcription", "audio": { "input": input } }));
    }

    #[test]
    fn each_model_is_told_what_it_takes() {
        let phrases = ["red", "green", "别再打"].map(str::to_owned).to_vec();
        let call = CallFacts { language: "en-GB".into(), phrases, likely: 2, ..CallFacts::default() };
        for (model, takes) in [
            ("gpt-4o-transcribe", json!({ "language": "en", "prompt": "red, green" })),
            ("gpt-4o-transcribe-diarize", json!({ "language": "en" })),
            ("gpt-realtime-whisper", json!({ "language": "en" })),
            ("gpt-live-transcribe", json!({ "languages": ["en"], "keywords": ["red", "green"] })),
        ] {
            let mut told = transcription(model, &call);
            told.as_object_mut().expect("an object").remove("model");
            assert_eq!(told, takes, "{model}");
        }
    }

    #[test]
    fn what_was_said_is_asked_for_and_may_be_nothing() {
        assert_eq!(speech().end_of_speech(), None, "it finds the end itself");
        let mut openai = transcriber("whisper-1");
        let Some(Frame::Text(commit)) = openai.end_of_speech() else { panic!("text") };
        let expected = json!({ "type": "input_audio_buffer.commit", "event_id": "commit" });
        assert_eq!(serde_json::from_str::<Value>(&commit).expect("JSON"), expected);
        let mut read = |error: Value| {
            let mut heard = Vec::new();
            let text = json!({ "type": "error", "error": error }).to_string();
            openai.read(Incoming::Text(&text), &mut heard).map(|()| heard)
        };
        let nothing = [Heard::Final { text: String::new(), confidence: None }];
        let empty = json!({ "code": "input_audio_buffer_commit_empty", "message": "m", "event_id": null });
        assert_eq!(read(empty).as_deref(), Ok(&nothing[..]));
        let uncoded =
            json!({ "message": "Error: buffer too small, or have no audio.", "event_id": "commit" });
        assert_eq!(read(uncoded).as_deref(), Ok(&nothing[..]));
        read(json!({ "message": "no credit", "event_id": "commit" })).expect_err("nothing comes of it");
    }

    #[test]
    fn audio_is_appended() {
        let Frame::Text(text) = speech().audio(0, &[0xFF; 3]) else { panic!("text") };
        let append = json!({ "type": "input_audio_buffer.append", "audio": "////" });
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), append);
        assert!(!speech().gives_results(), "a model that answers would hear it twice");
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
            Heard::Partial("lo".into()),
            Heard::Final { text: "Hello.".into(), confidence: None },
            Heard::Audio(vec![0xFF; 2]),
            Heard::Spoken("Good day.".into()),
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn what_was_not_heard_is_cut() {
        let mut openai = speech();
        let mut audio = |item: &str, samples: usize| {
            let delta = STANDARD.encode(vec![0xFF; samples]);
            let text = json!({ "type": "response.output_audio.delta", "item_id": item, "content_index": 0, "delta": delta });
            openai.read(Incoming::Text(&text.to_string()), &mut Vec::new()).expect("good");
        };
        audio("a", 8_000);
        audio("b", 4_000);
        audio("b", 4_000);
        audio("c", 800);
        let cuts = |openai: &mut OpenAi, ms| -> Vec<(String, u64)> {
            let frames = openai.silenced(Duration::from_millis(ms));
            let cut = frames.iter().map(|frame| {
                let Frame::Text(text) = frame else { panic!("text") };
                let cut: Value = serde_json::from_str(text).expect("JSON");
                assert_eq!(cut["type"], "conversation.item.truncate");
                (
                    cut["item_id"].as_str().expect("a name").to_owned(),
                    cut["audio_end_ms"].as_u64().expect("ms"),
                )
            });
            cut.collect()
        };
        assert_eq!(cuts(&mut openai, 1_200), [("b".to_owned(), 200), ("c".to_owned(), 0)]);
        assert!(cuts(&mut openai, 0).is_empty(), "places begin anew");
        let mut audio = |item: &str| {
            let delta = STANDARD.encode([0xFF; 800]);
            let text = json!({ "type": "response.output_audio.delta", "item_id": item, "delta": delta });
            openai.read(Incoming::Text(&text.to_string()), &mut Vec::new()).expect("good");
        };
        (0..=ITEMS_MAX).for_each(|n| audio(&n.to_string()));
        assert_eq!(cuts(&mut openai, 3_250), [(ITEMS_MAX.to_string(), 50)]);
        for refused in ["cut", "greeting"] {
            let error = json!({ "type": "error", "error": { "message": "no", "event_id": refused } });
            openai.read(Incoming::Text(&error.to_string()), &mut Vec::new()).expect("nothing is lost");
        }
        let failed =
            r#"{"type":"conversation.item.input_audio_transcription.failed","error":{"message":"no"}}"#;
        openai.read(Incoming::Text(failed), &mut Vec::new()).expect("it has heard it all the same");
    }

    #[test]
    fn a_call_has_instructions_of_its_own() {
        let parameters = [("instructions", "Sell."), ("name", "Ann"), ("voice", "cedar")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let session = speech().session(&CallFacts { parameters, ..CallFacts::default() });
        assert_eq!(session["instructions"], "Sell.\nname: Ann");
        assert_eq!(session["audio"]["output"]["voice"], "cedar");
        let purpose = Purpose::Speech {
            instructions: String::new(),
            voice: "marin".into(),
            transcription: None,
            speaks_first: true,
            end_silence_ms: 500,
        };
        let frames = OpenAi::new(purpose).open(&CallFacts::default());
        assert!(matches!(&frames[..], [_, Frame::Text(text)] if text.contains("response.create")));
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
