//! Descriptions out of the corpora: none panics, none takes longer than its length, the sound ones are understood.

use std::path::PathBuf;

use sip::sdp::{Description, SdpError, answer_offer, read_answer};

use crate::offers_and_answers::local;

fn corpus(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora").join(name);
    assert!(path.exists(), "the test corpus {} is missing", path.display());
    path
}

fn bodies(folder: &str) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for entry in std::fs::read_dir(corpus(folder)).expect("a readable corpus") {
        let path = entry.expect("a readable corpus").path();
        if path.is_file() {
            let bytes = std::fs::read(path).expect("a readable corpus");
            let body =
                bytes.windows(3).position(|window| window == b"v=0").map(|start| bytes[start..].to_vec());
            bodies.push(body.unwrap_or(bytes));
        }
    }
    bodies
}

#[test]
fn no_description_panics() {
    let mut out = [0; 2_048];
    let mut understood = 0;
    for folder in
        ["cve-repro", "libosip2-test-res", "kamailio-sip", "rfc3665-3666-messages", "sofia-sip-messages"]
    {
        for body in bodies(folder) {
            for end in [body.len(), body.len() / 2, body.len().saturating_sub(1)] {
                understood += usize::from(read_answer(&local(), &body[..end]).is_ok());
                let _ = answer_offer(&local(), &body[..end], &mut out);
            }
        }
    }
    assert!(understood > 50, "{understood} descriptions understood");
}

#[test]
fn sizes_are_bounded() {
    let head = "v=0\r\nc=IN IP4 10.0.0.2\r\n";
    for (text, error) in [
        (head.to_owned() + &"m=audio 6000 RTP/AVP 0\r\n".repeat(9), SdpError::TooLong),
        (head.to_owned() + &"a=x\r\n".repeat(1_000), SdpError::TooLong),
        (head.to_owned() + "a=" + &"x".repeat(40_000), SdpError::TooLong),
    ] {
        assert_eq!(Description::parse(text.as_bytes()).err(), Some(error));
    }
    let most = head.to_owned() + &"m=audio 6000 RTP/AVP 0\r\n".repeat(8);
    assert_eq!(Description::parse(most.as_bytes()).map(|description| description.media().len()), Ok(8));
}
