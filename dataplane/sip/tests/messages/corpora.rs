//! Every message of every corpus is read without a panic, and whatever is answered is answered once.

use sip::message::{HeaderName, Message, NameAddr, Uri};
use sip::sdp::Description;

use crate::far_end::{corpus, endpoint, files, say};

/// Touches every accessor.
fn read(datagram: &[u8]) -> bool {
    let _ = Description::parse(datagram);
    for line in datagram.split(|byte| *byte == b'\n') {
        let _ = (NameAddr::parse(line), Uri::parse(line), sip::message::Via::parse(line));
        let _ = (sip::digest::Challenge::parse(line), sip::digest::Authorization::parse(line));
    }
    let Ok(message) = Message::parse(datagram) else { return false };
    let _ = (message.contact(), message.q850(), message.retry_after_s(), message.sdp(), message.start());
    for header in message.all() {
        let _ = message.values(header.name).count();
        assert_eq!(HeaderName::of(header.text), header.name);
    }
    true
}

#[test]
fn messages_of_other_stacks_are_read_without_a_panic() {
    let mut endpoint = endpoint();
    for (name, least) in [
        ("sofia-sip-messages", 0),
        ("kamailio-sip", 1),
        ("sipgo-torture-fuzz", 10),
        ("rfc3665-3666-messages", 50),
        ("rfc5118-ipv6-torture", 5),
        ("libosip2-test-res", 10),
    ] {
        let mut accepted = 0;
        for (file, bytes) in files(name) {
            // Text corpora keep LF; on the wire there is CRLF.
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\n', "\r\n");
            for datagram in [bytes.as_slice(), text.as_bytes()] {
                say(&mut endpoint, datagram);
                accepted += usize::from(read(datagram));
            }
            let _ = file;
        }
        assert!(accepted >= least, "{name}: {accepted} messages accepted");
    }
}

#[test]
fn the_messages_of_jain_are_read_without_a_panic() {
    let xml = std::fs::read_to_string(corpus("jain-sip-torture").join("torture.xml")).expect("torture.xml");
    let mut endpoint = endpoint();
    let messages: Vec<_> = xml
        .split("<message>")
        .skip(1)
        .filter_map(|part| part.split("<![CDATA[").nth(1)?.split("]]>").next())
        .map(|text| text.replace('\n', "\r\n"))
        .collect();
    assert!(messages.len() > 10);
    for text in messages {
        say(&mut endpoint, text.as_bytes());
        read(text.as_bytes());
    }
}

#[test]
fn ipv6_is_understood() {
    let mut addresses = 0;
    for (name, bytes) in files("rfc5118-ipv6-torture") {
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\n', "\r\n");
        if let Ok(message) = Message::parse(text.as_bytes()) {
            let uri = Uri::parse(message.request_uri());
            let via = message.via().expect("a parsed message has a Via");
            let is_v6 = |host| matches!(host, sip::message::Host::Ip(ip) if ip.is_ipv6());
            addresses += usize::from(uri.is_some_and(|uri| is_v6(uri.host)) || is_v6(via.host));
        } else {
            assert!(!name.contains("good"), "{name}");
        }
    }
    assert!(addresses >= 3, "{addresses} messages with IPv6 addresses");
}
