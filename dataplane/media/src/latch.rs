//! Which source a call listens to: latch, then lock.
//!
//! The negotiated address is believed at once. Where the line allows it, another source may be latched instead, since
//! a far end behind NAT, or one that sends from a port other than the one it receives on, is only known by its
//! packets. Once a source is locked, all others are refused (promise P14) with two exceptions: the negotiated address
//! always takes over, and a locked source that fell silent may be succeeded by another that the policy admits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::rtp::Header;

/// How long a locked source must be silent before another may succeed it. Longer than any pause that a sender makes
/// with comfort noise (usually ≤ 1 s), shorter than people wait before they hang up on a dead line.
pub const SUCCESSION_SILENCE: Duration = Duration::from_secs(2);

/// From where, other than the negotiated address, a call accepts audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Latching {
    /// From nowhere else.
    Negotiated,
    /// From other ports of the negotiated host.
    SameHost,
    /// From anywhere: for lines whose far ends sit behind NAT. A stranger who guesses the port within the few
    /// milliseconds before the far end speaks can take the call's audio; leave it off where the line allows.
    Any,
}

/// What the latch says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// From the locked source.
    Accept,
    /// Accepted, and this source is locked from here on.
    Latch,
    /// From a source that may be locked if its next packet follows.
    Probation,
    /// From elsewhere.
    Refuse,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing accepted yet.
    Open,
    /// Locked to `source`, last heard at `heard`.
    Locked { source: SocketAddr, heard: Instant },
}

/// A source other than the negotiated one that has sent one packet. Two in sequence are asked for, as RFC 3550
/// appendix A.1 does, so that one sprayed packet latches nothing.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
}

/// The source lock of one call.
#[derive(Debug)]
pub struct Latch {
    negotiated: SocketAddr,
    latching: Latching,
    state: State,
    candidate: Option<Candidate>,
}

impl Latch {
    /// An open latch that waits for `negotiated`.
    pub fn new(negotiated: SocketAddr, latching: Latching) -> Latch {
        Latch { negotiated, latching, state: State::Open, candidate: None }
    }

    /// Where to send: the locked source, else the negotiated address.
    pub fn destination(&self) -> SocketAddr {
        match self.state {
            State::Open => self.negotiated,
            State::Locked { source, .. } => source,
        }
    }

    /// Where RTCP goes: to the negotiated address, unless another source was latched. Of that one only the RTP address is
    /// known, so RTCP goes there too, or to the port above it.
    pub fn rtcp_destination(&self, negotiated: SocketAddr, mux: bool) -> SocketAddr {
        let source = self.destination();
        match next_port(source) {
            _ if source == self.negotiated => negotiated,
            Some(above) if !mux => above,
            Some(_) | None => source,
        }
    }

    /// Whether RTCP from this address is the far end's: the negotiated address, that of the source, or the port above it.
    pub fn hears_rtcp(&self, negotiated: SocketAddr, from: SocketAddr) -> bool {
        let source = self.destination();
        from == negotiated || from == source || Some(from) == next_port(source)
    }

    /// Judges a packet whose payload type and length already fit the call.
    pub fn judge(&mut self, now: Instant, from: SocketAddr, header: &Header) -> Judgement {
        match &mut self.state {
            State::Locked { source, heard } if *source == from => {
                *heard = now;
                Judgement::Accept
            }
            State::Open | State::Locked { .. } if from == self.negotiated => self.lock(now, from),
            State::Locked { heard, .. } if now.saturating_duration_since(*heard) < SUCCESSION_SILENCE => {
                Judgement::Refuse
            }
            State::Open | State::Locked { .. } => self.consider(now, from, header),
        }
    }

    fn consider(&mut self, now: Instant, from: SocketAddr, header: &Header) -> Judgement {
        let admitted = match self.latching {
            Latching::Negotiated => false,
            Latching::SameHost => from.ip() == self.negotiated.ip(),
            Latching::Any => true,
        };
        if !admitted {
            return Judgement::Refuse;
        }
        let follows = Candidate { source: from, ssrc: header.ssrc, next: header.sequence };
        if self.candidate.as_ref() == Some(&follows) {
            return self.lock(now, from);
        }
        self.candidate = Some(Candidate { next: header.sequence.wrapping_add(1), ..follows });
        Judgement::Probation
    }

    fn lock(&mut self, now: Instant, source: SocketAddr) -> Judgement {
        self.state = State::Locked { source, heard: now };
        self.candidate = None;
        Judgement::Latch
    }
}

/// The usual place of RTCP (RFC 3550 section 11).
fn next_port(mut address: SocketAddr) -> Option<SocketAddr> {
    address.set_port(address.port().checked_add(1)?);
    Some(address)
}
