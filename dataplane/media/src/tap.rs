//! A tap on a call: what the far end says, in chunks of 100 ms for somebody on another thread.
//!
//! The samples are G.711 as they came, laid in order by their RTP timestamps; what was lost is silence. A chunk leaves as
//! soon as it is complete, and otherwise when the far end is [`WAIT_SAMPLES`] past it, so that the listener hears with
//! little delay and a late packet is still in its place. The far end's clock leads: where it is a little faster or slower
//! than ours ([`SKEW_MAX`]), nothing is cut out or put in. Only when nothing comes do chunks of silence leave by our clock.
//!
//! Nobody is waited for: without a free buffer the chunk is lost, and the position of the next one shows the gap. The last
//! chunk needs none to tell that the call's audio ended.
//!
//! Fed by the session with each packet, asked for chunks after each tick.

use std::time::{Duration, Instant};

use crate::pool::{Lent, Memory, Pool, PoolExhausted};
use crate::rtp::Header;
use crate::track::{AHEAD_SAMPLES, Track, Window, samples_between};
use crate::{Codec, FRAME_SAMPLES, SAMPLE_RATE};

/// Samples of a full chunk: 100 ms. Recognisers take audio in pieces of this size, and ten hand-overs a second of a call
/// cost a tenth of one for each packet.
pub const CHUNK_SAMPLES: usize = 800;

/// How long an incomplete chunk waits for late packets: 60 ms, as recordings do.
pub const WAIT_SAMPLES: usize = 480;

/// After so long without a packet, 100 ms, the far end has stopped sending and our clock leads.
const QUIET_SAMPLES: u64 = 800;

/// Audio on its way to a chunk: one that fills, the time it waits, one tick, and what may lie ahead. Three chunks.
const BUFFER_SAMPLES: usize = CHUNK_SAMPLES + WAIT_SAMPLES + FRAME_SAMPLES + AHEAD_SAMPLES;

/// Behind our clock by more than this while nothing comes, the owner was held up: the tap does not make up for it with
/// silence but goes on at the present.
const CATCH_UP_SAMPLES: usize = 5 * CHUNK_SAMPLES;

/// A far end's clock may be faster than ours by one part in so many: 1 %, a hundred times what clocks are off. One that
/// runs ahead of that is out of order, and must not make more audio than a call has time for.
const SKEW_MAX: u64 = 100;

/// Buffers for the chunks of a shard.
pub type ChunkPool = Pool<Samples>;

/// Memory of a chunk.
#[derive(Debug, Default)]
pub struct Samples(Box<[u8]>);

impl Memory for Samples {
    fn make() -> Samples {
        Samples(vec![0; CHUNK_SAMPLES].into_boxed_slice())
    }
}

/// A piece of what the far end said. Dropping it gives its memory back to its pool.
#[derive(Debug)]
pub struct Chunk {
    /// None in a last chunk whose samples were lost.
    buffer: Option<Lent<Samples>>,
    codec: Codec,
    position: u64,
    len: u16,
    heard: u16,
    begins: Instant,
    last: bool,
}

impl Chunk {
    /// Law of the samples.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Where it belongs, in samples from the start of the tap. Chunks come in order; a gap between two was lost.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The samples, encoded in [`Chunk::codec`]: [`CHUNK_SAMPLES`], or fewer in the last chunk of a call.
    pub fn samples(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer.0[..usize::from(self.len)])
    }

    /// How many of the samples were received; the others are silence in their place.
    pub fn heard(&self) -> usize {
        usize::from(self.heard)
    }

    /// When its first sample belongs, by our clock: the soonest that it can have been heard.
    pub fn begins(&self) -> Instant {
        self.begins
    }

    /// Whether the call's audio ends here.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// The same without its samples, whose memory goes back at once; its position is then where they ended, and shows the
    /// gap. For a last chunk that there is no other room for: that the audio ended must still be told.
    pub fn without_samples(self) -> Chunk {
        let len = u64::from(self.len);
        Chunk {
            buffer: None,
            position: self.position + len,
            begins: self.begins + span(len),
            len: 0,
            heard: 0,
            ..self
        }
    }
}

/// The tap on one call. In the order of its fields, so that what is small lies together before the samples.
#[derive(Debug)]
#[repr(C)]
pub struct Tap {
    pool: ChunkPool,
    origin: Instant,
    /// Timeline position of the buffer's first sample.
    base: u64,
    track: Track,
    /// When the newest packet arrived, on the timeline by our clock.
    arrived: u64,
    /// Samples received of each chunk in the buffer.
    heard: [u16; BUFFER_SAMPLES / CHUNK_SAMPLES],
    ending: bool,
    over: bool,
    samples: [u8; BUFFER_SAMPLES],
}

