//! Blocks of a recording, on their way from a shard to the disk thread.

use std::ops::Range;

use super::{BLOCK_SAMPLES, LATE_SAMPLES};
use crate::pool::{Buffer, Pool, PoolExhausted};
use crate::track::AHEAD_SAMPLES;
use crate::wav::Layout;
use crate::{Codec, FRAME_SAMPLES};

/// Samples of one side in a buffer: a block, the time it waits for late packets, one tick, and what may lie ahead.
pub(super) const SIDE_LEN: usize = BLOCK_SAMPLES + LATE_SAMPLES + FRAME_SAMPLES + AHEAD_SAMPLES;

/// Buffers for the recordings of a shard, 16 kB each. A recording holds one, and each block on its way to the disk
/// another.
pub type BlockPool = Pool<{ 2 * SIDE_LEN }>;

/// Memory of both sides, left first.
#[derive(Debug)]
pub(super) struct Sides(Buffer);

impl Sides {
    pub(super) fn take(pool: &BlockPool) -> Result<Sides, PoolExhausted> {
        pool.take().map(Sides)
    }

    pub(super) fn left_mut(&mut self) -> &mut [u8] {
        &mut self.0.bytes[..SIDE_LEN]
    }

    pub(super) fn right_mut(&mut self) -> &mut [u8] {
        &mut self.0.bytes[SIDE_LEN..]
    }

    /// Moves what is still wanted of each side to its front.
    pub(super) fn forget(&mut self, left: Range<usize>, right: Range<usize>) {
        self.left_mut().copy_within(left, 0);
        self.right_mut().copy_within(right, 0);
    }

    /// Takes over from `full` what is still wanted of each side.
    pub(super) fn continue_from(&mut self, full: &mut Sides, left: Range<usize>, right: Range<usize>) {
        self.left_mut()[..left.len()].copy_from_slice(&full.left_mut()[left]);
        self.right_mut()[..right.len()].copy_from_slice(&full.right_mut()[right]);
    }
}

/// A stretch of a recording on its way to the file. Dropping it gives its memory back.
#[derive(Debug)]
pub struct Block {
    sides: Sides,
    codec: Codec,
    position: u64,
    len: usize,
}

impl Block {
    pub(super) fn new(sides: Sides, codec: Codec, position: u64, len: usize) -> Block {
        Block { sides, codec, position, len }
    }

    /// Law of both sides.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Where it belongs, in samples from the start of the recording. Blocks come in order; a gap between two, left by
    /// a block that was lost or by time in which nothing ran, is silence.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Samples of each side, at least 1.
    pub fn samples(&self) -> usize {
        self.len
    }

    /// What we sent, encoded in [`Block::codec`].
    pub fn left(&self) -> &[u8] {
        &self.sides.0.bytes[..self.len]
    }

    /// What we received, encoded in [`Block::codec`].
    pub fn right(&self) -> &[u8] {
        &self.sides.0.bytes[SIDE_LEN..SIDE_LEN + self.len]
    }

    /// Appends both sides, woven as a WAV file of `layout` wants them.
    pub fn write_wav(&self, layout: Layout, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + self.len * layout.frame_bytes() as usize, 0);
        let woven = &mut out[begin..];
        let pairs = self.left().iter().zip(self.right());
        match layout {
            Layout::Pcm16 => {
                let linear = self.codec.decode_table();
                for (out, (&left, &right)) in woven.as_chunks_mut().0.iter_mut().zip(pairs) {
                    let ([a, b], [c, d]) =
                        (linear[usize::from(left)].to_le_bytes(), linear[usize::from(right)].to_le_bytes());
                    *out = [a, b, c, d];
                }
            }
            Layout::G711(codec) => {
                let table = self.codec.transcode_table(codec);
                for (out, (&left, &right)) in woven.as_chunks_mut().0.iter_mut().zip(pairs) {
                    *out = [table[usize::from(left)], table[usize::from(right)]];
                }
            }
        }
    }
}
