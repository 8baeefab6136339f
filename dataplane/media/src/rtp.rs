//! RTP packets: reading what a stranger sent, writing what we send (RFC 3550 section 5.1).
//!
//! Reading goes through the `rtp-rs` crate, which checks every length before a field is touched. Whatever is wrong with
//! a packet becomes a [`DropReason`]; nothing here panics on any bytes.

use rtp_rs::{RtpReader, RtpReaderError};

/// Bytes of a header without contributing sources or extension, the only kind that we write.
pub const HEADER_LEN: usize = 12;

/// The longest packet that [`crate::MediaSession::tick`] writes: a header and 20 ms of G.711.
pub const MAX_PACKET_LEN: usize = HEADER_LEN + crate::FRAME_SAMPLES;

/// Why a received packet was dropped. Every drop has one; each is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// Shorter than an RTP header.
    TooShort,
    /// Not version 2: STUN, DTLS, key-alive bytes, noise.
    NotRtp,
    /// Contributing sources, extension or padding reach past the end of the packet.
    Malformed,
    /// No far end is negotiated yet.
    NoPlan,
    /// The far end was not negotiated to send.
    Direction,
    /// Neither negotiated nor latched as the call's source.
    ForeignSource,
    /// A source that may be latched, heard for the first time; the next packet in sequence latches it.
    Probation,
    /// A payload type that was not negotiated.
    PayloadType,
    /// Audio outside 5–60 ms, or a telephone-event that is not a multiple of 4 bytes.
    PayloadLength,
    /// A sequence number that was already received.
    Duplicate,
    /// More than 64 packets behind the newest; or, of a bridged call, outside the 120 ms that wait to be relayed.
    TooLate,
    /// A jump of the sequence; the next packet tells whether the sender restarted (RFC 3550 appendix A.1).
    SequenceJump,
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All reasons, in the order of their discriminants.
    pub const ALL: [DropReason; 12] = [
        DropReason::TooShort,
        DropReason::NotRtp,
        DropReason::Malformed,
        DropReason::NoPlan,
        DropReason::Direction,
        DropReason::ForeignSource,
        DropReason::Probation,
        DropReason::PayloadType,
        DropReason::PayloadLength,
        DropReason::Duplicate,
        DropReason::TooLate,
        DropReason::SequenceJump,
    ];

    /// A word for logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            DropReason::TooShort => "too_short",
            DropReason::NotRtp => "not_rtp",
            DropReason::Malformed => "malformed",
            DropReason::NoPlan => "no_plan",
            DropReason::Direction => "direction",
            DropReason::ForeignSource => "foreign_source",
            DropReason::Probation => "probation",
            DropReason::PayloadType => "payload_type",
            DropReason::PayloadLength => "payload_length",
            DropReason::Duplicate => "duplicate",
            DropReason::TooLate => "too_late",
            DropReason::SequenceJump => "sequence_jump",
        }
    }
}

/// The fields of an RTP header that matter to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talkspurt (RFC 3551 section 4.1).
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    /// Wraps at 2¹⁶.
    pub sequence: u16,
    /// In samples; wraps at 2³².
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// Writes the header into the first [`HEADER_LEN`] bytes of `out`.
    ///
    /// # Panics
    /// If `out` is shorter than that.
    pub fn write(&self, out: &mut [u8]) {
        let out = out.first_chunk_mut::<HEADER_LEN>().expect("the lent buffer holds a header");
        out[0] = 0x80;
        out[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// A packet as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its header.
    pub header: Header,
    /// What follows header, contributing sources and extension, without padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet, or says why it is none. RTCP has to be told from it before, by [`crate::rtcp::is_rtcp`].
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, DropReason> {
        let reader = RtpReader::new(bytes).map_err(|error| match error {
            RtpReaderError::BufferTooShort(_) => DropReason::TooShort,
            RtpReaderError::UnsupportedVersion(_) => DropReason::NotRtp,
            RtpReaderError::HeadersTruncated { .. } | RtpReaderError::PaddingLengthInvalid(_) => {
                DropReason::Malformed
            }
        })?;
        let header = Header {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        };
        Ok(Packet { header, payload: reader.payload() })
    }
}

/// Where our own stream stands: numbers of the next packet.
///
/// The timestamp runs with every frame, sent or not, so that a pause is a pause at the far end too; the sequence runs
/// with packets.
#[derive(Debug)]
pub struct Sender {
    ssrc: u32,
    timestamp: u32,
    /// Bytes of payload written; wraps at 2³².
    octets: u32,
    sequence: u16,
    /// Whether the frame before this one was sent; a talkspurt begins when it was not.
    talking: bool,
}

impl Sender {
    /// Starts a stream at the given seeds, which must be random (RFC 3550 section 5.1).
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Sender {
        Sender { ssrc, timestamp, octets: 0, sequence, talking: false }
    }

    /// Writes header and payload, moves on, and returns the length of the packet.
    ///
    /// # Panics
    /// If `out` is too short for the packet.
    pub fn write(&mut self, payload_type: u8, payload: &[u8], out: &mut [u8]) -> usize {
        let header = Header {
            marker: !self.talking,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        header.write(out);
        let end = HEADER_LEN + payload.len();
        out[HEADER_LEN..end].copy_from_slice(payload);
        self.talking = true;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(payload.len() as u32);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        end
    }

    /// Writes a telephone-event in place of a frame of 20 ms, and returns the length of the packet. `timestamp` is that of the event's start,
    /// whose packet has the marker bit (RFC 4733 section 2.5.1.1).
    ///
    /// # Panics
    /// If `out` is too short for the packet.
    pub fn write_event(
        &mut self,
        payload_type: u8,
        is_first: bool,
        timestamp: u32,
        event: [u8; 4],
        out: &mut [u8],
    ) -> usize {
        let Self { ssrc, sequence, .. } = *self;
        Header { marker: is_first, payload_type, sequence, timestamp, ssrc }.write(out);
        let end = HEADER_LEN + event.len();
        out[HEADER_LEN..end].copy_from_slice(&event);
        self.sequence = sequence.wrapping_add(1);
        self.octets = self.octets.wrapping_add(event.len() as u32);
        self.skip(crate::FRAME_SAMPLES as u32);
        end
    }

    /// Lets a frame of `samples` pass without a packet.
    pub fn skip(&mut self, samples: u32) {
        self.talking = false;
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Our synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Timestamp of the next frame.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Bytes of payload written; wraps at 2³².
    pub fn octets(&self) -> u32 {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_reads_back() {
        let mut out = [0; 64];
        let mut sender = Sender::new(0xDEAD_BEEF, 65_535, u32::MAX - 79);
        assert_eq!(sender.write(8, &[1; 40], &mut out), 52);
        let packet = Packet::parse(&out[..52]).unwrap();
        assert_eq!(
            packet.header,
            Header {
                marker: true,
                payload_type: 8,
                sequence: 65_535,
                timestamp: u32::MAX - 79,
                ssrc: 0xDEAD_BEEF
            }
        );
        assert_eq!(packet.payload, [1; 40]);

        sender.skip(60);
        let len = sender.write(8, &[2; 40], &mut out);
        let header = Packet::parse(&out[..len]).unwrap().header;
        assert_eq!((header.marker, header.sequence, header.timestamp), (true, 0, 20));
        let len = sender.write(8, &[2; 40], &mut out);
        let header = Packet::parse(&out[..len]).unwrap().header;
        assert_eq!((header.marker, header.sequence, header.timestamp), (false, 1, 60));
    }

    #[test]
    fn reasons_are_numbered_in_order() {
        for (n, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, n);
        }
    }
}
