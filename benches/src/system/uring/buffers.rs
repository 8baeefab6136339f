//! Receive buffers whose content nobody looks at.

use std::alloc::{Layout, alloc_zeroed};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// A ring of buffers, never freed.
pub(super) struct Buffers {
    entries: *mut BufRingEntry,
    data: *mut u8,
    count: u16,
    bytes: usize,
    tail: u16,
}

impl Buffers {
    /// `count` is a power of two.
    pub(super) fn register(ring: &IoUring, count: u16, bytes: usize) -> std::io::Result<Self> {
        let allocate = |bytes| {
            let layout = Layout::from_size_align(bytes, 4_096).expect("a size far below the limit");
            // SAFETY: the layout is not of size zero; a null result is refused by the kernel below.
            unsafe { alloc_zeroed(layout) }
        };
        let entries: *mut BufRingEntry = allocate(usize::from(count) * size_of::<BufRingEntry>()).cast();
        let data = allocate(usize::from(count) * bytes);
        // SAFETY: the memory is page-aligned, long enough and never freed.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries as u64, count, 0, 0)? };
        let mut buffers = Self { entries, data, count, bytes, tail: 0 };
        (0..count).for_each(|id| buffers.give_back(id));
        buffers.publish();
        Ok(buffers)
    }

    pub(super) fn give_back(&mut self, id: u16) {
        let mask = self.count - 1;
        let slot = usize::from(self.tail & mask);
        // SAFETY: slot and id are below the count; the kernel reads entries up to the published tail only.
        unsafe {
            let entry = &mut *self.entries.add(slot);
            entry.set_addr(self.data.add(usize::from(id & mask) * self.bytes) as u64);
            entry.set_len(self.bytes as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    pub(super) fn publish(&self) {
        // SAFETY: the tail is a u16 in the first entry that the kernel only reads.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
