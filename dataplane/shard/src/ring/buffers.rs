//! Receive buffers: a ring of them, registered with the kernel, which takes one for each datagram.
//!
//! A buffer is the kernel's from [`BufferRing::publish`] until a completion names it; then it is a [`Filled`], and ours
//! until that is dropped; dropping queues it for the next `publish`. Buffers go back in batches: one release store of
//! the tail for all that a turn has read.
//!
//! The kernel takes buffers in turn, so all that it has are written one after the other. It gets only as many as are
//! needed, so that they stay in the core's cache: [`FIRST`] at the start, and twice as many after each turn in which they
//! ran out, however many sockets were refused one. So a stall grows them by one step and not by as many as there are
//! sockets. They are not taken back: the kernel takes them in turn, so a buffer can leave the round only as it is filled,
//! and what that would save is the cache of a shard that had a burst, never more than the memory that `count` bounds.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use io_uring::{IoUring, opcode, squeue, types};

use super::memory::Region;

/// Bytes that the kernel puts in front of a datagram's payload: its own header and the source address.
const HEADER_BYTES: usize = 16 + size_of::<libc::sockaddr_in6>();
/// Buffers begin on a cache line of their own.
const ALIGN: usize = 64;

/// Buffers that the kernel gets at the start, if there are so many: 4 ms of 1,280 calls, in 80 KiB of cache.
const FIRST: u16 = 256;

/// One group of buffers.
pub(super) struct BufferRing {
    group: u16,
    entries: Region,
    data: Region,
    count: u16,
    /// Buffers below this number have been given to the kernel.
    in_play: u16,
    /// They have run out since the last [`BufferRing::end_shortage`].
    short: bool,
    stride: usize,
    buffer_bytes: usize,
    /// Where the next returned buffer goes; ahead of what is published by those returned since.
    tail: u16,
    /// Tells the kernel how much room the source address gets. The kernel copies it when a receive is submitted.
    template: Box<libc::msghdr>,
}

