//! RFC 3264 for one audio line.

use sip::sdp::{Codec, Direction, LocalMedia, Refusal, SdpError, answer_offer, read_answer, write_offer};

pub fn local() -> LocalMedia<'static> {
    LocalMedia {
        rtp: "10.0.0.1:4000".parse().unwrap(),
        rtcp_port: None,
        rtcp_mux: false,
        codecs: &[Codec::Pcma, Codec::Pcmu],
        telephone_event: Some(101),
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id: 42,
        version: 1,
    }
}

fn offer(local: &LocalMedia<'_>) -> String {
    let mut out = [0; 512];
    let len = write_offer(local, &mut out).expect("fits");
    String::from_utf8(out[..len].to_vec()).unwrap()
}

/// An answer with this m= line and these further lines.
fn answer(media: &str, lines: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm={media}\r\n{lines}")
        .into_bytes()
}

#[test]
fn the_lines_of_an_offer_are_these() {
    insta::assert_snapshot!(offer(&local()).replace('\r', ""));
    let other = LocalMedia {
        rtp: "[2001:db8::1]:4002".parse().unwrap(),
        rtcp_port: Some(4003),
        rtcp_mux: true,
        codecs: &[Codec::Pcmu],
        telephone_event: None,
        direction: Direction::SendOnly,
        ..local()
    };
    insta::assert_snapshot!("offer_ipv6", offer(&other).replace('\r', ""));
}

#[test]
fn an_answer_chooses_codec_address_and_events() {
    let lines =
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\na=ptime:30\r\n";
    let agreed = read_answer(&local(), &answer("audio 6000 RTP/AVP 8 97", lines)).expect("agreement");
    assert_eq!(agreed.remote, "10.0.0.2:6000".parse().unwrap());
    assert_eq!(agreed.remote_rtcp, "10.0.0.2:6001".parse().unwrap());
    assert_eq!((agreed.codec, agreed.payload_type, agreed.telephone_event), (Codec::Pcma, 8, Some(97)));
    assert_eq!((agreed.ptime_ms, agreed.direction, agreed.hold), (30, Direction::SendRecv, false));
}

#[test]
fn of_several_codecs_the_first_that_is_ours_is_sent() {
    let lines = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 pcmu/8000\r\n";
    let agreed = read_answer(&local(), &answer("audio 6000 RTP/AVP 96 9 97 8", lines)).expect("agreement");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcmu, 97));
    // A static number may be redefined.
    let lines = "a=rtpmap:0 G726-32/8000\r\n";
    let agreed = read_answer(&local(), &answer("audio 6000 RTP/AVP 0 8", lines)).expect("agreement");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 8));
}

#[test]
fn hold_has_three_forms() {
    for (lines, direction, hold) in [
        ("a=sendonly\r\n", Direction::RecvOnly, true),
        ("a=inactive\r\n", Direction::Inactive, true),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, true),
        ("a=recvonly\r\n", Direction::SendOnly, false),
        ("a=sendrecv\r\n", Direction::SendRecv, false),
    ] {
        let agreed = read_answer(&local(), &answer("audio 6000 RTP/AVP 8", lines)).expect("agreement");
        assert_eq!((agreed.direction, agreed.hold), (direction, hold), "{lines}");
    }
    // For the whole session.
    let text = String::from_utf8(answer("audio 6000 RTP/AVP 8", "")).unwrap();
    let agreed =
        read_answer(&local(), text.replace("t=0 0", "t=0 0\r\na=sendonly").as_bytes()).expect("agreement");
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

#[test]
fn the_address_of_the_media_line_counts() {
    let agreed = read_answer(
        &local(),
        &answer("audio 6000 RTP/AVP 8", "c=IN IP4 10.0.0.9/127\r\na=rtcp:7000 IN IP4 1.2.3.4\r\n"),
    )
    .expect("agreement");
    assert_eq!(agreed.remote, "10.0.0.9:6000".parse().unwrap());
    assert_eq!(agreed.remote_rtcp.port(), 7_000);
}

#[test]
fn rtcp_shares_the_port_when_both_want_it() {
    let mux = LocalMedia { rtcp_mux: true, ..local() };
    let text = answer("audio 6000 RTP/AVP 8", "a=rtcp-mux\r\n");
    let agreed = read_answer(&mux, &text).expect("agreement");
    assert!(agreed.rtcp_mux);
    assert_eq!(agreed.remote_rtcp, agreed.remote);
    assert!(!read_answer(&local(), &text).expect("agreement").rtcp_mux);
}

#[test]
fn rtcp_is_answered_as_it_was_offered() {
    let local = LocalMedia { rtcp_mux: true, rtcp_port: Some(4_444), ..local() };
    let written = |lines: &str| {
        let mut out = [0; 1_024];
        let offer = answer("audio 6000 RTP/AVP 8", lines);
        let (agreed, len) = answer_offer(&local, &offer, &mut out).expect("agreement");
        (agreed, String::from_utf8(out[..len].to_vec()).unwrap())
    };
    // RFC 5761 section 5.1.1: not unless it was offered; then our port for it is told.
    let (agreed, text) = written("");
    assert_eq!((agreed.rtcp_mux, agreed.remote_rtcp), (false, "10.0.0.2:6001".parse().unwrap()));
    assert!(!text.contains("rtcp-mux") && text.contains("a=rtcp:4444\r\n"), "{text}");
    let (agreed, text) = written("a=rtcp:6100\r\na=rtcp-mux\r\n");
    assert_eq!((agreed.rtcp_mux, agreed.remote_rtcp), (true, agreed.remote));
    assert!(text.contains("a=rtcp-mux\r\n") && !text.contains("a=rtcp:"), "{text}");
    // An offer has both, for whoever takes either.
    let text = offer(&local);
    assert!(text.contains("a=rtcp:4444\r\na=rtcp-mux\r\n"), "{text}");
}

