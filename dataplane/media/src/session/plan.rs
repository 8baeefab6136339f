//! What was agreed with the far end, and what packets are by it.

use std::net::SocketAddr;

use crate::Codec;
use crate::latch::Latching;
use crate::rtp::{DropReason, Header};

use super::Received;

/// Shortest and longest audio payload taken, in samples: 5 ms and 60 ms. Peers pack 10 to 60 ms.
const AUDIO_SAMPLES: std::ops::RangeInclusive<usize> = 40..=480;

/// Comfort noise (RFC 3389): one level byte and up to 10 coefficients in practice.
const COMFORT_NOISE_PAYLOAD_TYPE: u8 = 13;

/// Which way audio may flow, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendReceive,
    /// Only from us to the far end.
    SendOnly,
    /// Only from the far end to us.
    ReceiveOnly,
    /// Neither way: the call is on hold.
    Inactive,
}

impl Direction {
    pub(super) const fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    pub(super) const fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }
}

/// What offer and answer agreed on. We send 20 ms a packet; 5 to 60 ms are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPlan {
    /// Where the far end wants its RTP.
    pub remote: SocketAddr,
    /// Where it wants its RTCP: `remote` itself when both share the port.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port, at both ends (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether it takes RTCP. Not while it holds the call with the address 0.0.0.0 (RFC 3264 section 8.4).
    pub wants_rtcp: bool,
    /// What we send. The other law is understood on its static payload type too, since both are in our offers and a
    /// far end may switch between them at any time.
    pub codec: Codec,
    /// Payload type of `codec`, 0–127.
    pub payload_type: u8,
    /// Payload type of telephone-event at 8 kHz, if agreed.
    pub telephone_event: Option<u8>,
    /// Which way audio may flow.
    pub direction: Direction,
    /// Which sources other than `remote` may be latched.
    pub latching: Latching,
}

/// What a packet is by payload type and length; its source is not yet known to be right.
pub(super) fn classify<'a>(
    plan: &MediaPlan,
    header: &Header,
    payload: &'a [u8],
) -> Result<Received<'a>, DropReason> {
    let payload_type = header.payload_type;
    let codec = if payload_type == plan.payload_type {
        Some(plan.codec)
    } else if Some(payload_type) == plan.telephone_event {
        return if !payload.is_empty() && payload.len().is_multiple_of(4) {
            Ok(Received::TelephoneEvent)
        } else {
            Err(DropReason::PayloadLength)
        };
    } else if payload_type == COMFORT_NOISE_PAYLOAD_TYPE {
        return Ok(Received::ComfortNoise);
    } else {
        Codec::from_static_payload_type(payload_type)
    };
    let codec = codec.ok_or(DropReason::PayloadType)?;
    if !AUDIO_SAMPLES.contains(&payload.len()) {
        return Err(DropReason::PayloadLength);
    }
    Ok(Received::Audio { codec, header: *header, payload })
}
