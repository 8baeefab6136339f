//! Stereo recording of one call: left what we sent, right what we received.
//!
//! They leave it as blocks of 800 ms. What we received is kept as G.711, as it was on the wire; of what we sent, which is of
//! prompts that all calls share, is kept which frames they were. Fetching them, weaving the sides together and turning them into
//! linear samples is left to whoever writes the file ([`Block::write_wav`]): on the shard a recording costs one copy of 160
//! bytes each 20 ms.
//!
//! The timeline is the tick's. What we send lies at the time of its tick; what we receive is placed by its RTP
//! timestamp, so that packets which come late or out of order (by up to [`LATE_SAMPLES`]) still find their place, and
//! what never comes is silence.

mod block;
mod sent;

use block::Sides;
pub use block::{Block, BlockPool};
use sent::Stretch;

use std::sync::Arc;
use std::time::Instant;

use crate::pool::{Lent, PoolExhausted};
use crate::prompt::Prompt;
use crate::rtp::Header;
use crate::track::{Track, Window, samples_between};
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
    sides: Lent<Sides>,
    origin: Instant,
    /// Timeline position of the block's first sample.
    base: u64,
    /// Samples of the left side in the block: the timeline's present, less `base`. Whole frames.
    filled: usize,
    /// The newest frames of the left side; those before them are in `sides`.
    sending: Stretch,
    /// The right side.
    right: Track,
    pool: BlockPool,
    ready: Option<Block>,
    overrun: bool,
    /// Both sides are kept out: silence takes their time.
    paused: bool,
}

impl Recorder {
    /// Starts at the timeline's zero, `now`. Both sides are stored in `codec`; what comes in the other law is
    /// translated.
    pub fn start(now: Instant, codec: Codec, pool: &BlockPool) -> Result<Recorder, PoolExhausted> {
        Ok(Recorder {
            sides: pool.take()?,
            pool: pool.clone(),
            origin: now,
            base: 0,
            filled: 0,
            sending: Stretch::NONE,
            right: Track::new(codec),
            ready: None,
            overrun: false,
            paused: false,
        })
    }

    /// Keeps what is said from now on out of the recording, or in again. Time goes on.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// One tick: the prompt and the number of the frame that was sent, or `None` for silence.
    pub fn sent(&mut self, now: Instant, frame: Option<(&Arc<Prompt>, usize)>) {
        let frame = frame.filter(|_| !self.paused);
        let due = samples_between(self.origin, now);
        let present = self.base + self.filled as u64;
        if due > present + CATCH_UP_SAMPLES {
            self.skip_to(due);
        }
        if !self.sending.goes_on(frame) {
            let before = std::mem::replace(&mut self.sending, Stretch::of(frame));
            self.keep(before);
        }
        self.filled += FRAME_SAMPLES;
        if self.filled >= BLOCK_SAMPLES + LATE_SAMPLES {
            self.turn_block(BLOCK_SAMPLES);
        }
    }

    /// Audio that arrived.
    pub fn received(&mut self, now: Instant, header: &Header, codec: Codec, payload: &[u8]) {
        if self.paused {
            return;
        }
        let arrived = samples_between(self.origin, now);
        let window = Window { base: self.base, present: self.filled };
        self.right.put(&mut self.sides.right, window, arrived, header, codec, payload);
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
        self.keep_sending();
        self.right.hush_to(&mut self.sides.right, self.filled);
        let codec = self.right.codec();
        let last = (self.filled > 0).then(|| Block::new(self.sides, codec, self.base, self.filled));
        [self.ready.take(), last]
    }

    fn keep(&mut self, stretch: Stretch) {
        if !stretch.is_empty() {
            self.sides.sent.push(stretch);
        }
    }

    fn keep_sending(&mut self) {
        let sending = std::mem::replace(&mut self.sending, Stretch::NONE);
        self.keep(sending);
    }

    /// Hands out the first `len` samples of both sides, whole frames, and goes on with what lies behind them.
    fn turn_block(&mut self, len: usize) {
        self.keep_sending();
        self.right.hush_to(&mut self.sides.right, len);
        let right = len..self.right.written();
        match self.pool.take() {
            Ok(fresh) if self.ready.is_none() => {
                let mut full = std::mem::replace(&mut self.sides, fresh);
                self.sides.right[..right.len()].copy_from_slice(&full.right[right]);
                sent::split_off(&mut full.sent, len / FRAME_SAMPLES, &mut self.sides.sent);
                self.ready = Some(Block::new(full, self.right.codec(), self.base, len));
            }
            Ok(_) | Err(PoolExhausted) => {
                // The block is lost, the timeline is not: the file is filled with silence by position.
                self.overrun = true;
                self.sides.right.copy_within(right, 0);
                sent::drop_front(&mut self.sides.sent, len / FRAME_SAMPLES);
            }
        }
        self.sending = self.sides.sent.pop().unwrap_or(Stretch::NONE);
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
