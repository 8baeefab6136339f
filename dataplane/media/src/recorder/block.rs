//! Blocks of a recording, on their way from a shard to the disk thread.

use super::sent::Stretch;
use super::{BLOCK_SAMPLES, LATE_SAMPLES};
use crate::pool::{Lent, Memory, Pool};
use crate::track::AHEAD_SAMPLES;
use crate::wav::Layout;
use crate::{Codec, FRAME_SAMPLES};

/// Samples of the right side in a buffer: a block, the time it waits for late packets, one tick, and what may lie ahead.
const RIGHT_LEN: usize = BLOCK_SAMPLES + LATE_SAMPLES + FRAME_SAMPLES + AHEAD_SAMPLES;

/// Stretches of the left side for which there is memory from the start. A block with more prompts allocates once.
const STRETCHES: usize = 8;

/// Buffers for the recordings of a shard, 8 kB each. A recording holds one, and each block on its way to the disk another.
pub type BlockPool = Pool<Sides>;

/// Memory of both sides of a block.
#[derive(Debug, Default)]
pub struct Sides {
    pub(super) sent: Vec<Stretch>,
    pub(super) right: Box<[u8]>,
}

impl Memory for Sides {
    fn make() -> Sides {
        Sides { sent: Vec::with_capacity(STRETCHES), right: vec![0; RIGHT_LEN].into_boxed_slice() }
    }

    fn clear(&mut self) {
        self.sent.clear();
    }
}

/// A stretch of a recording on its way to the file. Dropping it gives its memory back.
#[derive(Debug)]
pub struct Block {
    sides: Lent<Sides>,
    codec: Codec,
    position: u64,
    len: usize,
}

impl Block {
    pub(super) fn new(sides: Lent<Sides>, codec: Codec, position: u64, len: usize) -> Block {
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

    /// The frames that we sent, encoded in [`Block::codec`].
    pub fn left(&self) -> impl Iterator<Item = &[u8; FRAME_SAMPLES]> {
        self.sides.sent.iter().flat_map(|stretch| stretch.frames(self.codec))
    }

    /// What we received, encoded in [`Block::codec`].
    pub fn right(&self) -> &[u8] {
        &self.sides.right[..self.len]
    }

    /// Appends both sides, woven as a WAV file of `layout` wants them.
    pub fn write_wav(&self, layout: Layout, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + self.len * layout.frame_bytes() as usize, 0);
        let woven = out[begin..].chunks_exact_mut(FRAME_SAMPLES * layout.frame_bytes() as usize);
        let frames = self.left().zip(self.right().as_chunks().0).zip(woven);
        match layout {
            Layout::Pcm16 => {
                let linear = self.codec.decode_table();
                frames.for_each(|((left, right), out)| {
                    weave(left, right, out, |byte| linear[byte].to_le_bytes())
                });
            }
            Layout::G711(codec) => {
                let table = self.codec.transcode_table(codec);
                frames.for_each(|((left, right), out)| weave(left, right, out, |byte| [table[byte]]));
            }
        }
    }
}

/// Puts the samples of a frame of both sides into `out` by turns, each as `store` wants it.
fn weave<const N: usize>(
    left: &[u8; FRAME_SAMPLES],
    right: &[u8; FRAME_SAMPLES],
    out: &mut [u8],
    store: impl Fn(usize) -> [u8; N],
) {
    let (samples, _) = out.as_chunks_mut::<N>();
    for (pair, (&left, &right)) in samples.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
        *pair = [store(left.into()), store(right.into())];
    }
}
