//! The simplest of servers that speak: `{"text": …, "language": …, "voice": …}` is posted, audio comes back. What it is stands in
//! `Content-Type`: a WAV file (`audio/wav`), linear audio in network order with its rate (`audio/L16; rate=16000`, RFC 2586), or μ-law at
//! 8 kHz (`audio/basic`, RFC 2046 section 4.3). For the voice that somebody already has: such a server is ten lines around it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use media::Codec;
use serde_json::json;

use super::reader::{Encoding, Form};
use super::server::{Server, essence, parameter};
use super::{Delivery, Saying, SpeechError, Voice};
use crate::breaker::SharedBreaker;
use crate::http::{Http, HttpError, headers};

/// What an operator configures.
#[derive(Clone, Debug)]
pub struct PlainSettings {
    /// Where is posted.
    pub url: String,
    /// Header fields, such as a key.
    pub headers: Vec<(String, String)>,
    /// Changed by the operator when the server begins to sound different; old audio is then made anew.
    pub version: String,
    /// How long the beginning of an answer may take.
    pub begin_max: Duration,
    /// Of the server; who shares it shares its places.
    pub breaker: SharedBreaker,
}

/// The connector.
#[derive(Debug)]
pub struct Plain {
    name: String,
    server: Server,
}

impl Plain {
    /// Speaks by way of `http`. An error if the address or a header field cannot be sent.
    pub fn new(http: Http, settings: PlainSettings) -> Result<Self, HttpError> {
        let PlainSettings { url, headers: fields, version, begin_max, breaker } = settings;
        let address =
            url.parse().map_err(|error| HttpError::Request(format!("the address {url}: {error}")))?;
        let mut headers = headers(&fields)?;
        headers.insert(ACCEPT, HeaderValue::from_static("audio/wav, audio/L16, audio/basic"));
        let who = format!("the voice at {url}");
        let server = Server { http, who, url: address, headers, begin_max, breaker };
        Ok(Self { name: format!("plain {url} {version}"), server })
    }

    async fn run(&self, saying: &Saying, to: &mut Delivery) -> Result<(), SpeechError> {
        let mut question = json!({ "text": saying.text, "language": saying.language });
        if let Some(voice) = &saying.voice {
            question["voice"] = voice.as_str().into();
        }
        let form = |kind: &str| {
            form(kind).ok_or_else(|| {
                let kind: String = kind.chars().take(60).collect();
                format!("answered with {kind:?}; audio/wav, audio/L16 with its rate and audio/basic are understood")
            })
        };
        self.server.speak(&question, form, to).await
    }
}

impl Voice for Plain {
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

fn form(kind: &str) -> Option<Form> {
    let is_one_channel = parameter(kind, "channels").is_none_or(|channels| channels == "1");
    match essence(kind).as_str() {
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => Some(Form::Wav),
        "audio/l16" if is_one_channel => {
            let rate = parameter(kind, "rate")?.parse().ok()?;
            Some(Form::Samples { encoding: Encoding::Big, rate })
        }
        "audio/basic" => Some(Form::Samples { encoding: Encoding::G711(Codec::Pcmu), rate: 8_000 }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_what_they_call_themselves() {
        assert_eq!(form("audio/x-wav"), Some(Form::Wav));
        assert_eq!(
            form("audio/L16; rate=16000; channels=1"),
            Some(Form::Samples { encoding: Encoding::Big, rate: 16_000 })
        );
        let ulaw = Form::Samples { encoding: Encoding::G711(Codec::Pcmu), rate: 8_000 };
        assert_eq!(form("audio/basic"), Some(ulaw));
        for kind in ["audio/L16", "audio/L16; rate=16000; channels=2", "text/html", "audio/mpeg", ""] {
            assert_eq!(form(kind), None, "{kind}");
        }
    }
}
