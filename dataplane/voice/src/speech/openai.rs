//! `POST /audio/speech` as OpenAI describes it in public, and as many servers that run at home speak it (Kokoro, Piper and XTTS behind
//! their OpenAI-compatible fronts). It is asked for `pcm`: linear, 16 bits, little-endian, 24 kHz, without a head; the audio is passed on
//! while it comes. Servers that send a WAV file instead are understood. No live service was reachable where this was written: it was tried
//! against servers of our own, good and bad.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;

use super::reader::{Encoding, Form};
use super::server::{Server, essence, parameter};
use super::{Delivery, Saying, SpeechError, Voice};
use crate::breaker::SharedBreaker;
use crate::http::{Http, HttpError};

/// The rate that is meant by `pcm`, in hertz.
const PCM_RATE: u32 = 24_000;

/// What an operator configures.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// Up to the version: `https://api.openai.com/v1`.
    pub url: String,
    /// Goes into `Authorization: Bearer`.
    pub key: Option<String>,
    /// `gpt-4o-mini-tts`, `tts-1`, `kokoro`, …
    pub model: String,
    /// Who speaks where the script does not say.
    pub voice: String,
    /// How to speak, for models that can be told.
    pub instructions: Option<String>,
    /// How long the beginning of an answer may take.
    pub begin_max: Duration,
    /// Of the server; who shares it shares its places.
    pub breaker: SharedBreaker,
}

/// The connector.
#[derive(Debug)]
pub struct OpenAi {
    name: String,
    server: Server,
    settings: OpenAiSettings,
}

impl OpenAi {
    /// Speaks by way of `http`. An error if the address or the key cannot be sent.
    pub fn new(http: Http, settings: OpenAiSettings) -> Result<Self, HttpError> {
        let url = format!("{}/audio/speech", settings.url.trim_end_matches('/'));
        let url = url.parse().map_err(|error| HttpError::Request(format!("the address {url}: {error}")))?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.key {
            let problem = |_| HttpError::Request("the key has signs that cannot be sent".to_owned());
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(problem)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let OpenAiSettings { url: base, model, voice, instructions, .. } = &settings;
        let name = format!("openai {base} {model} {voice} {}", instructions.as_deref().unwrap_or_default());
        let who = format!("the voice at {base}");
        let (begin_max, breaker) = (settings.begin_max, settings.breaker.clone());
        let server = Server { http, who, url, headers, begin_max, breaker };
        Ok(Self { name, server, settings })
    }

    async fn run(&self, saying: &Saying, to: &mut Delivery) -> Result<(), SpeechError> {
        let mut question = json!({
            "model": self.settings.model,
            "voice": saying.voice.as_ref().unwrap_or(&self.settings.voice),
            "input": saying.text,
            "response_format": "pcm",
        });
        if let Some(instructions) = &self.settings.instructions {
            question["instructions"] = instructions.as_str().into();
        }
        let form = |kind: &str| {
            let named = || kind.chars().take(60).collect::<String>();
            form(kind).ok_or_else(|| format!("answered with {}, not with linear audio", named()))
        };
        self.server.speak(&question, form, to).await
    }
}

impl Voice for OpenAi {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak<'a>(
        &'a self,
        saying: &'a Saying,
        to: &'a mut Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), SpeechError>> + Send + 'a>> {
        Box::pin(self.run(saying, to))
    }
}

/// What an answer is by what it calls itself. Names for `pcm` differ between servers, and some give none.
fn form(kind: &str) -> Option<Form> {
    let samples = |rate| Some(Form::Samples { encoding: Encoding::Little, rate });
    match essence(kind).as_str() {
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => Some(Form::Wav),
        "" | "application/octet-stream" | "binary/octet-stream" => samples(PCM_RATE),
        "audio/pcm" | "audio/x-pcm" | "audio/raw" | "audio/l16" => {
            samples(parameter(kind, "rate").and_then(|rate| rate.parse().ok()).unwrap_or(PCM_RATE))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_what_they_call_themselves() {
        let samples = |rate| Some(Form::Samples { encoding: Encoding::Little, rate });
        assert_eq!(form("audio/pcm"), samples(24_000));
        assert_eq!(form("audio/PCM; rate=16000"), samples(16_000));
        assert_eq!(form("application/octet-stream"), samples(24_000));
        assert_eq!(form("audio/wav"), Some(Form::Wav));
        assert_eq!([form("audio/mpeg"), form("text/html"), form("application/json")], [None, None, None]);
    }

    #[test]
    fn what_changes_the_sound_changes_the_name() {
        let settings = |model: &str, voice: &str| OpenAiSettings {
            url: "http://127.0.0.1/v1".into(),
            key: None,
            model: model.into(),
            voice: voice.into(),
            instructions: None,
            begin_max: Duration::from_secs(5),
            breaker: SharedBreaker::new(1),
        };
        let name = |model, voice| OpenAi::new(Http::new(), settings(model, voice)).expect("good").name;
        assert_ne!(name("tts-1", "alloy"), name("tts-1-hd", "alloy"));
        assert_ne!(name("tts-1", "alloy"), name("tts-1", "echo"));
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_not_shown() {
        let settings = OpenAiSettings {
            url: "http://127.0.0.1/v1".into(),
            key: Some("secret\n".into()),
            model: "m".into(),
            voice: "v".into(),
            instructions: None,
            begin_max: Duration::from_secs(5),
            breaker: SharedBreaker::new(1),
        };
        let error = OpenAi::new(Http::new(), settings).expect_err("a line break").to_string();
        assert!(error.contains("key") && !error.contains("secret"), "{error}");
    }
}
