//! The tap on a session: started and ended by the owner, asked for chunks after each tick.

use std::time::Instant;

use super::MediaSession;
use crate::tap::{Chunk, ChunkPool, Tap};
use crate::{Codec, PoolExhausted};

impl MediaSession {
    /// Begins to tap what the far end says, with buffers from `pool`. A tap that is already there stays.
    pub fn start_tap(&mut self, now: Instant, pool: &ChunkPool) {
        if self.hot.tap.is_none() {
            let codec = self.plan().map_or(Codec::Pcma, |plan| plan.codec);
            self.hot.tap = Some(Box::new(Tap::start(now, codec, pool)));
        }
    }

    /// Whether the call is tapped.
    pub fn is_tapped(&self) -> bool {
        self.hot.tap.is_some()
    }

    /// The next chunk that is due, or the news that one was lost because no buffer was free. To be asked after each tick
    /// until there is none.
    pub fn poll_tap(&mut self, now: Instant) -> Option<Result<Chunk, PoolExhausted>> {
        let tap = self.hot.tap.as_mut()?;
        let chunk = tap.poll(now);
        if tap.is_over() {
            self.hot.tap = None;
        }
        chunk
    }

    /// Ends the tap. What is left comes by [`MediaSession::poll_tap`] at once; the last of it says so.
    pub fn end_tap(&mut self) {
        if let Some(tap) = &mut self.hot.tap {
            tap.end();
        }
    }
}
