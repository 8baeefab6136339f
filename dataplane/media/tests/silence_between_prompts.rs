//! What a tick sends: nothing before the answer, prompts frame by frame, silence or nothing in between.

mod common;

use std::time::Instant;

use common::*;
use peal_media::*;

fn header(bytes: &[u8]) -> rtp::Header {
    rtp::Packet::parse(bytes).unwrap().header
}

#[test]
fn nothing_leaves_before_the_answer() {
    let (mut session, now) = (session(), Instant::now());
    session.play(stairs(2));
    assert_eq!(tick(&mut session, now), None);
    session.set_remote(plan());
    assert_eq!(tick(&mut session, now), None);
    session.answer();
    let (to, bytes) = tick(&mut session, now).unwrap();
    assert_eq!((to, bytes.len(), header(&bytes).sequence), (far(), 172, 100));
    // The clock ran while nothing was sent.
    assert_eq!(header(&bytes).timestamp, 5000 + 2 * 160);
    assert_eq!(bytes[12..], [Codec::Pcma.encode(stair(0)); 160]);
}

#[test]
fn a_prompt_plays_to_its_end_and_says_so_once() {
    let (mut session, now) = (answered(), Instant::now());
    session.play(stairs(3));
    for n in 0..3 {
        let (_, bytes) = tick(&mut session, now).unwrap();
        assert_eq!(bytes[12..], [Codec::Pcma.encode(stair(n)); 160]);
        assert_eq!(events(&mut session), []);
    }
    let (_, bytes) = tick(&mut session, now).unwrap();
    assert_eq!(bytes[12..], [0xD5; 160]);
    assert_eq!(events(&mut session), [MediaEvent::PromptEnded]);
    tick(&mut session, now);
    assert_eq!(events(&mut session), []);
}

#[test]
fn a_prompt_that_is_stopped_or_replaced_is_silent_about_its_end() {
    let (mut session, now) = (answered(), Instant::now());
    session.play(stairs(1));
    tick(&mut session, now);
    assert!(session.stop_playing());
    tick(&mut session, now);
    assert_eq!((events(&mut session), session.stop_playing()), (vec![], false));
    session.play(stairs(1));
    tick(&mut session, now);
    session.play(stairs(2));
    tick(&mut session, now);
    assert_eq!((events(&mut session), session.is_playing()), (vec![], true));
}

#[test]
fn the_marker_begins_each_talkspurt() {
    let mut session =
        MediaSession::new(SessionConfig { ssrc: 1, sequence: 0, timestamp: 0, rtcp: 0, send_silence: false });
    session.set_remote(plan());
    session.answer();
    let now = Instant::now();
    let mut seen = vec![];
    for _ in 0..2 {
        session.play(stairs(2));
        for _ in 0..5 {
            seen.extend(tick(&mut session, now).map(|(_, bytes)| {
                let header = header(&bytes);
                (header.marker, header.sequence, header.timestamp)
            }));
        }
    }
    assert_eq!(seen, [(true, 0, 0), (false, 1, 160), (true, 2, 800), (false, 3, 960)]);
}

#[test]
fn a_call_on_hold_sends_nothing_and_takes_nothing() {
    let (mut session, now) = (answered(), Instant::now());
    session.set_remote(MediaPlan { direction: Direction::Inactive, ..plan() });
    session.play(stairs(2));
    assert_eq!(tick(&mut session, now), None);
    let bytes = FarEnd::new().audio(&[0xD5; 160]);
    assert_eq!(session.receive(now, far(), &bytes), Received::Dropped(DropReason::Direction));
    session.set_remote(plan());
    let (_, bytes) = tick(&mut session, now).unwrap();
    assert_eq!(bytes[12..], [Codec::Pcma.encode(stair(0)); 160]);
}

#[test]
fn the_codec_may_change_in_the_middle_of_a_prompt() {
    let (mut session, now) = (answered(), Instant::now());
    session.play(stairs(3));
    tick(&mut session, now);
    session.set_remote(MediaPlan { codec: Codec::Pcmu, payload_type: 0, ..plan() });
    let (_, bytes) = tick(&mut session, now).unwrap();
    assert_eq!((header(&bytes).payload_type, bytes[12]), (0, Codec::Pcmu.encode(stair(1))));
}
