//! Receive buffers: a ring of them, registered with the kernel, which takes one for each datagram.
//!
//! A buffer is the kernel's from [`BufferRing::publish`] until a completion names it; then it is a [`Filled`], and ours
//! until that is dropped; dropping queues it for the next `publish`. Buffers go back in batches: one release store of
//! the tail for all that a turn has read.
//!
//! The kernel takes buffers in turn, so all that it has are written one after the other. It gets only as many as are
//! needed, so that they stay in the core's cache: [`FIRST`] at the start, and twice as many whenever they ran out.

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
        let mut ring =
            Self { group, entries, data, count, in_play: 0, stride, buffer_bytes, tail: 0, template };
        ring.play(FIRST);
        ring.publish();
        Ok(ring)
    }

    /// Puts twice as many buffers into play, as far as there are any: they ran out.
    pub(super) fn grow(&mut self) {
        self.play(self.in_play.saturating_mul(2));
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

    /// The datagram that a completion says is in buffer `id`, `bytes` long with its header. `None` for a buffer that
    /// there is not.
    pub(super) fn filled(&mut self, id: u16, bytes: usize) -> Option<Filled<'_>> {
        (id < self.count).then(|| Filled { id, bytes, ring: self })
    }

    /// What lies in buffer `id`, with what the kernel tells about it; `None` for a buffer that there is not, or content
    /// shorter than its own header. To be asked between the completion and the return of the buffer.
    pub(super) fn message(&self, id: u16, bytes: usize) -> Option<types::RecvMsgOut<'_>> {
        if id >= self.count {
            return None;
        }
        // SAFETY: the kernel has finished this buffer (its completion was reaped) and gets it back by `give_back`, which
        // this borrow excludes; the length is at most the buffer's; all of it is initialised, as mapped memory begins
        // zeroed.
        let bytes = unsafe { std::slice::from_raw_parts(self.buffer(id), bytes.min(self.buffer_bytes)) };
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

/// A received datagram in its buffer. Dropping it returns the buffer.
pub(crate) struct Filled<'a> {
    id: u16,
    bytes: usize,
    ring: &'a mut BufferRing,
}

impl Filled<'_> {
    /// The datagram with what the kernel tells about it; `None` if it is shorter than its own header.
    pub(crate) fn message(&self) -> Option<types::RecvMsgOut<'_>> {
        self.ring.message(self.id, self.bytes)
    }
}

impl Drop for Filled<'_> {
    fn drop(&mut self) {
        self.ring.give_back(self.id);
    }
}
