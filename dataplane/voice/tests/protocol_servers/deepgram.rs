//! Deepgram's `/v1/listen`, from its reference of the streaming interface (developers.deepgram.com: Live Audio, Finalize, Close Stream, Audio
//! Keep Alive, Keyterm Prompting).

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::protocol_servers::{KEY, Wire, event, object};

/// Parameters of the address that the reference knows.
const PARAMETERS: &[&str] = &[
    "callback",
    "callback_method",
    "channels",
    "detect_entities",
    "diarize",
    "diarize_model",
    "dictation",
    "encoding",
    "endpointing",
    "extra",
    "interim_results",
    "keyterm",
    "keywords",
    "language",
    "mip_opt_out",
    "model",
    "multichannel",
    "numerals",
    "profanity_filter",
    "punctuate",
    "redact",
    "replace",
    "sample_rate",
    "search",
    "smart_format",
    "tag",
    "utterance_end_ms",
    "vad_events",
    "version",
];
/// Those of them that may come more than once.
const REPEATED: &[&str] = &["extra", "keyterm", "keywords", "redact", "replace", "search", "tag"];
const ENCODINGS: &[&str] = &[
    "linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729",
];
/// What a request may have of `keyterm`.
const TERMS_MAX: usize = 100;
const TERM_TOKENS_MAX: usize = 500;

pub struct Deepgram {
    listener: TcpListener,
}

/// A message of the session.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// Bytes of audio, all of the same value; the first.
    Audio(usize, u8),
    KeepAlive,
    Finalize,
    CloseStream,
    /// It closed the connection, or broke it.
    Gone,
}

impl Deepgram {
    pub async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports") }
    }

    pub fn url(&self, query: &str) -> String {
        format!("ws://{}/v1/listen?{query}", self.listener.local_addr().expect("bound"))
    }

    pub async fn accept(&self) -> Stream {
        let (wire, query) = Wire::accept(&self.listener, &format!("Token {KEY}"), "/v1/listen").await;
        Stream { wire, sample_bytes: check(&query), query, is_closing: false }
    }

    /// A connection that breaks before its handshake.
    pub async fn refuse(&self) {
        drop(self.listener.accept().await.expect("a connection"));
    }
}

/// Checks the parameters of an address. The answer is how many bytes a sample has.
fn check(query: &[(String, String)]) -> usize {
    for (name, value) in query {
        assert!(PARAMETERS.contains(&name.as_str()), "an unknown parameter `{name}={value}`");
        let times = query.iter().filter(|(other, _)| other == name).count();
        assert!(times == 1 || REPEATED.contains(&name.as_str()), "`{name}` comes {times} times");
        assert!(!value.is_empty(), "`{name}` is empty");
        let is_good = match name.as_str() {
            "interim_results" | "vad_events" | "punctuate" | "smart_format" | "numerals" => {
                ["true", "false"].contains(&value.as_str())
            }
            "endpointing" => value == "false" || value.parse::<u32>().is_ok(),
            "sample_rate" | "channels" => value.parse::<u32>().is_ok_and(|number| number > 0),
            "encoding" => ENCODINGS.contains(&value.as_str()),
            "language" => value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            _ => true,
        };
        assert!(is_good, "`{name}={value}` is not as documented");
    }
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let encoding = value("encoding").expect("raw audio needs its encoding");
    value("sample_rate").expect("`encoding` needs `sample_rate`");
    let terms: Vec<_> = query.iter().filter(|(name, _)| name == "keyterm").map(|(_, term)| term).collect();
    let model = value("model").unwrap_or("base");
    assert!(terms.is_empty() || model.starts_with("nova-3"), "`{model}` takes no `keyterm`");
    // How they count is not public: a token for each Chinese character, and for every three letters of a word.
    let tokens = |term: &str| -> usize {
        let wide = term.chars().filter(|sign| !sign.is_ascii()).count();
        wide + term
            .split(|sign: char| !sign.is_ascii_alphanumeric())
            .map(|word| word.len().div_ceil(3))
            .sum::<usize>()
    };
    let all: usize = terms.iter().map(|term| tokens(term)).sum();
    assert!(terms.len() <= TERMS_MAX && all <= TERM_TOKENS_MAX, "{} terms with {all} tokens", terms.len());
    if encoding.starts_with("linear16") { 2 } else { 1 }
}

