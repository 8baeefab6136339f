//! The messages of RFC 4475 get what `EXPECT.tsv` says, at a user agent.

use sip::message::{HeaderName, Message, ParseError};

use crate::far_end::{Said, corpus, endpoint, say};

/// The second column of decisions: what this user agent says to each. `EXPECT.tsv` speaks of any element; where it leaves
/// a choice or speaks of registrars and proxies, this is ours.
fn decided(name: &str) -> Option<u16> {
    Some(match name {
        // The To tag claims a dialog that we do not have; the message itself is accepted.
        "wsinv" => 481,
        "intmeth" | "esc02" => 501,
        // This user agent takes no calls.
        "esc01" | "longreq" | "baddate" | "inv2543" => 403,
        // It is no registrar either.
        "escnull" | "dblreq" | "regaut01" | "cparam01" | "cparam02" | "regescrt" | "unksm2" | "mpart01" => {
            405
        }
        "lwsdisp" | "semiuri" | "transports" | "badaspec" | "badbranch" | "zeromf" => 200,
        "badvers" => 505,
        "unkscm" | "novelsc" => 416,
        "bext01" => 420,
        "invut" => 415,
        "sdp01" => 406,
        "badinv01" | "clerr" | "ncl" | "scalar02" | "quotbal" | "ltgtruri" | "lwsruri" | "lwsstart"
        | "trws" | "escruri" | "regbadct" | "baddn" | "mismatch01" | "mismatch02" | "insuf" | "multi01"
        | "mcl01" => 400,
        "unreason" | "noreason" | "scalarlg" | "bigcode" | "bcast" => return None,
        other => panic!("no decision about {other}"),
    })
}

/// The text of `EXPECT.tsv` allows this answer.
fn allowed(expected: &str, class: &str, said: Option<u16>) -> bool {
    if class.ends_with("-response") {
        return said.is_none();
    }
    let accepts = expected.contains("accept")
        || expected.contains("first message handled")
        || expected.contains("success at registrar")
        || expected.contains("process")
        || expected.contains("matching")
        || expected.contains("infer")
        || expected.contains("ignore")
        || expected.contains("must not fail");
    match said {
        None => false,
        Some(status) => expected.contains(&status.to_string()) || (accepts && status != 400 && status != 505),
    }
}

#[test]
fn every_message_gets_what_the_table_says() {
    let folder = corpus("rfc4475-torture");
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).expect("EXPECT.tsv");
    let mut endpoint = endpoint();
    let mut seen = 0;
    for row in table.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let [name, section, class, expected] = columns.as_slice() else { panic!("{row}") };
        if *class == "sample" {
            continue;
        }
        let datagram = std::fs::read(folder.join(format!("bitexact/{name}.dat"))).expect(name);
        let said = say(&mut endpoint, &datagram);
        assert_eq!(said.status(), decided(name), "{name} ({section})");
        assert!(allowed(expected, class, said.status()), "{name}: {:?} against {expected:?}", said.status());
        let parses = Message::parse(&datagram).is_ok();
        match *class {
            "valid" | "valid-response" => assert!(parses, "{name} is valid"),
            "invalid-response" => assert!(!parses, "{name} is not valid"),
            _ => {}
        }
        if name == &"bext01" {
            let Said::Response(_, answer) = &said else { unreachable!() };
            let answer = Message::parse(answer).unwrap();
            let unsupported: Vec<_> = answer.values(HeaderName::Unsupported).collect();
            assert_eq!(unsupported, [b"nothingSupportsThis".as_slice(), b"nothingSupportsThisEither"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 49);
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(corpus("rfc4475-torture").join(format!("bitexact/{name}.dat"))).expect(name)
}

#[test]
fn a_tortuous_invite_is_understood() {
    let bytes = read("wsinv");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(b"INVITE".as_slice()));
    assert_eq!(message.call_id(), b"wsinv.ndaksdj@192.0.2.1");
    assert_eq!((message.cseq().number, message.cseq().method), (9, b"INVITE".as_slice()));
    assert_eq!(message.to().unwrap().tag(), Some(b"1918181833n".as_slice()));
    assert_eq!(message.from().unwrap().uri, b"sip:jdrosen@example.com");
    assert_eq!(message.from().unwrap().tag(), Some(b"98asjd8".as_slice()));
    assert_eq!(message.values(HeaderName::Via).count(), 3);
    assert_eq!(message.via().unwrap().branch(), Some(b"390skdjuw".as_slice()));
    assert_eq!(message.contact().unwrap().params.value(b"newparam"), Some(b"newvalue".as_slice()));
    assert_eq!(message.contact().unwrap().params.value(b"q"), Some(b"0.33".as_slice()));
    assert_eq!(message.body().len(), 150);
    assert!(message.header(HeaderName::Subject).is_some_and(<[u8]>::is_empty));
    assert_eq!(message.other("unknownheaderwithunusualvalue"), Some(b";;,,;;,;".as_slice()));
}

#[test]
fn a_long_request_is_read_whole() {
    let bytes = read("longreq");
    let message = Message::parse(&bytes).unwrap();
    assert!(message.to().unwrap().uri.starts_with(b"sip:"));
    assert!(message.values(HeaderName::Via).count() > 30);
    assert!(!message.body().is_empty());
}

#[test]
fn what_stands_behind_the_first_message_is_not_read() {
    let bytes = read("dblreq");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.call_id(), b"dblreq.0ha0isndaksdj99sdfafnl3lk233412");
    assert_eq!(message.body(), b"");
}

#[test]
fn escapes_are_left_alone() {
    let bytes = read("escnull");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.to().unwrap().uri, b"sip:null-%00-null@example.com");
    assert_eq!(message.headers(HeaderName::Contact).count(), 2);
    let bytes = read("esc02");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method(), Some(b"RE%47IST%45R".as_slice()));
    assert_eq!(message.headers(HeaderName::Contact).count(), 2, "an escaped header name is another name");
}

#[test]
fn binary_bodies_are_framed() {
    let bytes = read("mpart01");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.body().len(), 553);
    assert!(message.has_content_type("multipart/mixed"));
}

#[test]
fn errors_are_named() {
    for (name, error) in [
        ("ncl", ParseError::ContentLength),
        ("clerr", ParseError::ContentLength),
        ("mcl01", ParseError::ContentLength),
        ("badvers", ParseError::Version),
        ("mismatch01", ParseError::CSeqMethod),
        ("ltgtruri", ParseError::RequestUri),
        ("escruri", ParseError::RequestUri),
        ("lwsruri", ParseError::StartLine),
        ("badinv01", ParseError::Malformed(HeaderName::Via)),
        ("quotbal", ParseError::Malformed(HeaderName::To)),
        ("insuf", ParseError::Missing(HeaderName::CallId)),
        ("bigcode", ParseError::Status),
        ("scalarlg", ParseError::Malformed(HeaderName::CSeq)),
    ] {
        assert_eq!(Message::parse(&read(name)).err(), Some(error), "{name}");
    }
}
