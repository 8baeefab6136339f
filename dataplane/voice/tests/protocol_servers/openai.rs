//! OpenAI's `/v1/realtime`, from its reference of client and server events and its guides to realtime transcription and conversations
//! (developers.openai.com, the general release).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::protocol_servers::{KEY, Wire, event, object};

/// Models that write down, and what they take beside `model`.
const TRANSCRIBERS: &[(&str, &[&str])] = &[
    ("whisper-1", &["language", "prompt"]),
    ("gpt-4o-transcribe", &["language", "prompt"]),
    ("gpt-4o-mini-transcribe", &["language", "prompt"]),
    ("gpt-4o-transcribe-diarize", &["language"]),
    ("gpt-realtime-whisper", &["language", "delay"]),
    ("gpt-transcribe", &["languages", "keywords"]),
    ("gpt-live-transcribe", &["languages", "keywords"]),
];
const VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];
/// μ-law at 8 kHz: bytes of a millisecond.
const A_MS: usize = 8;
/// The least that can be committed.
const COMMIT_MS_MIN: usize = 100;

pub struct OpenAi {
    listener: TcpListener,
    /// The parameters that its address has to have.
    query: (&'static str, &'static str),
}

/// What a message of the session asked for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// The session was set up; what it was set to.
    Update(Value),
    /// Bytes of audio, all of the same value; the first.
    Append(usize, u8),
    /// Audio was committed: the name of its item.
    Commit(String),
    /// There was less than 100 ms to be committed, and it was told so.
    CommitOfNothing,
    Respond,
    /// An item of the model's was cut to so many milliseconds.
    Truncate(String, u64),
    /// It closed the connection, or broke it.
    Gone,
}

impl OpenAi {
    /// One that transcribes.
    pub async fn transcribing() -> Self {
        Self::with(("intent", "transcription")).await
    }

    /// One that answers by itself.
    pub async fn conversing() -> Self {
        Self::with(("model", "gpt-realtime")).await
    }

    async fn with(query: (&'static str, &'static str)) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports"), query }
    }

    pub fn url(&self) -> String {
        let (name, value) = self.query;
        format!("ws://{}/v1/realtime?{name}={value}", self.listener.local_addr().expect("bound"))
    }

    pub async fn accept(&self) -> Session {
        let (mut wire, query) = Wire::accept(&self.listener, &format!("Bearer {KEY}"), "/v1/realtime").await;
        let (name, value) = self.query;
        assert_eq!(query, [(name.to_owned(), value.to_owned())], "the parameters of the address");
        let kind = if name == "intent" { "transcription" } else { "realtime" };
        let created = json!({ "type": "session.created", "event_id": "event_0", "session": { "type": kind, "id": "sess_0" } });
        wire.send(created).await;
        Session { wire, kind, is_set_up: false, buffered: 0, items: 0, said: Vec::new(), events: 0 }
    }
}

/// One connection.
pub struct Session {
    wire: Wire,
    kind: &'static str,
    is_set_up: bool,
    /// Bytes in the input audio buffer.
    buffered: usize,
    items: usize,
    /// Items of the model's own, and how many bytes of audio each has.
    said: Vec<(String, usize)>,
    events: usize,
}

impl Session {
    /// The session's next message, checked and answered.
    pub async fn next(&mut self) -> Asked {
        let text = match self.wire.next().await {
            None => return Asked::Gone,
            Some(Message::Text(text)) => text,
            Some(other) => panic!("a frame that is no text: {other:?}"),
        };
        let (kind, event) = event(&text);
        let fields: &[&str] = match kind.as_str() {
            "session.update" => &["type", "session"],
            "input_audio_buffer.append" => &["type", "audio"],
            "input_audio_buffer.commit" | "response.create" => &["type"],
            "conversation.item.truncate" => &["type", "item_id", "content_index", "audio_end_ms"],
            _ => panic!("an unknown message `{kind}`"),
        };
        object(&kind, &event, fields, &["event_id"]);
        let is_name = |name: &Value| name.as_str().is_some_and(|name| !name.is_empty() && name.len() <= 512);
        assert!(event.get("event_id").is_none_or(is_name), "an `event_id` that is none: {event}");
        assert!(self.is_set_up || kind == "session.update", "`{kind}` before the session was set up");
        match kind.as_str() {
            "session.update" => self.update(event["session"].clone()).await,
            "input_audio_buffer.append" => self.append(&event),
            "input_audio_buffer.commit" => self.commit(&event).await,
            "response.create" => {
                assert_eq!(self.kind, "realtime", "a session that transcribes has no responses");
                Asked::Respond
            }
            _ => self.truncate(&event).await,
        }
    }

    async fn update(&mut self, session: Value) -> Asked {
        match self.kind {
            "transcription" => check_transcription(&session),
            _ => check_realtime(&session),
        }
        assert!(!self.is_set_up, "the session is set up twice");
        self.is_set_up = true;
        self.send(json!({ "type": "session.updated", "session": session })).await;
        Asked::Update(session)
    }

