//! Buffers of one size that return to where they came from.
//!
//! A buffer goes from a shard to another thread; dropping it there gives its memory back through one lock-free queue.
//! A pool bounds what all who draw from it use together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

/// No buffer is free: a recording cannot start, or a stretch of audio was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all buffers of the pool are in use")]
pub struct PoolExhausted;

/// A buffer in use. Dropping it gives its memory back to its pool.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Empty only while it is being dropped.
    pub(crate) bytes: Box<[u8]>,
    home: Arc<Shelf>,
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

/// Buffers of `LEN` bytes. Clones are handles to the same pool. They are made when they are first needed, and kept.
#[derive(Clone, Debug)]
pub struct Pool<const LEN: usize>(Arc<Shelf>);

impl<const LEN: usize> Pool<LEN> {
    /// A pool of at most `limit` buffers, at least 1.
    pub fn new(limit: usize) -> Pool<LEN> {
        Pool(Arc::new(Shelf { free: ArrayQueue::new(limit.max(1)), made: AtomicUsize::new(0) }))
    }

    /// Buffers that are in use.
    pub fn in_use(&self) -> usize {
        self.0.made.load(Ordering::Relaxed).saturating_sub(self.0.free.len())
    }

    /// The most buffers there may be.
    pub fn limit(&self) -> usize {
        self.0.free.capacity()
    }

    pub(crate) fn take(&self) -> Result<Buffer, PoolExhausted> {
        let bytes = match self.0.free.pop() {
            Some(bytes) => bytes,
            None => self.make()?,
        };
        Ok(Buffer { bytes, home: Arc::clone(&self.0) })
    }

    fn make(&self) -> Result<Box<[u8]>, PoolExhausted> {
        let grow = |made: usize| (made < self.limit()).then_some(made + 1);
        match self.0.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => Ok(vec![0; LEN].into_boxed_slice()),
            Err(_) => Err(PoolExhausted),
        }
    }
}
