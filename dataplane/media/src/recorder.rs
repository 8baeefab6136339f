//! Stereo recording of one call: left what we sent, right what we received.
//!
//! Both sides are kept as G.711, as they were on the wire, in one buffer, and leave it as blocks of 800 ms. Weaving the
//! sides together and turning them into linear samples is left to whoever writes the file ([`Block::write_wav`]): on
//! the shard a recording costs two copies of 160 bytes each 20 ms.
//!
//! The timeline is the tick's. What we send lies at the time of its tick; what we receive is placed by its RTP
//! timestamp, so that packets which come late or out of order (by up to [`LATE_SAMPLES`]) still find their place, and
//! what never comes is silence.

mod block;

use block::Sides;
pub use block::{Block, BlockPool};

use std::time::Instant;

use crate::pool::PoolExhausted;
use crate::rtp::Header;
use crate::track::{Track, Window, copy, samples_between};
use crate::{Codec, FRAME_SAMPLES};

/// Samples of a side in a full block: 800 ms. With [`LATE_SAMPLES`] and the way to the disk a process that is killed
/// loses less than the last second (promise P5), which blocks of a whole second could not hold.
pub const BLOCK_SAMPLES: usize = 6400;

/// How late a received packet may be and still be placed for certain: 60 ms. The block waits that long for it.
pub const LATE_SAMPLES: usize = 480;

/// Missed ticks up to this much are caught up by the ticks themselves; beyond it the time is silence on the left.
const CATCH_UP_SAMPLES: u64 = 3 * FRAME_SAMPLES as u64;

/// The recording of one call.
#[derive(Debug)]
pub struct Recorder {
    pool: BlockPool,
    sides: Sides,
    origin: Instant,
    /// Timeline position of the buffer's first sample.
    base: u64,
    /// Samples of the left side in the buffer: the timeline's present, less `base`.
    filled: usize,
    /// The right side.
    right: Track,
    ready: Option<Block>,
    overrun: bool,
}

impl Recorder {
    /// Starts at the timeline's zero, `now`. Both sides are stored in `codec`; what comes in the other law is
    /// translated.
    pub fn start(now: Instant, codec: Codec, pool: &BlockPool) -> Result<Recorder, PoolExhausted> {
        Ok(Recorder {
            sides: Sides::take(pool)?,
            pool: pool.clone(),
            origin: now,
            base: 0,
            filled: 0,
            right: Track::new(codec),
            ready: None,
            overrun: false,
        })
    }

    /// One tick: the frame that was sent, or `None` for silence.
    pub fn sent(&mut self, now: Instant, frame: Option<(Codec, &[u8; FRAME_SAMPLES])>) {
        let due = samples_between(self.origin, now);
        let present = self.base + self.filled as u64;
        if due > present + CATCH_UP_SAMPLES {
            self.skip_to(due);
        }
        let own = self.right.codec();
        let side = &mut self.sides.left_mut()[self.filled..self.filled + FRAME_SAMPLES];
        match frame {
            Some((codec, frame)) => copy(codec, frame, own, side),
            None => side.fill(own.silence()),
        }
        self.filled += FRAME_SAMPLES;
        if self.filled >= BLOCK_SAMPLES + LATE_SAMPLES {
            self.turn_block(BLOCK_SAMPLES);
        }
    }

    /// Audio that arrived.
    pub fn received(&mut self, now: Instant, header: &Header, codec: Codec, payload: &[u8]) {
        let arrived = samples_between(self.origin, now);
        let window = Window { base: self.base, present: self.filled };
        self.right.put(self.sides.right_mut(), window, arrived, header, codec, payload);
    }

    /// The block that is full, if any.
    pub fn take_block(&mut self) -> Option<Block> {
        self.ready.take()
    }

    /// Whether a block was lost since the last call.
    pub fn take_overrun(&mut self) -> bool {
        std::mem::take(&mut self.overrun)
    }

    /// Ends the recording: the block not yet taken, and what the buffer holds.
    pub fn finish(mut self) -> [Option<Block>; 2] {
        self.right.hush_to(self.sides.right_mut(), self.filled);
        let codec = self.right.codec();
        let last = (self.filled > 0).then(|| Block::new(self.sides, codec, self.base, self.filled));
        [self.ready.take(), last]
    }

    /// Hands out the first `len` samples of both sides and goes on with what lies behind them.
    fn turn_block(&mut self, len: usize) {
        self.right.hush_to(self.sides.right_mut(), len);
        let (left, right) = (len..self.filled, len..self.right.written());
        match Sides::take(&self.pool) {
            Ok(fresh) if self.ready.is_none() => {
                let mut full = std::mem::replace(&mut self.sides, fresh);
                self.sides.continue_from(&mut full, left, right);
                self.ready = Some(Block::new(full, self.right.codec(), self.base, len));
            }
            Ok(_) | Err(PoolExhausted) => {
                // The block is lost, the timeline is not: the file is filled with silence by position.
                self.overrun = true;
                self.sides.forget(left, right);
            }
        }
        self.base += len as u64;
        self.filled -= len;
        self.right.advance(len);
    }

    /// The owner was held up and ticks were missed: what is there leaves, and the timeline goes on at `due`.
    fn skip_to(&mut self, due: u64) {
        if self.filled > 0 {
            self.turn_block(self.filled);
        }
        self.base = due;
        self.right.forget();
    }
}
