//! Twilio Media Streams, both directions: the protocol by which voice bots are attached to telephone calls everywhere.
//!
//! Source: Twilio's public description of its WebSocket messages (voice/media-streams/websocket-messages). Audio is μ-law at 8 kHz in
//! base64. We are the side that Twilio is; the bot is the server.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::digits::Digit;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault, json};
use crate::AudioFormat;

const NAME: &str = "twilio";
/// Longest name of a mark, in bytes: names are kept until they were reached.
const MARK_MAX: usize = 1_024;

/// One stream.
#[derive(Debug, Default)]
pub struct Twilio {
    stream: String,
    call: String,
    /// Number of the next message, counted from 1.
    sequence: u64,
    chunk: u64,
}

impl Twilio {
    /// A stream that was not opened yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn message(&mut self, event: &str, mut body: Value) -> Frame {
        self.sequence += 1;
        body["event"] = event.into();
        body["sequenceNumber"] = self.sequence.to_string().into();
        body["streamSid"] = self.stream.as_str().into();
        Frame::Text(body.to_string())
    }
}

/// What a bot sends.
#[derive(Deserialize)]
struct FromBot<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, borrow)]
    media: Option<Media<'a>>,
    #[serde(default)]
    mark: Option<Mark>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark {
    name: String,
}

impl Protocol for Twilio {
    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw
    }

    fn open(&mut self, call: &CallFacts) -> Vec<Frame> {
        // Names of their kind: two letters and 32 hexadecimal digits.
        let id: String = call.attempt.chars().filter(char::is_ascii_hexdigit).take(32).collect();
        (self.stream, self.call) = (format!("MZ{id}"), format!("CA{id}"));
        let connected = json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" });
        let parameters: serde_json::Map<_, _> =
            call.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let start = json!({ "start": {
            "streamSid": self.stream,
            "accountSid": format!("AC{}", "0".repeat(32)),
            "callSid": self.call,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1 },
        } });
        vec![Frame::Text(connected.to_string()), self.message("start", start)]
    }

    fn audio(&mut self, begins_ms: u64, piece: &[u8]) -> Frame {
        self.chunk += 1;
        self.sequence += 1;
        let Self { stream, sequence, chunk, .. } = self;
        // By hand: ten times a second a call. The stream's name is made of letters and digits.
        let mut text = String::with_capacity(200 + piece.len().div_ceil(3) * 4);
        let head = write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{stream}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{begins_ms}","payload":""#
        );
        head.expect("a string takes everything");
        STANDARD.encode_string(piece, &mut text);
        text.push_str(r#""}}"#);
        Frame::Text(text)
    }

    fn gives_results(&self) -> bool {
        false
    }

    fn key(&mut self, digit: Digit) -> Option<Frame> {
        let dtmf = json!({ "dtmf": { "track": "inbound_track", "digit": digit.to_string() } });
        Some(self.message("dtmf", dtmf))
    }

    fn played(&mut self, mark: &str) -> Option<Frame> {
        Some(self.message("mark", json!({ "mark": { "name": mark } })))
    }

    fn close(&mut self) -> Vec<Frame> {
        let stop = json!({ "stop": { "accountSid": format!("AC{}", "0".repeat(32)), "callSid": self.call } });
        vec![self.message("stop", stop)]
    }

    fn read(&mut self, frame: Incoming<'_>, heard: &mut Vec<Heard>) -> Result<(), ProtocolFault> {
        let message: FromBot<'_> = json(NAME, frame)?;
        match (&*message.event, message.media, message.mark) {
            ("media", Some(media), _) => {
                let audio = STANDARD.decode(media.payload.as_bytes()).map_err(|error| {
                    ProtocolFault::rubbish(NAME, format!("audio that is not base64: {error}"))
                })?;
                heard.push(Heard::Audio(audio));
            }
            ("mark", _, Some(mark)) if mark.name.len() > MARK_MAX => {
                return Err(ProtocolFault::rubbish(NAME, format!("a mark of more than {MARK_MAX} bytes")));
            }
            ("mark", _, Some(mark)) => heard.push(Heard::Mark(mark.name)),
            ("clear", ..) => heard.push(Heard::Clear),
            ("media" | "mark", ..) => {
                return Err(ProtocolFault::rubbish(NAME, format!("`{}` without its body", message.event)));
            }
            // Bots send words of their own; Twilio passes over what it does not know.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (Twilio, Vec<Value>) {
        let mut twilio = Twilio::new();
        let call = CallFacts {
            attempt: "01a204d1-182f-7289-a861-104cfc4b85f8".to_owned(),
            parameters: vec![("campaign".to_owned(), "7".to_owned())],
            ..CallFacts::default()
        };
        let frames = twilio.open(&call).into_iter().map(value).collect();
        (twilio, frames)
    }

    fn value(frame: Frame) -> Value {
        let Frame::Text(text) = frame else { panic!("text in this protocol") };
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_stream_is_told_as_twilio_tells_it() {
        let (mut twilio, frames) = open();
        assert_eq!(frames[0], json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }));
        assert_eq!(frames[1]["event"], "start");
        assert_eq!(frames[1]["start"]["streamSid"], "MZ01a204d1182f7289a861104cfc4b85f8");
        assert_eq!(frames[1]["start"]["customParameters"]["campaign"], "7");
        assert_eq!(frames[1]["start"]["mediaFormat"]["encoding"], "audio/x-mulaw");
        let media = value(twilio.audio(100, &[0xFF; 3]));
        let expected = json!({ "event": "media", "sequenceNumber": "2", "streamSid": "MZ01a204d1182f7289a861104cfc4b85f8",
            "media": { "track": "inbound", "chunk": "1", "timestamp": "100", "payload": "////" } });
        assert_eq!(media, expected);
        assert_eq!(
            value(twilio.key(Digit::from_char('5').expect("a key")).expect("told"))["dtmf"]["digit"],
            "5"
        );
        assert_eq!(value(twilio.played("m1").expect("told"))["mark"]["name"], "m1");
        let stop = value(twilio.close().remove(0));
        assert_eq!((&stop["event"], &stop["sequenceNumber"]), (&json!("stop"), &json!("5")));
    }

    #[test]
    fn what_a_bot_says_is_understood() {
        let (mut twilio, _) = open();
        let mut heard = Vec::new();
        for text in [
            r#"{"event":"media","streamSid":"MZ","media":{"payload":"//8="}}"#,
            r#"{"event":"mark","mark":{"name":"m1"}}"#,
            r#"{"event":"clear","streamSid":"MZ"}"#,
            r#"{"event":"something new"}"#,
        ] {
            twilio.read(Incoming::Text(text), &mut heard).expect("good");
        }
        assert_eq!(heard, [Heard::Audio(vec![0xFF; 2]), Heard::Mark("m1".to_owned()), Heard::Clear]);
        for text in
            ["", "{}", "[]", r#"{"event":"media"}"#, r#"{"event":"media","media":{"payload":"%"}}"#, "<html>"]
        {
            twilio.read(Incoming::Text(text), &mut heard).expect_err(text);
        }
        twilio.read(Incoming::Binary(&[1, 2]), &mut heard).expect_err("bytes");
    }
}