    fn append(&mut self, event: &Value) -> Asked {
        let audio = event["audio"].as_str().unwrap_or_else(|| panic!("`audio` is no text"));
        let audio = STANDARD.decode(audio).unwrap_or_else(|error| panic!("`audio` is no base64: {error}"));
        assert!((1..=15 << 20).contains(&audio.len()), "{} bytes of audio at once", audio.len());
        self.buffered += audio.len();
        Asked::Append(audio.len(), audio[0])
    }

    async fn commit(&mut self, event: &Value) -> Asked {
        assert_eq!(self.kind, "transcription", "the server itself commits where it finds the turns");
        let ms = self.buffered / A_MS;
        if ms < COMMIT_MS_MIN {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {ms}.00ms of audio."
            );
            self.error("input_audio_buffer_commit_empty", &message, event).await;
            return Asked::CommitOfNothing;
        }
        Asked::Commit(self.take_turn().await)
    }

    /// Audio becomes an item of the conversation, as when it is committed.
    async fn take_turn(&mut self) -> String {
        self.buffered = 0;
        self.items += 1;
        let id = format!("item_{}", self.items);
        let before = (self.items > 1).then(|| format!("item_{}", self.items - 1));
        self.send(
            json!({ "type": "input_audio_buffer.committed", "item_id": id, "previous_item_id": before }),
        )
        .await;
        let content = [json!({ "type": "input_audio", "transcript": null })];
        let item =
            json!({ "id": id, "type": "message", "status": "completed", "role": "user", "content": content });
        for kind in ["conversation.item.added", "conversation.item.done"] {
            self.send(json!({ "type": kind, "item": item, "previous_item_id": before })).await;
        }
        id
    }

    async fn truncate(&mut self, event: &Value) -> Asked {
        assert_eq!(event["content_index"], 0, "the audio is the first content of an item");
        let id = event["item_id"].as_str().unwrap_or_else(|| panic!("`item_id` is no text"));
        let end_ms = event["audio_end_ms"].as_u64().unwrap_or_else(|| panic!("`audio_end_ms` is no number"));
        let said = self.said.iter().find(|(known, _)| known == id);
        let (_, bytes) = said.unwrap_or_else(|| panic!("`{id}` is no item of the model"));
        assert!(end_ms as usize <= bytes / A_MS, "`{id}` is no longer than {} ms", bytes / A_MS);
        self.send(json!({
            "type": "conversation.item.truncated", "item_id": id, "content_index": 0, "audio_end_ms": end_ms,
        }))
        .await;
        Asked::Truncate(id.to_owned(), end_ms)
    }

    /// An error about one of the session's messages, or (null) about none.
    pub async fn error(&mut self, code: &str, message: &str, about: &Value) {
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": message, "param": null,
            "event_id": about["event_id"],
        });
        self.send(json!({ "type": "error", "error": error })).await;
    }

    /// What was said in a committed item, in these pieces.
    pub async fn transcribe(&mut self, item: &str, deltas: &[&str]) {
        const EVENT: &str = "conversation.item.input_audio_transcription";
        for delta in deltas {
            self.send(json!({
                "type": format!("{EVENT}.delta"), "item_id": item, "content_index": 0, "delta": delta,
            }))
            .await;
        }
        self.send(json!({
            "type": format!("{EVENT}.completed"), "item_id": item, "content_index": 0,
            "transcript": deltas.concat(), "usage": { "type": "duration", "seconds": 1 },
        }))
        .await;
    }

    pub async fn fail_to_transcribe(&mut self, item: &str, code: &str) {
        self.send(json!({
            "type": "conversation.item.input_audio_transcription.failed", "item_id": item, "content_index": 0,
            "error": { "type": "transcription_error", "code": code, "message": "no words" },
        }))
        .await;
    }

    /// It finds that the callee speaks, which stops what it says itself.
    pub async fn speech_started(&mut self) {
        let id = format!("item_{}", self.items + 1);
        self.send(
            json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": id }),
        )
        .await;
    }

    /// It finds that the callee has finished. The answer is the name of the item.
    pub async fn speech_stopped(&mut self) -> String {
        let id = format!("item_{}", self.items + 1);
        self.send(json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": id }))
            .await;
        self.take_turn().await
    }

    /// A response of its own: so many pieces of 100 ms, and what they say. It comes at once, sooner than anybody can hear it.
    pub async fn say(&mut self, item: &str, pieces: usize, words: &str) {
        let response =
            json!({ "object": "realtime.response", "id": format!("resp_{item}"), "status": "in_progress" });
        let place =
            json!({ "response_id": response["id"], "item_id": item, "output_index": 0, "content_index": 0 });
        let with = |kind: &str, more: Value| {
            let mut event = place.clone();
            event["type"] = kind.into();
            for (name, value) in more.as_object().expect("an object") {
                event[name] = value.clone();
            }
            event
        };
        self.send(json!({ "type": "response.created", "response": response })).await;
        let added = json!({ "id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": [] });
        self.send(with("response.output_item.added", json!({ "item": added }))).await;
        self.send(json!({ "type": "conversation.item.added", "item": added, "previous_item_id": null }))
            .await;
        self.send(with(
            "response.content_part.added",
            json!({ "part": { "type": "audio", "transcript": "" } }),
        ))
        .await;
        let piece = STANDARD.encode([0x55; 100 * A_MS]);
        for _ in 0..pieces {
            self.send(with("response.output_audio.delta", json!({ "delta": piece }))).await;
        }
        self.said.push((item.to_owned(), pieces * 100 * A_MS));
        self.send(with("response.output_audio_transcript.delta", json!({ "delta": words }))).await;
        self.send(with("response.output_audio.done", json!({}))).await;
        self.send(with("response.output_audio_transcript.done", json!({ "transcript": words }))).await;
        self.send(
            json!({ "type": "response.done", "response": { "id": response["id"], "status": "completed" } }),
        )
        .await;
        self.send(json!({ "type": "rate_limits.updated", "rate_limits": [] })).await;
    }

    async fn send(&mut self, mut event: Value) {
        self.events += 1;
        event["event_id"] = format!("event_{}", self.events).into();
        self.wire.send(event).await;
    }

    /// It closes the connection, as when a session has lasted too long, or the server fails.
    pub async fn close(self, code: CloseCode) {
        self.wire.close(code, "").await;
    }
}

