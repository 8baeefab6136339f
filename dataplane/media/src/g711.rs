//! G.711 µ-law and A-law, exact to the definition in ITU-T G.711 as the reference code of ITU-T G.191 reads it:
//! 16-bit linear samples, of which µ-law uses the upper 14 bits and A-law the upper 13.
//!
//! Encoding is arithmetic: it runs only when a prompt is loaded, and a table of 64 KiB would push hotter things out of
//! the cache. Decoding and changing law are tables of 256 entries, built when the crate is compiled.

/// Linear value of each µ-law byte.
pub static ULAW_TO_LINEAR: [i16; 256] = ulaw_table();

/// Linear value of each A-law byte.
pub static ALAW_TO_LINEAR: [i16; 256] = alaw_table();

/// A-law byte nearest to each µ-law byte, by way of the linear value.
pub static ULAW_TO_ALAW: [u8; 256] = {
    let (linear, mut table, mut byte) = (ulaw_table(), [0; 256], 0);
    while byte < 256 {
        table[byte] = encode_alaw(linear[byte]);
        byte += 1;
    }
    table
};

/// µ-law byte nearest to each A-law byte, by way of the linear value.
pub static ALAW_TO_ULAW: [u8; 256] = {
    let (linear, mut table, mut byte) = (alaw_table(), [0; 256], 0);
    while byte < 256 {
        table[byte] = encode_ulaw(linear[byte]);
        byte += 1;
    }
    table
};

/// Every byte itself, so that "same law" needs no branch of its own.
pub static SAME: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        table[byte] = byte as u8;
        byte += 1;
    }
    table
};

/// µ-law (G.711 table 2): 14 bits, biased by 33 so that every segment starts at a power of two.
pub const fn encode_ulaw(sample: i16) -> u8 {
    let linear = sample as i32;
    let folded = if linear < 0 { !linear } else { linear };
    let biased = (folded >> 2) + 33;
    let magnitude = if biased > 0x1FFF { 0x1FFF } else { biased };
    let segment = 26 - magnitude.leading_zeros() as i32;
    let code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F);
    let sign = if linear < 0 { 0x7F } else { 0xFF };
    (code ^ sign) as u8
}

/// A-law (G.711 table 1): 13 bits, even bits inverted on the line.
pub const fn encode_alaw(sample: i16) -> u8 {
    let linear = sample as i32;
    let magnitude = (if linear < 0 { !linear } else { linear }) >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 28 - magnitude.leading_zeros() as i32;
        (segment << 4) | ((magnitude >> (segment - 1)) & 0x0F)
    };
    let sign = if linear < 0 { 0x00 } else { 0x80 };
    ((code | sign) ^ 0x55) as u8
}

const fn ulaw_table() -> [i16; 256] {
    let (mut table, mut byte) = ([0i16; 256], 0usize);
    while byte < 256 {
        let code = !(byte as i32) & 0x7F;
        let (segment, step) = (code >> 4, code & 0x0F);
        let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
        table[byte] = (if byte < 128 { -magnitude } else { magnitude }) as i16;
        byte += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let (mut table, mut byte) = ([0i16; 256], 0usize);
    while byte < 256 {
        let code = (byte as i32 ^ 0x55) & 0x7F;
        let (segment, step) = (code >> 4, code & 0x0F);
        let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
        table[byte] = (if byte < 128 { -magnitude } else { magnitude }) as i16;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision values of G.711 table 2a (µ-law, of ±8159) built from the segments as the table lists them:
    /// 16 intervals a segment, the first interval of all only half as wide.
    fn ulaw_decisions() -> Vec<i32> {
        let mut values = vec![0];
        let mut at = 1;
        for segment in 0..8 {
            for _ in 0..if segment == 0 { 15 } else { 16 } {
                values.push(at);
                at += 2 << segment;
            }
        }
        assert_eq!((values.len(), values[127]), (128, 7903));
        values
    }

    /// Decision values of G.711 table 1a (A-law, of ±4096).
    fn alaw_decisions() -> Vec<i32> {
        let (mut values, mut at) = (vec![], 0);
        for segment in 0..8 {
            for _ in 0..16 {
                values.push(at);
                at += if segment < 2 { 2 } else { 1 << segment };
            }
        }
        assert_eq!((values.len(), at), (128, 4096));
        values
    }

    fn interval(decisions: &[i32], magnitude: i32) -> u8 {
        (decisions.partition_point(|&d| d <= magnitude) - 1) as u8
    }

    #[test]
    fn every_sample_encodes_to_the_interval_of_the_ulaw_table() {
        let decisions = ulaw_decisions();
        for sample in i16::MIN..=i16::MAX {
            let folded = if sample < 0 { !i32::from(sample) } else { i32::from(sample) };
            let number = interval(&decisions, folded >> 2);
            let expected = if sample < 0 { 0x7F - number } else { 0xFF - number };
            assert_eq!(encode_ulaw(sample), expected, "{sample}");
        }
    }

    #[test]
    fn every_sample_encodes_to_the_interval_of_the_alaw_table() {
        // The table counts in units of which 4096 are full scale: 1/8 of a 16-bit step.
        let decisions = alaw_decisions();
        for sample in i16::MIN..=i16::MAX {
            let folded = if sample < 0 { !i32::from(sample) } else { i32::from(sample) };
            let number = interval(&decisions, folded >> 3);
            let expected = (number | if sample < 0 { 0 } else { 0x80 }) ^ 0x55;
            assert_eq!(encode_alaw(sample), expected, "{sample}");
        }
    }

    #[test]
    fn every_byte_decodes_to_the_middle_of_its_interval() {
        let (ulaw, alaw) = (ulaw_decisions(), alaw_decisions());
        for byte in 0..=255u8 {
            let number = usize::from(!byte & 0x7F);
            let (low, high) = (ulaw[number], ulaw.get(number + 1).copied().unwrap_or(8159));
            let value = if number == 0 { 0 } else { (low + high) * 2 };
            let value = if byte < 128 { -value } else { value };
            assert_eq!(i32::from(ULAW_TO_LINEAR[usize::from(byte)]), value, "ulaw {byte:#x}");

            let number = usize::from((byte ^ 0x55) & 0x7F);
            let (low, high) = (alaw[number], alaw.get(number + 1).copied().unwrap_or(4096));
            let value = (low + high) * 4;
            let value = if byte < 128 { -value } else { value };
            assert_eq!(i32::from(ALAW_TO_LINEAR[usize::from(byte)]), value, "alaw {byte:#x}");
        }
    }

    #[test]
    fn bytes_survive_a_round_trip() {
        for byte in 0..=255u8 {
            assert_eq!(encode_alaw(ALAW_TO_LINEAR[usize::from(byte)]), byte);
            // µ-law has two zeros; linear has one.
            let expected = if byte == 0x7F { 0xFF } else { byte };
            assert_eq!(encode_ulaw(ULAW_TO_LINEAR[usize::from(byte)]), expected);
        }
    }

    #[test]
    fn changing_law_keeps_the_level() {
        for byte in 0..=255usize {
            let (before, after) =
                (i32::from(ULAW_TO_LINEAR[byte]), i32::from(ALAW_TO_LINEAR[usize::from(ULAW_TO_ALAW[byte])]));
            assert!((before - after).abs() <= (before.abs() / 16).max(16), "{byte:#x}: {before} {after}");
            assert_eq!(SAME[byte] as usize, byte);
        }
    }
}