impl Tap {
    /// Starts at the timeline's zero, `now`. Samples are handed over in `codec`; what comes in the other law is translated.
    pub fn start(now: Instant, codec: Codec, pool: &ChunkPool) -> Tap {
        Tap {
            pool: pool.clone(),
            origin: now,
            base: 0,
            arrived: 0,
            track: Track::new(codec),
            heard: [0; 3],
            ending: false,
            over: false,
            samples: [codec.silence(); BUFFER_SAMPLES],
        }
    }

    /// Audio that arrived.
    pub fn received(&mut self, now: Instant, header: &Header, codec: Codec, payload: &[u8]) {
        let arrived = samples_between(self.origin, now);
        self.arrived = arrived;
        let by_clock = arrived.saturating_sub(self.base) as usize;
        let fastest = (arrived + arrived / SKEW_MAX).saturating_sub(self.base) as usize;
        let window = Window { base: self.base, present: by_clock.max(self.track.written()).min(fastest) };
        // A stream that begins while the one before was ahead of our clock goes on where that has come to.
        let begins = arrived.max(self.base);
        let place = self.track.put(&mut self.samples, window, begins, header, codec, payload);
        for (number, heard) in self.heard.iter_mut().enumerate() {
            let chunk = number * CHUNK_SAMPLES..(number + 1) * CHUNK_SAMPLES;
            let part = place.end.min(chunk.end).saturating_sub(place.start.max(chunk.start));
            *heard = (*heard + part as u16).min(CHUNK_SAMPLES as u16);
        }
    }

    /// No more will come: what is left is due at once, and a last chunk, which may be empty.
    pub fn end(&mut self) {
        self.ending = true;
    }

    /// Whether the last chunk was given.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The next chunk that is due, or the news that it was lost for want of a buffer. To be asked until there is none. The
    /// last always comes: without a buffer it has no samples.
    pub fn poll(&mut self, now: Instant) -> Option<Result<Chunk, PoolExhausted>> {
        if self.ending {
            let left = self.track.written();
            return (!self.over).then(|| self.hand_over(left.min(CHUNK_SAMPLES), left <= CHUNK_SAMPLES));
        }
        const DUE: usize = CHUNK_SAMPLES + WAIT_SAMPLES;
        let written = self.track.written();
        // Who says the same place anew has filled it without having come to its end.
        if (usize::from(self.heard[0]) == CHUNK_SAMPLES && written >= CHUNK_SAMPLES) || written >= DUE {
            return Some(self.hand_over(CHUNK_SAMPLES, false));
        }
        let present = samples_between(self.origin, now);
        let behind = present.saturating_sub(self.base) as usize;
        if present.saturating_sub(self.arrived) < QUIET_SAMPLES || behind < DUE {
            return None;
        }
        let chunk = self.hand_over(CHUNK_SAMPLES, false);
        if behind > CATCH_UP_SAMPLES {
            self.skip_to(present);
        }
        Some(chunk)
    }

    fn hand_over(&mut self, len: usize, last: bool) -> Result<Chunk, PoolExhausted> {
        self.track.hush_to(&mut self.samples, len);
        let buffer = self.pool.take().map(|mut buffer| {
            buffer.0[..len].copy_from_slice(&self.samples[..len]);
            buffer
        });
        let chunk = |buffer| Chunk {
            buffer,
            codec: self.track.codec(),
            position: self.base,
            len: len as u16,
            // Packets with one timestamp were heard twice and lie in one place.
            heard: self.heard[0].min(len as u16),
            begins: self.origin + span(self.base),
            last,
        };
        let chunk = match buffer {
            Ok(buffer) => Ok(chunk(Some(buffer))),
            Err(PoolExhausted) if last => Ok(chunk(None).without_samples()),
            Err(PoolExhausted) => Err(PoolExhausted),
        };
        self.over = last;
        self.samples.copy_within(len..self.track.written(), 0);
        self.track.advance(len);
        self.heard.rotate_left(1);
        self.heard[2] = 0;
        self.base += len as u64;
        chunk
    }

    /// The owner was held up: the timeline goes on at `present`, without what is in the buffer.
    fn skip_to(&mut self, present: u64) {
        self.base = present;
        self.track.forget();
        self.heard = [0; 3];
    }
}

fn span(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE))
}