/// One connection.
pub struct Stream {
    wire: Wire,
    sample_bytes: usize,
    query: Vec<(String, String)>,
    is_closing: bool,
}

impl Stream {
    /// The values of a parameter.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The session's next message.
    pub async fn next(&mut self) -> Asked {
        let message = self.wire.next().await;
        assert!(message.is_none() || !self.is_closing, "after CloseStream comes {message:?}");
        match message {
            None => Asked::Gone,
            Some(Message::Binary(audio)) => {
                assert!(!audio.is_empty(), "an empty frame of audio, which ends a stream");
                assert_eq!(audio.len() % self.sample_bytes, 0, "half a sample");
                Asked::Audio(audio.len(), audio[0])
            }
            Some(Message::Text(text)) => self.control(&text),
            Some(other) => panic!("a frame that is neither audio nor text: {other:?}"),
        }
    }

    fn control(&mut self, text: &str) -> Asked {
        let (kind, message) = event(text);
        object(&kind, &message, &["type"], if kind == "Finalize" { &["channel"] } else { &[] });
        match kind.as_str() {
            "KeepAlive" => Asked::KeepAlive,
            "Finalize" => Asked::Finalize,
            "CloseStream" => {
                self.is_closing = true;
                Asked::CloseStream
            }
            _ => panic!("an unknown message `{kind}`"),
        }
    }

    /// A result: `flags` are those of `is_final`, `speech_final` and `from_finalize` that are true.
    pub async fn result(&mut self, transcript: &str, flags: &[&str]) {
        let words: Vec<Value> = transcript
            .split_whitespace()
            .map(|word| json!({ "word": word, "start": 0.1, "end": 0.3, "confidence": 0.75 }))
            .collect();
        let confidence = if transcript.is_empty() { 0.0 } else { 0.75 };
        let result = json!({
            "type": "Results", "channel_index": [0, 1], "duration": 0.5, "start": 0.0,
            "is_final": flags.contains(&"is_final"),
            "speech_final": flags.contains(&"speech_final"),
            "from_finalize": flags.contains(&"from_finalize"),
            "channel": { "alternatives": [{ "transcript": transcript, "confidence": confidence, "words": words }] },
            "metadata": {
                "request_id": "8c8ebea9-dbec-45fa-a035-e4632cb05b5f", "model_uuid": "1ed36bac-f71c-4f3f-a31f-02fd6525c489",
                "model_info": { "name": "general-nova-3", "version": "2025-01-09.0", "arch": "nova-3" },
            },
        });
        self.wire.send(result).await;
    }

    pub async fn speech_started(&mut self) {
        self.wire.send(json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.3 })).await;
    }

    pub async fn utterance_end(&mut self) {
        self.wire.send(json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.5 })).await;
    }

    /// What comes after `CloseStream`, behind the last results.
    pub async fn end(mut self) {
        assert!(self.is_closing, "nobody asked");
        let metadata = json!({
            "type": "Metadata", "transaction_key": "deprecated",
            "request_id": "8c8ebea9-dbec-45fa-a035-e4632cb05b5f",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "created": "2024-08-29T22:37:55.202Z", "duration": 0.5, "channels": 1,
        });
        self.wire.send(metadata).await;
        self.wire.close(CloseCode::Normal, "").await;
    }

    /// The error that comes as a message.
    pub async fn error(&mut self, description: &str) {
        self.wire
            .send(json!({ "type": "Error", "description": description, "message": "m", "variant": "v" }))
            .await;
    }

    /// What becomes of a stream without audio or `KeepAlive`, or when the server fails.
    pub async fn break_off(self, reason: &'static str) {
        self.wire.close(CloseCode::Error, reason).await;
    }
}
