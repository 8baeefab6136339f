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

pub use block::{Block, BlockPool, PoolExhausted};
use block::{Buffer, SIDE_LEN};

use std::time::Instant;

use crate::rtp::Header;
use crate::{Codec, FRAME_SAMPLES, SAMPLE_RATE};

/// Samples of a side in a full block: 800 ms. With [`LATE_SAMPLES`] and the way to the disk a process that is killed
/// loses less than the last second (promise P5), which blocks of a whole second could not hold.
pub const BLOCK_SAMPLES: usize = 6400;

/// How late a received packet may be and still be placed for certain: 60 ms. The block waits that long for it.
pub const LATE_SAMPLES: usize = 480;

/// How far ahead of the tick received audio may lie: a 60 ms packet that came 60 ms early.
const AHEAD_SAMPLES: usize = 960;

/// Missed ticks up to this much are caught up by the ticks themselves; beyond it the time is silence on the left.
const CATCH_UP_SAMPLES: u64 = 3 * FRAME_SAMPLES as u64;

/// After so many packets in a row that fit nowhere, the sender's clock has moved and is taken anew.
const STRAYS_MAX: u8 = 3;

/// Where the received stream lies on the timeline.
#[derive(Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: i64,
}

/// The recording of one call.
#[derive(Debug)]
pub struct Recorder {
    codec: Codec,
    pool: BlockPool,
    buffer: Buffer,
    origin: Instant,
    /// Timeline position of the buffer's first sample.
    base: u64,
    /// Samples of the left side in the buffer: the timeline's present, less `base`.
    filled: usize,
    /// Samples of the right side that are written; what lies behind them in the buffer is left over from its last
    /// use. Silence is only written where it is wanted, so that a buffer's memory is touched once.
    heard: usize,
    anchor: Option<Anchor>,
    strays: u8,
    ready: Option<Block>,
    overrun: bool,
}

impl Recorder {
    /// Starts at the timeline's zero, `now`. Both sides are stored in `codec`; what comes in the other law is
    /// translated.
    pub fn start(now: Instant, codec: Codec, pool: &BlockPool) -> Result<Recorder, PoolExhausted> {
        Ok(Recorder {
            codec,
            buffer: pool.take()?,
            pool: pool.clone(),
            origin: now,
            base: 0,
            filled: 0,
            heard: 0,
            anchor: None,
            strays: 0,
            ready: None,
            overrun: false,
        })
    }

    /// One tick: the frame that was sent, or `None` for silence.
    pub fn sent(&mut self, now: Instant, frame: Option<(Codec, &[u8; FRAME_SAMPLES])>) {
        let due = self.position(now);
        let present = self.base + self.filled as u64;
        if due > present + CATCH_UP_SAMPLES {
            self.skip_to(due);
        }
        let side = &mut self.buffer.left_mut()[self.filled..self.filled + FRAME_SAMPLES];
        match frame {
            Some((codec, frame)) => copy(codec, frame, self.codec, side),
            None => side.fill(self.codec.silence()),
        }
        self.filled += FRAME_SAMPLES;
        if self.filled >= BLOCK_SAMPLES + LATE_SAMPLES {
            self.turn_block(BLOCK_SAMPLES);
        }
    }

    /// Audio that arrived.
    pub fn received(&mut self, now: Instant, header: &Header, codec: Codec, payload: &[u8]) {
        let arrived = self.position(now) as i64;
        let by_timestamp = match &self.anchor {
            Some(anchor) if anchor.ssrc == header.ssrc => {
                let step = header.timestamp.wrapping_sub(anchor.timestamp) as i32;
                Some(anchor.position + i64::from(step))
            }
            Some(_) | None => None,
        };
        let position = match by_timestamp {
            Some(position) if self.has_room(position, payload.len()) => position,
            Some(_) if self.strays + 1 < STRAYS_MAX => {
                self.strays += 1;
                return;
            }
            Some(_) | None => {
                self.anchor =
                    Some(Anchor { ssrc: header.ssrc, timestamp: header.timestamp, position: arrived });
                arrived
            }
        };
        self.strays = 0;
        // Before the base lies what has already left; behind the end what a tick that is long overdue has no room for.
        let offset = position - self.base as i64;
        let (cut, start) = ((-offset).max(0) as usize, offset.max(0) as usize);
        let room = SIDE_LEN.saturating_sub(start);
        let payload = payload.get(cut..).unwrap_or_default();
        let payload = &payload[..payload.len().min(room)];
        if payload.is_empty() {
            return;
        }
        self.hush_to(start);
        let end = start + payload.len();
        copy(codec, payload, self.codec, &mut self.buffer.right_mut()[start..end]);
        self.heard = self.heard.max(end);
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
        self.hush_to(self.filled);
        let last = (self.filled > 0).then(|| Block::new(self.buffer, self.codec, self.base, self.filled));
        [self.ready.take(), last]
    }

    /// Whether audio at `position` lies in the buffer, at least its end, and not too far ahead.
    fn has_room(&self, position: i64, len: usize) -> bool {
        let end = position + len as i64 - self.base as i64;
        (1..=(self.filled + AHEAD_SAMPLES) as i64).contains(&end)
    }

    /// Time since the start, in samples.
    fn position(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.origin).as_micros() as u64;
        micros * u64::from(SAMPLE_RATE) / 1_000_000
    }

    /// Silence where nothing was heard, up to sample `end` of the buffer.
    fn hush_to(&mut self, end: usize) {
        if self.heard < end {
            self.buffer.right_mut()[self.heard..end].fill(self.codec.silence());
            self.heard = end;
        }
    }

    /// Hands out the first `len` samples of both sides and goes on with what lies behind them.
    fn turn_block(&mut self, len: usize) {
        self.hush_to(len);
        match self.pool.take() {
            Ok(fresh) if self.ready.is_none() => {
                let mut full = std::mem::replace(&mut self.buffer, fresh);
                self.buffer.continue_from(&mut full, len..self.filled, len..self.heard);
                self.ready = Some(Block::new(full, self.codec, self.base, len));
            }
            Ok(_) | Err(PoolExhausted) => {
                // The block is lost, the timeline is not: the file is filled with silence by position.
                self.overrun = true;
                self.buffer.forget(len..self.filled, len..self.heard);
            }
        }
        self.advance(len);
    }

    fn advance(&mut self, len: usize) {
        self.base += len as u64;
        self.filled -= len;
        self.heard -= len;
    }

    /// The owner was held up and ticks were missed: what is there leaves, and the timeline goes on at `due`.
    fn skip_to(&mut self, due: u64) {
        if self.filled > 0 {
            self.turn_block(self.filled);
        }
        self.base = due;
        self.heard = 0;
    }
}

fn copy(from: Codec, bytes: &[u8], to: Codec, out: &mut [u8]) {
    if from == to {
        out.copy_from_slice(bytes);
    } else {
        let table = from.transcode_table(to);
        for (out, &byte) in out.iter_mut().zip(bytes) {
            *out = table[usize::from(byte)];
        }
    }
}