#[test]
fn packet_times_are_clamped_to_whole_tens() {
    for (lines, ptime_ms) in [
        ("", 20),
        ("a=ptime:10\r\n", 10),
        ("a=ptime:0\r\n", 10),
        ("a=ptime:-20\r\n", 20),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:65535\r\na=maxptime:4294967295\r\n", 60),
        ("a=ptime:40\r\na=maxptime:20\r\n", 20),
    ] {
        let agreed = read_answer(&local(), &answer("audio 6000 RTP/AVP 8", lines)).expect("agreement");
        assert_eq!(agreed.ptime_ms, ptime_ms, "{lines}");
    }
}

#[test]
fn answers_that_are_none() {
    for (text, refusal) in [
        (answer("audio 0 RTP/AVP 8", ""), Refusal::Rejected),
        (answer("video 6000 RTP/AVP 8", ""), Refusal::NoAudio),
        (answer("audio 6000 RTP/SAVP 8", ""), Refusal::Protocol),
        (answer("audio 6000 RTP/AVP 18", "a=rtpmap:18 G729/8000\r\n"), Refusal::NoCodec),
        (answer("audio 6000 RTP/AVP 8", "c=IN IP4 media.example\r\n"), Refusal::NoAddress),
        (answer("audio 6000 RTP/AVP 8", "c=IN IP4 224.0.0.1\r\n"), Refusal::NoAddress),
        (b"v=0\r\nm=audio 6000 RTP/AVP 8\r\n".to_vec(), Refusal::NoAddress),
        (b"".to_vec(), Refusal::Malformed(SdpError::Version)),
        (b"v=1\r\n".to_vec(), Refusal::Malformed(SdpError::Version)),
        (b"v=0\r\n\0\r\n".to_vec(), Refusal::Malformed(SdpError::Control)),
        (b"v=0\r\nhello\r\n".to_vec(), Refusal::Malformed(SdpError::Line)),
        (answer("audio 70000 RTP/AVP 8", ""), Refusal::Malformed(SdpError::Media)),
        (answer("audio 6000 RTP/AVP 4294967296", ""), Refusal::Malformed(SdpError::Media)),
        (answer("audio 6000 RTP/AVP", ""), Refusal::Malformed(SdpError::Media)),
        (answer("audio 6000 RTP/AVP 8", "c=IN IP6 10.0.0.2\r\n"), Refusal::Malformed(SdpError::Connection)),
    ] {
        assert_eq!(read_answer(&local(), &text), Err(refusal), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn an_offer_in_a_call_is_answered() {
    let text = "v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n\
                m=video 7000 RTP/AVP 31\r\nm=audio 6002 RTP/AVP 0 8 100\r\na=rtpmap:100 telephone-event/8000\r\na=sendonly\r\n\
                m=image 7002 udptl t38\r\n";
    let mut out = [0; 1_024];
    let (agreed, len) =
        answer_offer(&LocalMedia { version: 2, ..local() }, text.as_bytes(), &mut out).expect("agreement");
    assert_eq!(agreed.remote, "10.0.0.7:6002".parse().unwrap());
    assert_eq!((agreed.codec, agreed.direction, agreed.hold), (Codec::Pcmu, Direction::RecvOnly, true));
    assert_eq!(agreed.telephone_event, Some(100));
    insta::assert_snapshot!(std::str::from_utf8(&out[..len]).unwrap().replace('\r', ""));

    let small = answer_offer(&local(), text.as_bytes(), &mut out[..50]);
    assert_eq!(small.err(), Some(Refusal::NoRoom));
}

#[test]
fn an_offer_without_anything_for_us_is_refused_with_488() {
    let mut out = [0; 1_024];
    for media in
        ["image 7002 udptl t38", "audio 0 RTP/AVP 8", "audio 6000 RTP/SAVP 8", "audio 6000 RTP/AVP 9"]
    {
        let refusal = answer_offer(&local(), &answer(media, ""), &mut out).expect_err("nothing in common");
        assert_eq!(refusal.status(), 488, "{media}");
    }
    assert_eq!(answer_offer(&local(), b"x", &mut out).expect_err("no SDP").status(), 400);
}

#[test]
fn our_own_offer_can_be_answered_by_ourselves() {
    let mut out = [0; 1_024];
    let far = LocalMedia { rtp: "10.0.0.2:9000".parse().unwrap(), ..local() };
    let (theirs, len) = answer_offer(&far, offer(&local()).as_bytes(), &mut out).expect("agreement");
    let ours = read_answer(&local(), &out[..len]).expect("agreement");
    assert_eq!((ours.codec, ours.remote), (Codec::Pcma, far.rtp));
    assert_eq!((theirs.codec, theirs.remote), (Codec::Pcma, local().rtp));
}
