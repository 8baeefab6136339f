//! The ordinary call: rings, is answered, plays its prompt, hangs up.

use common::Outcome;
use media::Codec;
use peal_call::{HungUpBy, Stage};

use crate::common::*;

#[test]
fn an_answered_call_plays_its_prompt_and_hangs_up() {
    let mut pair = Pair::new();
    let attempt = pair.call();
    pair.run_until_idle();

    let record = pair.record(attempt);
    let stages = [Stage::Invited, Stage::Trying, Stage::Ringing { status: 180 }, Stage::Answered];
    assert_eq!(record.stages, stages);
    let ended = record.end();
    assert_eq!((ended.outcome, ended.sip_status), (Outcome::Answered, 200));
    assert_eq!((ended.hung_up_by, ended.may_have_rung), (Some(HungUpBy::Script), true));
    assert_eq!((ended.codec, ended.detail.as_str()), (Some(Codec::Pcma), ""));
    assert_eq!(ended.call_id.as_bytes(), pair.far().message("INVITE").call_id());

    let at = |stamp| pair.at_ms(stamp);
    let stamps = ended.stamps;
    assert_eq!(
        [stamps.invited, stamps.trying, stamps.ringing, stamps.early_media, stamps.answered].map(at),
        [Some(0), Some(0), Some(100), None, Some(1_000)]
    );
    let first = at(stamps.first_audio).expect("audio left");
    assert!((1_001..=1_020).contains(&first), "in the first tick after the answer");
    assert_eq!(at(stamps.ended), Some(first + 200), "when the last of ten packets has been heard");

    assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "BYE"]);
    let audio = &pair.far().audio;
    let prompt: Vec<u8> = audio.iter().take(10).map(|packet| packet.payload[0]).collect();
    assert_eq!(prompt, (0..10).map(|n| n ^ 0xD5).collect::<Vec<u8>>());
    assert!(audio.iter().all(|packet| packet.payload_type == 8));
    for pair in audio.windows(2) {
        assert_eq!(pair[1].at - pair[0].at, ms(20));
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
    }
    pair.check_nothing_is_left(4, 2);
}

#[test]
fn the_attempt_is_named_in_the_invite() {
    let mut pair = Pair::new();
    let attempt = pair.call();
    pair.run(ms(10));
    let invite = pair.far().message("INVITE");
    assert_eq!(invite.other("X-Peal-Attempt"), Some(attempt.to_string().as_bytes()));
}
