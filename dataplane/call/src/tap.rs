//! Where the audio of tapped calls goes: one bounded queue from a shard to a side thread that polls it.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_queue::ArrayQueue;
use media::{Chunk, ChunkPool};

use crate::event::CallName;

/// A chunk on its way to the listener.
#[derive(Debug)]
pub struct Tapped {
    /// Which call.
    pub call: CallName,
    /// What its far end said.
    pub chunk: Chunk,
    /// When the shard handed it over.
    pub given: Instant,
}

/// The shard's end, and by its clones the listener's, of the queue.
///
/// Nobody waits: a queue that is full loses its oldest chunk, since a listener that is late wants the present. Only the end
/// of a call's audio is kept: a last chunk that had to make room is handed over without its samples. The shard wakes
/// nobody, which would be a system call; the listener looks every few milliseconds.
#[derive(Clone, Debug)]
pub struct TapQueue {
    waiting: Arc<ArrayQueue<Tapped>>,
    /// Last chunks that had to make room.
    ends: Arc<ArrayQueue<Tapped>>,
    chunks: ChunkPool,
}

impl TapQueue {
    /// A queue of at most `capacity` chunks, at least 1. Their buffers are made when they are first needed, 800 bytes
    /// each, and kept; `in_hand` of them may be with the listener besides. Half as many ends are kept: of more calls that
    /// end while the listener takes nothing, it does not learn the end.
    pub fn new(capacity: usize, in_hand: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            waiting: Arc::new(ArrayQueue::new(capacity)),
            ends: Arc::new(ArrayQueue::new(capacity.div_ceil(2))),
            // One more, which is being filled while the queue is full.
            chunks: ChunkPool::new(capacity + in_hand + 1),
        }
    }

    /// The oldest chunk that waits. Of each call they come in order, if one thread takes them.
    pub fn take(&self) -> Option<Tapped> {
        // What had to make room was the oldest, so nothing of its call waits before it.
        self.ends.pop().or_else(|| self.waiting.pop())
    }

    pub(crate) fn chunks(&self) -> &ChunkPool {
        &self.chunks
    }

    /// Says whether a chunk had to make room.
    pub(crate) fn put(&self, tapped: Tapped) -> bool {
        let Some(displaced) = self.waiting.force_push(tapped) else { return false };
        if displaced.chunk.is_last() {
            self.ends.force_push(Tapped { chunk: displaced.chunk.without_samples(), ..displaced });
        }
        true
    }
}
