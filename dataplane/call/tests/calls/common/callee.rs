//! What somebody who is called does, and when.

use std::{net::SocketAddr, time::Duration};

use sip::sdp::{self, Codec, Direction, LocalMedia};

use super::{addr, ms};

/// One thing that a callee does.
#[derive(Clone, Debug)]
pub enum Act {
    /// A response to the INVITE, with further header lines that end in CRLF. A final one is repeated until its ACK.
    Reply(u16, &'static str, Body),
    /// A request in the dialog: method, further header lines, body. Repeated until its final response.
    Request(&'static str, &'static str, Body),
    /// Audio every 20 ms from here on, of this one byte.
    Speak(u8),
    /// A tone of 1,000 Hz every 20 ms from here on.
    Hum,
    /// No more of it.
    Hush,
    /// One telephone-event packet: code, milliseconds before now at which the key went down, end, duration in samples.
    Key { code: u8, down_ms: u32, end: bool, duration: u16 },
}

#[derive(Clone, Debug)]
pub enum Body {
    Nothing,
    /// The answer to the INVITE's offer.
    Answer,
    Sdp(String),
    /// `application/dtmf-relay`
    Dtmf(&'static str),
    /// `message/sipfrag`
    Fragment(&'static str),
}

/// A callee's script. Times count from the arrival of the INVITE.
#[derive(Clone, Debug)]
pub struct Callee {
    pub acts: Vec<(Duration, Act)>,
    /// Where its RTP comes from and goes to; an address of its own if `None`.
    pub rtp: Option<SocketAddr>,
    /// Takes RTCP on the RTP port.
    pub mux: bool,
    /// Where it takes RTCP otherwise; on the next port if `None`.
    pub rtcp_port: Option<u16>,
    /// CANCEL is answered, and the INVITE with 487.
    pub cancels: bool,
    /// How REFER is answered.
    pub refer: u16,
    /// BYE is answered.
    pub hears_bye: bool,
}

impl Callee {
    /// Somebody from whom nothing at all is heard.
    pub fn silent() -> Self {
        Self {
            acts: Vec::new(),
            rtp: None,
            mux: false,
            rtcp_port: None,
            cancels: true,
            refer: 202,
            hears_bye: true,
        }
    }

    pub fn then(mut self, at_ms: u64, act: Act) -> Self {
        self.acts.push((ms(at_ms), act));
        self
    }

    /// 100 at once.
    pub fn trying() -> Self {
        Self::silent().then(0, Act::Reply(100, "", Body::Nothing))
    }

    /// 100 at once, 180 after 100 ms.
    pub fn rings() -> Self {
        Self::trying().then(100, Act::Reply(180, "", Body::Nothing))
    }

    /// Rings, answers after a second, and then speaks.
    pub fn answers() -> Self {
        Self::rings().then(1_000, Act::Reply(200, "", Body::Answer)).then(1_010, Act::Speak(0x2A))
    }

    /// 100 at once, and this after 200 ms.
    pub fn refuses(status: u16, headers: &'static str) -> Self {
        Self::trying().then(200, Act::Reply(status, headers, Body::Nothing))
    }

    pub fn bye(self, at_ms: u64) -> Self {
        self.then(at_ms, Act::Request("BYE", "", Body::Nothing))
    }

    pub fn reinvite(self, at_ms: u64, body: Body) -> Self {
        self.then(at_ms, Act::Request("INVITE", "", body))
    }

    pub fn at(mut self, rtp: &str) -> Self {
        self.rtp = Some(addr(rtp));
        self
    }

    pub fn extend(mut self, acts: Vec<(Duration, Act)>) -> Self {
        self.acts.extend(acts);
        self
    }
}

/// A key that is pressed at `at_ms` for 100 ms: two packets under way, and so many end packets.
pub fn press(at_ms: u64, code: u8, ends: u64) -> Vec<(Duration, Act)> {
    let packet = |after: u64, end| {
        let duration = (after.min(100) * 8) as u16;
        (ms(at_ms + after), Act::Key { code, down_ms: after as u32, end, duration })
    };
    [20, 60]
        .map(|after| packet(after, false))
        .into_iter()
        .chain((0..ends).map(|_| packet(100, true)))
        .collect()
}

/// An offer of a far end at `rtp`.
pub fn offer(rtp: &str, direction: Direction, version: u64) -> Body {
    let local = LocalMedia {
        rtp: addr(rtp),
        rtcp_port: None,
        rtcp_mux: false,
        codecs: &[Codec::Pcma],
        telephone_event: Some(super::rtp::EVENTS),
        ptime_ms: 20,
        direction,
        session_id: 77,
        version,
    };
    let mut out = [0; 1024];
    let len = sdp::write_offer(&local, &mut out).expect("it fits");
    Body::Sdp(String::from_utf8_lossy(&out[..len]).into_owned())
}
