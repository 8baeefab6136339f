//! The codecs that a call may run on, and what differs between them.

use crate::{FRAME_SAMPLES, g711};

/// A negotiated audio codec. Both run at 8 kHz with one byte a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// The payload type which RFC 3551 table 4 gives this codec for good.
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// The codec which owns a static payload type.
    pub const fn from_static_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            _ => None,
        }
    }

    /// The byte that decodes to the level nearest to nothing.
    pub const fn silence(self) -> u8 {
        match self {
            Codec::Pcmu => 0xFF,
            Codec::Pcma => 0xD5,
        }
    }

    /// A frame of silence.
    pub(crate) fn silent_frame(self) -> &'static [u8; FRAME_SAMPLES] {
        static FRAMES: [[u8; FRAME_SAMPLES]; 2] =
            [[Codec::Pcmu.silence(); FRAME_SAMPLES], [Codec::Pcma.silence(); FRAME_SAMPLES]];
        &FRAMES[self as usize]
    }

    /// What turns the lower seven bits of a byte into its magnitude: 0 for silence, 127 for full scale.
    pub(crate) const fn magnitude_mask(self) -> u8 {
        match self {
            Codec::Pcmu => 0x7F,
            Codec::Pcma => 0x55,
        }
    }

    /// Encodes one 16-bit sample.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Codec::Pcmu => g711::encode_ulaw(sample),
            Codec::Pcma => g711::encode_alaw(sample),
        }
    }

    /// Decodes one byte to a 16-bit sample.
    pub const fn decode(self, byte: u8) -> i16 {
        self.decode_table()[byte as usize]
    }

    /// The samples of all 256 bytes, for loops that decode many.
    pub const fn decode_table(self) -> &'static [i16; 256] {
        match self {
            Codec::Pcmu => &g711::ULAW_TO_LINEAR,
            Codec::Pcma => &g711::ALAW_TO_LINEAR,
        }
    }

    /// The table that turns bytes of this codec into bytes of `to`.
    pub const fn transcode_table(self, to: Codec) -> &'static [u8; 256] {
        match (self, to) {
            (Codec::Pcmu, Codec::Pcma) => &g711::ULAW_TO_ALAW,
            (Codec::Pcma, Codec::Pcmu) => &g711::ALAW_TO_ULAW,
            (Codec::Pcmu, Codec::Pcmu) | (Codec::Pcma, Codec::Pcma) => &g711::SAME,
        }
    }
}
