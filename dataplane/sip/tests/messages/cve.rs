//! Inputs made after public advisories get what `INDEX.tsv` says. Those that belong inside a call (33, 34) are tested
//! with one, under `tests/calls`.

use sip::message::Message;
use sip::sdp::{Codec, Direction, LocalMedia, answer_offer};

use crate::far_end::{corpus, endpoint, say};

/// What this user agent says where `INDEX.tsv` leaves a choice; `None` is silence.
fn decided(number: &str) -> Option<u16> {
    Some(match number {
        // No registrar, no notifier.
        "03" | "06" | "12" | "40" => 405,
        "01" | "02" | "04" | "05" | "08" | "09" | "10" | "11" | "13" | "14" | "15" | "29" | "30" | "31"
        | "32" => 400,
        "16" | "25" => 400,
        // Takes no calls.
        "07" | "17" | "18" | "19" | "20" | "22" | "26" => 403,
        // More media lines than we read.
        "21" => 488,
        // Not SDP in plain.
        "23" | "24" => 415,
        // No subscription of ours.
        "27" | "28" => 481,
        "35" => 603,
        "36" | "37" | "39" => 481,
        "33" | "34" | "38" => return None,
        other => panic!("no decision about {other}"),
    })
}

#[test]
fn every_input_gets_what_the_index_says_and_the_endpoint_lives_on() {
    let folder = corpus("cve-repro");
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("INDEX.tsv");
    let mut endpoint = endpoint();
    let mut seen = 0;
    for row in index.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let [file, _, class, _, expected] = columns.as_slice() else { panic!("{row}") };
        let mut datagram = std::fs::read(folder.join(file)).expect(file);
        if file.starts_with("40_") {
            let template = String::from_utf8(datagram).expect("a text");
            datagram = template.replace("{RAND}", "flood").replace("{N}", "1").into_bytes();
        }
        let said = say(&mut endpoint, &datagram);
        if !file.ends_with(".sip") {
            assert_eq!(said.status(), None, "{file} is no SIP");
            continue;
        }
        assert_eq!(said.status(), decided(&file[..2]), "{file} ({class}), {expected}");
        let status = said.status();
        assert!(status.is_none_or(|status| status >= 400), "{file}: nothing hostile is accepted");
        for (words, statuses) in [
            ("481/403", [481, 403].as_slice()),
            ("603/405", &[603, 405]),
            ("405/403", &[405, 403]),
            ("488/400", &[488, 400]),
            ("400/415", &[400, 415]),
            ("400/close", &[400]),
        ] {
            if expected.contains(words) {
                assert!(
                    status.is_some_and(|status| statuses.contains(&status)),
                    "{file}: {status:?}, {expected}"
                );
            }
        }
        match *expected {
            "400" => assert_eq!(status, Some(400), "{file}"),
            text if text.starts_with("481") => assert!(matches!(status, Some(481 | 403)), "{file}"),
            text if text.starts_with("silently dropped") => assert_eq!(status, None, "{file}"),
            _ => {}
        }
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[test]
fn white_space_before_the_colon_makes_no_other_name() {
    let datagram =
        std::fs::read(corpus("cve-repro").join("07_CVE-2020-28361_header-ws-before-colon.sip")).unwrap();
    let message = Message::parse(&datagram).unwrap();
    assert_eq!(message.other("X-Bypass-me"), Some(b"lol".as_slice()));
    assert_eq!(message.other("x-tenant-id"), Some(b"1".as_slice()));
}

#[test]
fn no_control_character_of_theirs_is_sent_back() {
    let mut endpoint = endpoint();
    for (file, datagram) in crate::far_end::files("cve-repro") {
        if let crate::far_end::Said::Response(_, answer) = say(&mut endpoint, &datagram) {
            let bare = answer.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t'));
            assert!(!bare, "{file}");
            let text = String::from_utf8_lossy(&answer).replace("\r\n", "");
            assert!(!text.contains(['\r', '\n']), "{file}");
        }
    }
}

#[test]
fn a_packet_time_without_bounds_is_clamped() {
    let datagram = std::fs::read(corpus("cve-repro").join("22_CVE-2026-41416_ptime-overflow.sip")).unwrap();
    let message = Message::parse(&datagram).unwrap();
    let local = LocalMedia {
        rtp: "127.0.0.1:4000".parse().unwrap(),
        rtcp_port: None,
        rtcp_mux: false,
        codecs: &[Codec::Pcmu],
        telephone_event: Some(101),
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id: 1,
        version: 1,
    };
    let mut out = [0; 1_024];
    let (negotiated, _) = answer_offer(&local, message.body(), &mut out).expect("an audio line");
    assert_eq!(negotiated.ptime_ms, 60);
}
