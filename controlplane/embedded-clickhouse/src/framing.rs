//! Compressed bodies: ClickHouse's own frames (`compress=1`, `decompress=1`) and LZ4's (`Content-Encoding: lz4`).
//!
//! A frame of ClickHouse's: 16 bytes CityHash128 (version 1.0.2) of all that follows in the frame; 1 byte method (0x82
//! LZ4, 0x02 none); 4 bytes length of method, lengths and block; 4 bytes length of the data; the block.

use std::io::{self, BufRead, BufReader, Read};

use lz4_flex::frame::FrameDecoder;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const LZ4: u8 = 0x82;
const NONE: u8 = 0x02;
/// Largest block that we take, both ways round. Clients cut at 1 MiB or so; ClickHouse itself allows 1 GiB, which would
/// let a few requests take all the memory there is.
const BLOCK_MAX: usize = 128 << 20;

/// One frame around `data` (at most 4 GiB).
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; CHECKSUM + HEADER + lz4_flex::block::get_maximum_output_size(data.len())];
    let length = lz4_flex::block::compress_into(data, &mut frame[CHECKSUM + HEADER..])
        .expect("the output has the maximum size");
    frame.truncate(CHECKSUM + HEADER + length);
    frame[CHECKSUM] = LZ4;
    frame[CHECKSUM + 1..CHECKSUM + 5].copy_from_slice(&length_of(HEADER + length));
    frame[CHECKSUM + 5..CHECKSUM + 9].copy_from_slice(&length_of(data.len()));
    let checksum = checksum(&frame[CHECKSUM..]);
    frame[..CHECKSUM].copy_from_slice(&checksum);
    frame
}

fn length_of(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("pieces of a result are far below 4 GiB").to_le_bytes()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Reads frames and yields what they hold.
pub(crate) struct Decompressor<R> {
    frames: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> Decompressor<R> {
    pub(crate) fn new(frames: R) -> Self {
        Self { frames, block: Vec::new(), at: 0 }
    }

    /// Reads the next frame; false at the end between two frames.
    fn next_frame(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let first = self.frames.read(&mut head)?;
        if first == 0 {
            return Ok(false);
        }
        self.frames.read_exact(&mut head[first..])?;
        let field = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
        let (method, compressed, plain) = (head[CHECKSUM], field(CHECKSUM + 1), field(CHECKSUM + 5));
        if !(HEADER..=BLOCK_MAX).contains(&compressed) || plain > BLOCK_MAX {
            return Err(invalid("a compressed frame claims an impossible size"));
        }
        // Grows with what really arrives, not with what the frame claims.
        let mut frame = head[CHECKSUM..].to_vec();
        let rest = (compressed - HEADER) as u64;
        if self.frames.by_ref().take(rest).read_to_end(&mut frame)? as u64 != rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if checksum(&frame) != head[..CHECKSUM] {
            return Err(invalid("the checksum of a compressed frame does not match"));
        }
        let packed = &frame[HEADER..];
        self.block = match method {
            LZ4 => {
                lz4_flex::block::decompress(packed, plain).map_err(|_| invalid("an LZ4 block is broken"))?
            }
            NONE => packed.to_vec(),
            _ => return Err(invalid("a compressed frame uses another method than LZ4")),
        };
        if self.block.len() != plain {
            return Err(invalid("a compressed frame holds another length than it claims"));
        }
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for Decompressor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_frame()? {
                return Ok(0);
            }
        }
        let length = into.len().min(self.block.len() - self.at);
        into[..length].copy_from_slice(&self.block[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// Reads frames of the LZ4 frame format, one after the other: clients send one a block.
///
/// Each frame gets a decoder of its own: one decoder ends after its first frame, does not bear another block size in its
/// second, and takes a frame that was cut between two blocks for a whole one.
pub(crate) enum Lz4Frames<R: Read> {
    Between(Rest<R>),
    Within(Box<FrameDecoder<Rest<R>>>),
    Ended,
}

impl<R: Read> Lz4Frames<R> {
    pub(crate) fn new(frames: R) -> Self {
        Self::Between(Rest { bytes: BufReader::new(frames), ended: false })
    }
}

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Between(mut rest) => {
                    if rest.bytes.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    *self = Self::Within(Box::new(FrameDecoder::new(rest)));
                }
                Self::Within(mut frame) => {
                    let length = frame.read(into)?;
                    if length > 0 || into.is_empty() {
                        *self = Self::Within(frame);
                        return Ok(length);
                    }
                    let rest = frame.into_inner();
                    if rest.ended {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    *self = Self::Between(rest);
                }
                Self::Ended => return Ok(0),
            }
        }
    }
}

/// Bytes that notice when more is wanted than there is.
pub(crate) struct Rest<R: Read> {
    bytes: BufReader<R>,
    ended: bool,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(into)?;
        self.ended |= length == 0 && !into.is_empty();
        Ok(length)
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decompress(frames: &[u8]) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        Decompressor::new(frames).read_to_end(&mut data)?;
        Ok(data)
    }

    #[test]
    fn frames_come_back() {
        let (first, second) = (b"abc\n\nabc".repeat(1000), b"".to_vec());
        let frames = [compress(&first), compress(&second), compress(b"x")].concat();
        assert_eq!(decompress(&frames).expect("good frames"), [&first[..], b"x"].concat());
    }

    #[test]
    fn frames_of_lz4_follow_each_other() {
        use std::io::Write;
        let frame = |data: &[u8]| {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(data).expect("a vector takes all");
            encoder.finish().expect("a vector takes all")
        };
        let frames = [frame(b"one\n\n"), frame(b""), frame(&[7; 300_000]), frame(b"end")].concat();
        let mut data = Vec::new();
        Lz4Frames::new(&frames[..]).read_to_end(&mut data).expect("good frames");
        assert_eq!(data, [&b"one\n\n"[..], &[7; 300_000], b"end"].concat());
        assert_eq!(Lz4Frames::new(&b""[..]).read(&mut [0]).expect("nothing"), 0);
        let short = [frame(b"one"), frame(b"two")].concat();
        let first = frame(b"one").len();
        for end in (1..short.len()).filter(|&end| end != first) {
            assert!(Lz4Frames::new(&short[..end]).read_to_end(&mut data).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_an_error() {
        let frame = compress(b"some data, some data, some data");
        for end in 1..frame.len() {
            assert!(decompress(&frame[..end]).is_err(), "cut at {end}");
        }
        for at in 0..frame.len() {
            let mut broken = frame.clone();
            broken[at] ^= 0x40;
            assert!(decompress(&broken).is_err(), "flipped at {at}");
        }
    }
}
