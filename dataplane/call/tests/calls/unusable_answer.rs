//! The far end answers with a description that we cannot use: acknowledged, hung up, media_refused.

use common::Outcome;
use peal_call::HungUpBy;

use crate::common::*;

fn sdp(media: &str) -> Body {
    Body::Sdp(format!("v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n{media}"))
}

#[test]
fn each_unusable_answer_says_what_is_wrong() {
    for (body, problem) in [
        (Body::Nothing, "without SDP"),
        (Body::Sdp("good morning".to_owned()), "could not be read"),
        (sdp("m=video 9 RTP/AVP 96\r\n"), "no audio"),
        (sdp("m=audio 0 RTP/AVP 8\r\n"), "rejected"),
        (sdp("m=audio 6000 RTP/SAVP 8\r\n"), "plain RTP"),
        (sdp("m=audio 6000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"), "codecs"),
        (
            Body::Sdp("v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n".to_owned()),
            "address",
        ),
    ] {
        let mut pair = Pair::new();
        pair.callees([Callee::rings().then(1_000, Act::Reply(200, "", body))]);
        let mut order = pair.order();
        order.record = true;
        let attempt = pair.place(order);
        pair.run_until_idle();
        let ended = pair.record(attempt).end();
        assert_eq!((ended.outcome, ended.hung_up_by), (Outcome::MediaRefused, Some(HungUpBy::Session)));
        assert!(ended.detail.contains(problem), "{problem}: {}", ended.detail);
        assert_eq!((ended.sip_status, ended.may_have_rung, ended.recorded), (200, true, false));
        assert_eq!(pair.at_ms(ended.stamps.answered), Some(1_000));
        assert_eq!(pair.far().kinds(), ["INVITE", "ACK", "BYE"]);
        assert_eq!(pair.far().audio.len(), 0);
        pair.check_nothing_is_left(4, 2);
    }
}
