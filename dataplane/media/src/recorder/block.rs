//! Blocks of a recording and the pool that their buffers return to.
//!
//! A block goes from a shard to the disk thread; dropping it there gives its buffer back to the shard's pool through
//! one lock-free queue. The pool bounds the memory of all recordings of a shard.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

use super::{AHEAD_SAMPLES, BLOCK_SAMPLES, LATE_SAMPLES};
use crate::wav::Layout;
use crate::{Codec, FRAME_SAMPLES};

/// Samples of one side in a buffer: a block, the time it waits for late packets, one tick, and what may lie ahead.
pub(super) const SIDE_LEN: usize = BLOCK_SAMPLES + LATE_SAMPLES + FRAME_SAMPLES + AHEAD_SAMPLES;

/// No buffer is free: the recording cannot start, or a block of it was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all buffers of the recording pool are in use")]
pub struct PoolExhausted;

/// Memory of both sides, left first. Dropping it gives the memory back to its pool.
#[derive(Debug)]
pub(super) struct Buffer {
    /// Empty only while it is being dropped.
    bytes: Box<[u8]>,
    home: Arc<Shelf>,
}

impl Buffer {
    pub(super) fn left_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..SIDE_LEN]
    }

    pub(super) fn right_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[SIDE_LEN..]
    }

    /// Moves what is still wanted of each side to its front.
    pub(super) fn forget(&mut self, left: Range<usize>, right: Range<usize>) {
        self.left_mut().copy_within(left, 0);
        self.right_mut().copy_within(right, 0);
    }

    /// Takes over from `full` what is still wanted of each side.
    pub(super) fn continue_from(&mut self, full: &mut Buffer, left: Range<usize>, right: Range<usize>) {
        self.left_mut()[..left.len()].copy_from_slice(&full.left_mut()[left]);
        self.right_mut()[..right.len()].copy_from_slice(&full.right_mut()[right]);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // The queue has room for every buffer that was made.
        let _ = self.home.free.push(std::mem::take(&mut self.bytes));
    }
}

#[derive(Debug)]
struct Shelf {
    free: ArrayQueue<Box<[u8]>>,
    made: AtomicUsize,
}

/// Buffers for the recordings of a shard. Clones are handles to the same pool.
///
/// A recording holds one buffer, and each block on its way to the disk another. Buffers are made when they are first
/// needed, 16 kB each, and kept.
#[derive(Clone, Debug)]
pub struct BlockPool(Arc<Shelf>);

impl BlockPool {
    /// A pool of at most `limit` buffers, at least 1.
    pub fn new(limit: usize) -> BlockPool {
        BlockPool(Arc::new(Shelf { free: ArrayQueue::new(limit.max(1)), made: AtomicUsize::new(0) }))
    }

    /// Buffers that are in use: by recordings, and by blocks not yet written.
    pub fn in_use(&self) -> usize {
        self.0.made.load(Ordering::Relaxed).saturating_sub(self.0.free.len())
    }

    /// The most buffers there may be.
    pub fn limit(&self) -> usize {
        self.0.free.capacity()
    }

    pub(super) fn take(&self) -> Result<Buffer, PoolExhausted> {
        let bytes = match self.0.free.pop() {
            Some(bytes) => bytes,
            None => self.make()?,
        };
        Ok(Buffer { bytes, home: Arc::clone(&self.0) })
    }

    fn make(&self) -> Result<Box<[u8]>, PoolExhausted> {
        let grow = |made: usize| (made < self.limit()).then_some(made + 1);
        match self.0.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => Ok(vec![0; 2 * SIDE_LEN].into_boxed_slice()),
            Err(_) => Err(PoolExhausted),
        }
    }
}

/// A stretch of a recording on its way to the file. Dropping it gives its memory back.
#[derive(Debug)]
pub struct Block {
    buffer: Buffer,
    codec: Codec,
    position: u64,
    len: usize,
}

impl Block {
    pub(super) fn new(buffer: Buffer, codec: Codec, position: u64, len: usize) -> Block {
        Block { buffer, codec, position, len }
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
        &self.buffer.bytes[..self.len]
    }

    /// What we received, encoded in [`Block::codec`].
    pub fn right(&self) -> &[u8] {
        &self.buffer.bytes[SIDE_LEN..SIDE_LEN + self.len]
    }

    /// Appends both sides, woven as a WAV file of `layout` wants them.
    pub fn write_wav(&self, layout: Layout, out: &mut Vec<u8>) {
        let pairs = self.left().iter().zip(self.right());
        match layout {
            Layout::Pcm16 => {
                let linear = self.codec.decode_table();
                out.extend(pairs.flat_map(|(&left, &right)| {
                    let [a, b] = linear[usize::from(left)].to_le_bytes();
                    let [c, d] = linear[usize::from(right)].to_le_bytes();
                    [a, b, c, d]
                }));
            }
            Layout::G711(codec) => {
                let table = self.codec.transcode_table(codec);
                out.extend(pairs.flat_map(|(&l, &r)| [table[usize::from(l)], table[usize::from(r)]]));
            }
        }
    }
}
