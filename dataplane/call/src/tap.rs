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
/// Nobody waits: a queue that is full loses its oldest chunk, since a listener that is late wants the present. The
/// shard wakes nobody, which would be a system call; the listener looks every few milliseconds.
#[derive(Clone, Debug)]
pub struct TapQueue {
    waiting: Arc<ArrayQueue<Tapped>>,
    chunks: ChunkPool,
}

impl TapQueue {
    /// A queue of at most `capacity` chunks, at least 1. Their buffers are made when they are first needed, 800 bytes
    /// each, and kept; `in_hand` of them may be with the listener besides.
    pub fn new(capacity: usize, in_hand: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            waiting: Arc::new(ArrayQueue::new(capacity)),
            // One more, which is being filled while the queue is full.
            chunks: ChunkPool::new(capacity + in_hand + 1),
        }
    }

    /// The oldest chunk that waits. Of each call they come in order.
    pub fn take(&self) -> Option<Tapped> {
        self.waiting.pop()
    }

    /// Buffers that are in use: by chunks that wait, and by those that the listener has not dropped.
    pub fn in_use(&self) -> usize {
        self.chunks.in_use()
    }

    pub(crate) fn chunks(&self) -> &ChunkPool {
        &self.chunks
    }

    /// Gives the chunk that had to make room, if one had.
    pub(crate) fn put(&self, tapped: Tapped) -> Option<Tapped> {
        self.waiting.force_push(tapped)
    }
}
