//! Bytes that are nothing, and messages with something taken away or changed.

use sip::message::{Message, ParseError};

use crate::far_end::{corpus, endpoint, say};

#[test]
fn keep_alives_and_junk_are_told_apart() {
    let mut endpoint = endpoint();
    for bytes in [b"".as_slice(), b"\r\n", b"\r\n\r\n", b"\n"] {
        assert_eq!(Message::parse(bytes).err(), Some(ParseError::KeepAlive));
        assert_eq!(say(&mut endpoint, bytes).status(), None);
    }
    assert_eq!(endpoint.counters().keep_alives, 4);
    for bytes in
        [b"\0".as_slice(), b"jaK\0", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", &[0xff; 3_000]]
    {
        assert_eq!(say(&mut endpoint, bytes).status(), None);
    }
}

#[test]
fn a_message_cut_at_any_byte_is_refused_or_read() {
    let whole = std::fs::read(corpus("rfc4475-torture").join("bitexact/wsinv.dat")).unwrap();
    for end in 0..whole.len() {
        assert!(Message::parse(&whole[..end]).is_err(), "{end}");
    }
    let mut endpoint = endpoint();
    for end in (0..whole.len()).step_by(7) {
        let status = say(&mut endpoint, &whole[..end]).status();
        assert!(matches!(status, None | Some(400)), "{end}: {status:?}");
    }
}

#[test]
fn a_message_with_any_byte_changed_never_panics() {
    let whole = std::fs::read(corpus("rfc4475-torture").join("bitexact/wsinv.dat")).unwrap();
    let mut endpoint = endpoint();
    for index in 0..whole.len() {
        for byte in [0, b'\r', b'\n', b'"', b'<', b':', b';', b',', b' ', 0xff] {
            let mut changed = whole.clone();
            changed[index] = byte;
            let _ = Message::parse(&changed);
            if index % 16 == 0 {
                say(&mut endpoint, &changed);
            }
        }
    }
}

#[test]
fn more_headers_than_we_keep_are_refused() {
    let head = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKq;rport\r\n";
    let many = head.to_owned() + &"X: y\r\n".repeat(10_000) + "\r\n";
    assert_eq!(Message::parse(many.as_bytes()).err(), Some(ParseError::TooManyHeaders));
    assert_eq!(say(&mut endpoint(), many.as_bytes()).status(), Some(400));
    let long = vec![b'a'; 70_000];
    assert_eq!(Message::parse(&long).err(), Some(ParseError::TooLong));
}

#[test]
fn an_ack_is_never_answered() {
    let mut endpoint = endpoint();
    let bad = "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKq;rport\r\nCSeq: 1 INVITE\r\n\r\n";
    assert_eq!(say(&mut endpoint, bad.as_bytes()).status(), None);
    assert_eq!(endpoint.counters().malformed_dropped, 1);
}
