//! RTCP: what each end tells the other about the audio it hears (RFC 3550 section 6).
//!
//! [`compound`] reads what a stranger sent, [`report`] writes ours, [`exchange`] keeps one call's side of it. A session
//! drives them every five seconds or so; nothing here is touched by the packets in between, and nothing allocates.
//! Reading and writing are our own because the `rtcp-types` crate allocates for every source description that it reads
//! and every report that it builds; a test holds the two against each other.

pub mod compound;
pub mod exchange;
pub mod report;

pub use exchange::FarReport;
pub use report::MAX_RTCP_LEN;

/// Packet types (RFC 3550 section 12.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

/// Whether a datagram on an RTP port is RTCP: packet types 192–223 share the second byte with marker and payload type
/// (RFC 5761 section 4), of which none in that range is given to RTP.
pub const fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if *first >> 6 == 2)
}

/// Why a received RTCP datagram was dropped, all of it. Every drop has one; each is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RtcpDrop {
    /// A version, length, count or padding that does not fit the datagram (RFC 3550 appendix A.2).
    Malformed,
    /// It does not begin with a sender or receiver report (RFC 3550 section 6.1).
    NoReport,
    /// No far end is negotiated yet.
    NoPlan,
    /// Neither the negotiated address nor that of the latched source.
    ForeignSource,
    /// It reports on others than us, or comes from another than the source that we hear.
    ForeignSsrc,
    /// Numbers that cannot be: more lost than we sent, or jitter beyond ten seconds.
    Implausible,
}

impl RtcpDrop {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All reasons, in the order of their discriminants.
    pub const ALL: [RtcpDrop; 6] = [
        RtcpDrop::Malformed,
        RtcpDrop::NoReport,
        RtcpDrop::NoPlan,
        RtcpDrop::ForeignSource,
        RtcpDrop::ForeignSsrc,
        RtcpDrop::Implausible,
    ];

    /// A word for logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            RtcpDrop::Malformed => "malformed",
            RtcpDrop::NoReport => "no_report",
            RtcpDrop::NoPlan => "no_plan",
            RtcpDrop::ForeignSource => "foreign_source",
            RtcpDrop::ForeignSsrc => "foreign_ssrc",
            RtcpDrop::Implausible => "implausible",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_in_order() {
        for (n, reason) in RtcpDrop::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, n);
        }
    }

    #[test]
    fn rtp_is_not_taken_for_rtcp() {
        for payload_type in (0..64).chain(96..128) {
            assert!(!is_rtcp(&[0x80, payload_type]) && !is_rtcp(&[0x80, 0x80 | payload_type]));
        }
        assert!(is_rtcp(&[0x81, SENDER_REPORT]) && is_rtcp(&[0x80, BYE]));
        assert!(!is_rtcp(&[0x41, SENDER_REPORT]) && !is_rtcp(&[0x80]) && !is_rtcp(&[]));
    }
}
