//! Session descriptions (RFC 8866) and the offer/answer exchange (RFC 3264) for one audio stream: PCMU, PCMA and
//! telephone-event (RFC 4733).
//!
//! Owns the text, knows nothing of RTP. [`write_offer`] describes our side, [`read_answer`] reads what the far end
//! made of it, [`answer_offer`] answers a re-INVITE. Foreign text is read in one pass within fixed bounds and without
//! allocation; whatever is wrong with it is a [`Refusal`], never a panic.

mod description;
mod negotiate;
mod offer;

pub use description::{Attribute, Description, MediaLine, SdpError};
pub use negotiate::{Negotiated, Refusal, answer_offer, read_answer};
pub use offer::{LocalMedia, write_offer};

/// An audio codec that we can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// The static payload type (RFC 3551 table 4).
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// The encoding name of the rtpmap attribute.
    pub fn encoding(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }
}

/// Which way media flows, seen from the side that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only from the speaker.
    SendOnly,
    /// Only to the speaker.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The same flow seen from the other side.
    pub fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same => same,
        }
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The speaker sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// The speaker listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}
