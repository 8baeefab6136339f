//! Memory that returns to where it came from.
//!
//! It goes from a shard to another thread; dropping it there gives it back through one lock-free queue. A pool bounds what
//! all who draw from it use together.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

/// Nothing is free: a recording cannot start, or a stretch of audio was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all buffers of the pool are in use")]
pub struct PoolExhausted;

/// What a pool is made of. Its default has no memory of its own, and is what is left where some was moved out.
pub trait Memory: Default {
    /// With all its memory.
    fn make() -> Self;

    /// Lets go of what the last user put in and should not be kept alive.
    fn clear(&mut self) {}
}

/// Memory in use. Dropping it gives it back to its pool.
#[derive(Debug)]
pub(crate) struct Lent<T: Memory> {
    memory: T,
    home: Arc<Shelf<T>>,
}

impl<T: Memory> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.memory
    }
}

impl<T: Memory> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.memory
    }
}

impl<T: Memory> Drop for Lent<T> {
    fn drop(&mut self) {
        self.memory.clear();
        // The queue has room for all that was made.
        let _ = self.home.free.push(std::mem::take(&mut self.memory));
    }
}

#[derive(Debug)]
struct Shelf<T> {
    free: ArrayQueue<T>,
    made: AtomicUsize,
}

/// Lends memory. Clones are handles to the same pool. It is made when it is first needed, and kept.
#[derive(Debug)]
pub struct Pool<T: Memory>(Arc<Shelf<T>>);

impl<T: Memory> Clone for Pool<T> {
    fn clone(&self) -> Pool<T> {
        Pool(Arc::clone(&self.0))
    }
}

impl<T: Memory> Pool<T> {
    /// A pool of at most `limit` pieces, at least 1.
    pub fn new(limit: usize) -> Pool<T> {
        Pool(Arc::new(Shelf { free: ArrayQueue::new(limit.max(1)), made: AtomicUsize::new(0) }))
    }

    /// Pieces that are in use.
    pub fn in_use(&self) -> usize {
        self.0.made.load(Ordering::Relaxed).saturating_sub(self.0.free.len())
    }

    /// The most pieces there may be.
    pub fn limit(&self) -> usize {
        self.0.free.capacity()
    }

    pub(crate) fn take(&self) -> Result<Lent<T>, PoolExhausted> {
        let memory = match self.0.free.pop() {
            Some(memory) => memory,
            None => self.make()?,
        };
        Ok(Lent { memory, home: Arc::clone(&self.0) })
    }

    fn make(&self) -> Result<T, PoolExhausted> {
        let grow = |made: usize| (made < self.limit()).then_some(made + 1);
        match self.0.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => Ok(T::make()),
            Err(_) => Err(PoolExhausted),
        }
    }
}
