//! RTP packets as the far end writes and reads them.

use std::time::Instant;

/// Payload types of the far end: PCMA, and telephone-event with the number of our offer.
pub const PCMA: u8 = 8;
pub const EVENTS: u8 = 101;

/// A packet that the far end received.
#[derive(Clone, Debug)]
pub struct Rtp {
    pub at: Instant,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

impl Rtp {
    pub fn read(at: Instant, bytes: &[u8]) -> Self {
        let (header, payload) = bytes.split_at(12);
        assert_eq!(header[0], 0x80, "version 2, no padding, extension or contributing sources");
        Self {
            at,
            payload_type: header[1] & 0x7F,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            payload: payload.to_vec(),
        }
    }
}

/// The far end's stream.
#[derive(Clone, Debug)]
pub struct Stream {
    pub ssrc: u32,
    pub sequence: u16,
}

impl Stream {
    pub fn write(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }
}