impl BufferRing {
    /// Allocates `count` buffers for datagrams of up to `datagram_bytes` and registers them as `group`.
    pub(super) fn register(
        uring: &IoUring,
        group: u16,
        count: u16,
        datagram_bytes: usize,
    ) -> io::Result<Self> {
        let buffer_bytes = HEADER_BYTES + datagram_bytes;
        let stride = buffer_bytes.next_multiple_of(ALIGN);
        let entries = Region::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let data = Region::new(usize::from(count) * stride)?;
        // SAFETY: `entries` is page-aligned, holds `count` entries and lives in the same `Ring` as the io_uring instance,
        // which is dropped before it.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(
                entries.start().as_ptr() as u64,
                count,
                group,
                0,
            )?;
        }
        // SAFETY: a msghdr of all zeroes is a valid one: no name, no vectors, no control data.
        let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        template.msg_namelen = size_of::<libc::sockaddr_in6>() as u32;
        let mut ring = Self {
            group,
            entries,
            data,
            count,
            in_play: 0,
            short: false,
            stride,
            buffer_bytes,
            tail: 0,
            template,
        };
        ring.play(FIRST);
        ring.publish();
        Ok(ring)
    }

    /// The kernel found no buffer for a datagram.
    pub(super) fn run_short(&mut self) {
        self.short = true;
    }

    /// Puts twice as many buffers into play, as far as there are any, if they ran out since the last call.
    pub(super) fn end_shortage(&mut self) {
        if std::mem::take(&mut self.short) {
            self.play(self.in_play.saturating_mul(2));
        }
    }

    fn play(&mut self, buffers: u16) {
        for id in self.in_play..buffers.min(self.count) {
            self.give_back(id);
            self.in_play = id + 1;
        }
    }

    /// The multishot receive of fixed file `file` into this group.
    pub(super) fn receive(&self, file: u32) -> squeue::Entry {
        opcode::RecvMsgMulti::new(types::Fixed(file), &*self.template, self.group).build()
    }

    /// The datagram that has arrived in one of these buffers. `None` for a buffer that there is not.
    pub(super) fn filled(&mut self, arrival: Arrival) -> Option<Filled<'_>> {
        (arrival.id < self.count).then(|| Filled { arrival, ring: self })
    }

    /// What has arrived in one of these buffers, with what the kernel tells about it; `None` for a buffer that there is not,
    /// or content shorter than its own header.
    pub(super) fn message(&self, arrival: &Arrival) -> Option<types::RecvMsgOut<'_>> {
        if arrival.id >= self.count {
            return None;
        }
        let len = arrival.bytes.min(self.buffer_bytes);
        // SAFETY: the kernel has finished this buffer, as the `Arrival` shows, and gets it back by `give_back` only, which
        // takes `&mut self` and so waits for the end of this borrow; `id` and `len` are inside the region; all of it is
        // initialised, as mapped memory begins zeroed.
        let bytes = unsafe { std::slice::from_raw_parts(self.buffer(arrival.id), len) };
        types::RecvMsgOut::parse(bytes, &self.template).ok()
    }

    /// Makes all returned buffers known to the kernel.
    pub(super) fn publish(&mut self) {
        // SAFETY: the pointer is the start of the registered entries, as `tail` asks; the tail is a u16 inside the region,
        // aligned to two bytes, which the kernel only reads while we only store.
        let shared = unsafe {
            let tail = BufRingEntry::tail(self.entries.start().as_ptr().cast::<BufRingEntry>());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        shared.store(self.tail, Ordering::Release);
    }

    /// Keeps the memory for ever; see [`Region::abandon`].
    pub(super) fn abandon(&mut self) {
        self.entries.abandon();
        self.data.abandon();
    }

    fn give_back(&mut self, id: u16) {
        let slot = usize::from(self.tail & (self.count - 1));
        // SAFETY: `slot` is below `count`, so the entry is inside the region. The kernel reads entries only up to the
        // published tail, and at most `count` buffers exist, so this entry is not one that it still has to read.
        let entry = unsafe { &mut *self.entries.start().as_ptr().cast::<BufRingEntry>().add(slot) };
        entry.set_addr(self.buffer(id) as u64);
        entry.set_len(self.buffer_bytes as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn buffer(&self, id: u16) -> *mut u8 {
        debug_assert!(id < self.count);
        debug_assert!((usize::from(id) + 1) * self.stride <= self.data.bytes());
        // SAFETY: `id` is below `count`, so the offset is inside the region.
        unsafe { self.data.start().as_ptr().add(usize::from(id) * self.stride) }
    }
}

/// A datagram that lies in a buffer of its socket's group. As long as this exists the buffer is ours: it goes back by way of
/// [`Filled`], which consumes it.
#[derive(Debug)]
pub(crate) struct Arrival {
    socket: u16,
    id: u16,
    /// With the kernel's header.
    bytes: usize,
}

impl Arrival {
    /// The datagram of a completion.
    ///
    /// # Safety
    ///
    /// The completion of a receive of `socket` was reaped that names buffer `id` of the socket's group, and nothing else was
    /// made of it.
    pub(super) unsafe fn of_completion(socket: u16, id: u16, bytes: usize) -> Self {
        Self { socket, id, bytes }
    }

    /// The socket that it arrived on.
    pub(crate) fn socket(&self) -> u16 {
        self.socket
    }
}

/// A received datagram in its buffer. Dropping it returns the buffer.
pub(crate) struct Filled<'a> {
    arrival: Arrival,
    ring: &'a mut BufferRing,
}

impl Filled<'_> {
    /// The datagram with what the kernel tells about it; `None` if it is shorter than its own header.
    pub(crate) fn message(&self) -> Option<types::RecvMsgOut<'_>> {
        self.ring.message(&self.arrival)
    }
}

impl Drop for Filled<'_> {
    fn drop(&mut self) {
        self.ring.give_back(self.arrival.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_many_sockets_doubles_the_buffers_once() {
        let uring = IoUring::new(8).expect("a ring");
        let mut buffers = BufferRing::register(&uring, 0, 1_024, 64).expect("memory");
        assert_eq!(buffers.in_play, FIRST);
        for in_play in [512, 1_024, 1_024] {
            (0..100).for_each(|_| buffers.run_short());
            buffers.end_shortage();
            assert_eq!(buffers.in_play, in_play);
            buffers.end_shortage();
            assert_eq!(buffers.in_play, in_play, "it was over");
        }
        // The kernel lets go of the buffers before they go.
        drop(uring);
    }
}