fn check_transcription(session: &Value) {
    object("session", session, &["type", "audio"], &["include"]);
    assert_eq!(session["type"], "transcription");
    object("audio", &session["audio"], &["input"], &[]);
    let input = &session["audio"]["input"];
    object("input", input, &["format", "transcription", "turn_detection"], &["noise_reduction"]);
    check_format(&input["format"]);
    check_transcriber(&input["transcription"]);
    // The audio has no silence by which the server could find an end.
    assert!(input["turn_detection"].is_null(), "turns are found by whoever commits: {input}");
}

fn check_realtime(session: &Value) {
    let may_have = [
        "include",
        "max_output_tokens",
        "model",
        "prompt",
        "reasoning",
        "tool_choice",
        "tools",
        "tracing",
        "truncation",
    ];
    object("session", session, &["type", "audio", "instructions", "output_modalities"], &may_have);
    assert_eq!(session["type"], "realtime");
    assert!(session["instructions"].is_string());
    assert_eq!(session["output_modalities"], json!(["audio"]));
    object("audio", &session["audio"], &["input", "output"], &[]);
    let (input, output) = (&session["audio"]["input"], &session["audio"]["output"]);
    object("input", input, &["format", "turn_detection"], &["transcription", "noise_reduction"]);
    check_format(&input["format"]);
    if let Some(transcription) = input.get("transcription") {
        check_transcriber(transcription);
    }
    let turns = &input["turn_detection"];
    let may_have = [
        "create_response",
        "interrupt_response",
        "silence_duration_ms",
        "threshold",
        "prefix_padding_ms",
        "idle_timeout_ms",
    ];
    object("turn_detection", turns, &["type"], &may_have);
    assert_eq!(turns["type"], "server_vad");
    assert!(turns["silence_duration_ms"].is_u64() && turns["create_response"] == true, "{turns}");
    object("output", output, &["format", "voice"], &["speed"]);
    check_format(&output["format"]);
    assert!(output["voice"].as_str().is_some_and(|voice| VOICES.contains(&voice)), "{output}");
}

/// Formats are objects, and those of G.711 have no rate.
fn check_format(format: &Value) {
    object("format", format, &["type"], &[]);
    assert_eq!(format["type"], "audio/pcmu", "the audio of these tests");
}

fn check_transcriber(transcription: &Value) {
    let model = transcription["model"].as_str().unwrap_or_else(|| panic!("no model: {transcription}"));
    let known = TRANSCRIBERS.iter().find(|(known, _)| *known == model);
    let (_, takes) = known.unwrap_or_else(|| panic!("`{model}` does not write down"));
    object("transcription", transcription, &["model"], takes);
    let is_language = |language: &Value| {
        language.as_str().is_some_and(|it| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let each = |list: &Value, is_good: &dyn Fn(&Value) -> bool| {
        list.as_array().is_some_and(|list| list.iter().all(is_good))
    };
    for (field, value) in transcription.as_object().expect("an object") {
        let is_good = match field.as_str() {
            "language" => is_language(value),
            "languages" => each(value, &is_language),
            "keywords" => each(value, &Value::is_string),
            _ => value.is_string(),
        };
        assert!(is_good, "`{field}` is not as documented: {value}");
    }
}
