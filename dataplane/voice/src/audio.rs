//! From the G.711 of a call to what a server wants.

use media::Codec;

/// How a server wants its audio: one channel, without a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioFormat {
    /// G.711 μ-law at 8 kHz, a byte a sample.
    Mulaw,
    /// Linear, 16 bits, little-endian, at 8 kHz.
    Linear8,
    /// The same at 16 kHz.
    Linear16,
}

impl AudioFormat {
    /// Bytes of a second.
    pub fn bytes_a_second(self) -> usize {
        match self {
            Self::Mulaw => 8_000,
            Self::Linear8 => 16_000,
            Self::Linear16 => 32_000,
        }
    }

    /// Samples a second.
    pub fn rate(self) -> u32 {
        match self {
            Self::Mulaw | Self::Linear8 => 8_000,
            Self::Linear16 => 16_000,
        }
    }
}

/// Turns the samples of one call into a format. Keeps the last sample, so that nothing clicks between two pieces.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: AudioFormat,
    last: i16,
}

impl Encoder {
    /// An encoder at the beginning of a call.
    pub fn new(format: AudioFormat) -> Self {
        Self { format, last: 0 }
    }

    /// The format that it gives.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// `samples` in `codec`, in the format.
    pub fn encode(&mut self, codec: Codec, samples: &[u8]) -> Vec<u8> {
        let table = codec.decode_table();
        let linear = samples.iter().map(|sample| table[usize::from(*sample)]);
        match self.format {
            AudioFormat::Mulaw => {
                let table = codec.transcode_table(Codec::Pcmu);
                samples.iter().map(|sample| table[usize::from(*sample)]).collect()
            }
            AudioFormat::Linear8 => linear.flat_map(i16::to_le_bytes).collect(),
            AudioFormat::Linear16 => {
                // Telephone audio ends at 3.4 kHz; the mean of two samples between them is as much as a recogniser hears of it.
                let mut bytes = Vec::with_capacity(4 * samples.len());
                for sample in linear {
                    let between = (i32::from(self.last) + i32::from(sample)) / 2;
                    bytes.extend_from_slice(&(between as i16).to_le_bytes());
                    bytes.extend_from_slice(&sample.to_le_bytes());
                    self.last = sample;
                }
                bytes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_their_size() {
        let samples = vec![Codec::Pcma.encode(1_000); 800];
        for (format, bytes) in
            [(AudioFormat::Mulaw, 800), (AudioFormat::Linear8, 1_600), (AudioFormat::Linear16, 3_200)]
        {
            assert_eq!(Encoder::new(format).encode(Codec::Pcma, &samples).len(), bytes);
            assert_eq!(format.bytes_a_second(), bytes * 10);
        }
    }

    #[test]
    fn pieces_join_without_a_click() {
        let loud = [Codec::Pcmu.encode(8_000); 2];
        let mut encoder = Encoder::new(AudioFormat::Linear16);
        let first = encoder.encode(Codec::Pcmu, &loud);
        let second = encoder.encode(Codec::Pcmu, &loud);
        let sample = |bytes: &[u8]| i16::from_le_bytes([bytes[0], bytes[1]]);
        assert!(sample(&first) < sample(&second), "between silence and the first, between the same");
        assert_eq!(sample(&second), sample(&second[2..]));
    }
}
