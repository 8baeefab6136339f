//! Any bytes as an answer and as an offer. Nothing may panic; what we answer must be a description; whatever was agreed on
//! must be something that we can do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::sdp::{Codec, Description, Direction, LocalMedia, Negotiated, answer_offer, read_answer};

fuzz_target!(|text: &[u8]| {
    let local = LocalMedia {
        rtp: "10.0.0.1:4000".parse().unwrap(),
        rtcp_port: None,
        rtcp_mux: true,
        codecs: &[Codec::Pcma, Codec::Pcmu],
        telephone_event: Some(101),
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id: 1,
        version: 1,
    };
    if let Ok(agreed) = read_answer(&local, text) {
        check(&agreed);
    }
    let mut out = [0; 2_048];
    if let Ok((agreed, len)) = answer_offer(&local, text, &mut out) {
        check(&agreed);
        let answer = Description::parse(&out[..len]).expect("our answer is a description");
        let offer = Description::parse(text).expect("what was answered is a description");
        assert_eq!(answer.media().len(), offer.media().len());
    }
});

fn check(agreed: &Negotiated) {
    assert!((10..=60).contains(&agreed.ptime_ms));
    assert!(agreed.payload_type < 128 && agreed.telephone_event.is_none_or(|number| number < 128));
    assert!(agreed.remote.port() != 0 && !agreed.remote.ip().is_multicast());
    assert!(!(agreed.remote.ip().is_unspecified() && agreed.direction.sends()));
}
