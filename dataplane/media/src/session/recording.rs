//! The recording of a session: started, paused and ended by the owner, asked for blocks after each tick.

use std::time::Instant;

use super::MediaSession;
use crate::Codec;
use crate::pool::PoolExhausted;
use crate::recorder::{Block, BlockPool, Recorder};

impl MediaSession {
    /// Begins to record both sides, with buffers from `pool`. A recording that is already under way goes on.
    pub fn start_recording(&mut self, now: Instant, pool: &BlockPool) -> Result<(), PoolExhausted> {
        if self.hot.recorder.is_none() {
            let codec = self.plan().map_or(Codec::Pcma, |plan| plan.codec);
            self.hot.recorder = Some(Box::new(Recorder::start(now, codec, pool)?));
        }
        Ok(())
    }

    /// Keeps what is said from now on out of the recording, if there is one, or in it again.
    pub fn pause_recording(&mut self, paused: bool) {
        if let Some(recorder) = &mut self.hot.recorder {
            recorder.pause(paused);
        }
    }

    /// A full block of the recording, if there is one. To be asked after each tick.
    pub fn poll_block(&mut self) -> Option<Block> {
        self.hot.recorder.as_mut()?.take_block()
    }

    /// Ends the recording and gives what is left of it: the blocks not yet taken, at most two.
    pub fn finish_recording(&mut self) -> [Option<Block>; 2] {
        match self.hot.recorder.take() {
            Some(recorder) => recorder.finish(),
            None => [None, None],
        }
    }

    /// Whether the call is being recorded.
    pub fn is_recording(&self) -> bool {
        self.hot.recorder.is_some()
    }
}
