//! What an endpoint says to one datagram.

use std::path::PathBuf;
use std::time::Instant;

use sip::message::Message;
use sip::{Endpoint, EndpointConfig, Limits};

/// A folder of the test corpora, which stand beside the project.
pub fn corpus(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(name);
    assert!(path.exists(), "the test corpus {} is missing", path.display());
    path
}

pub fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![corpus(name)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable corpus") {
            let path = entry.expect("a readable corpus").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read(&path).expect("a readable corpus")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "the test corpus {name} is empty");
    found
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Nothing,
    /// The one response, whole.
    Response(u16, Vec<u8>),
}

impl Said {
    pub fn status(&self) -> Option<u16> {
        match self {
            Said::Nothing => None,
            Said::Response(status, _) => Some(*status),
        }
    }
}

pub fn endpoint() -> Endpoint {
    // A test says thousands of things in a second.
    let limits = Limits { stray_answers_per_s: u32::MAX, ..Limits::default() };
    let config = EndpointConfig::new("127.0.0.1:5060".parse().unwrap(), 0, 1);
    Endpoint::new(EndpointConfig { limits, ..config })
}

/// Hands in one datagram and returns the answer. Whatever came, the endpoint still answers OPTIONS afterwards.
pub fn say(endpoint: &mut Endpoint, datagram: &[u8]) -> Said {
    let said = exchange(endpoint, datagram);
    let options = format!(
        "OPTIONS sip:peal@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7;branch=z9hG4bK{0};rport\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:peal@127.0.0.1>\r\nCall-ID: {0}\r\nCSeq: 1 OPTIONS\r\n\r\n",
        endpoint.counters().datagrams_received
    );
    let alive = exchange(endpoint, options.as_bytes());
    assert_eq!(alive.status(), Some(200), "the endpoint still answers OPTIONS");
    assert_eq!(endpoint.load(), sip::Load::default(), "strangers leave nothing behind");
    said
}

fn exchange(endpoint: &mut Endpoint, datagram: &[u8]) -> Said {
    let now = Instant::now();
    let mut slot = vec![0; sip::DATAGRAM_BYTES_MAX];
    endpoint.handle_input(now, "127.0.0.1:10394".parse().unwrap(), datagram);
    assert_eq!(endpoint.poll_output(), None, "a stranger's datagram is nobody's event");
    let Some(transmit) = endpoint.poll_transmit(now, &mut slot) else { return Said::Nothing };
    let answer = slot[..transmit.len].to_vec();
    assert_eq!(endpoint.poll_transmit(now, &mut slot), None, "one answer to one datagram");
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("not a response: {text}"));
    assert!(answer.ends_with(b"\r\n\r\n"));
    if status != 400 && status != 505 {
        Message::parse(&answer).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    Said::Response(status, answer)
}
