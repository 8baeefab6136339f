//! The bare exchange with io_uring.

use std::alloc::{Layout, alloc_zeroed};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use io_uring::types::{BufRingEntry, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::{Counts, Schedule, Shared, kernel_address, until_next};
use crate::rtp_stream::PACKET_BYTES;

const ENTRIES: u32 = 1_024;
const BUFFERS: u16 = 2_048;
const BUFFER_BYTES: usize = 512;
const RECEIVE: u64 = 1;

pub(super) fn exchange(socket: &UdpSocket, schedule: &Schedule, shared: &Shared) -> std::io::Result<()> {
    let mut ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_cqsize(8_192)
        .build(ENTRIES)?;
    ring.submitter().register_files(&[socket.as_raw_fd()])?;
    let mut buffers = Buffers::register(&ring)?;
    let names: Vec<Vec<libc::sockaddr_in>> =
        schedule.wakes.iter().map(|far| far.iter().map(kernel_address).collect()).collect();
    let mut payload = [0_u8; PACKET_BYTES];
    payload[0] = 0x80;
    // SAFETY: all zeroes is a valid header: no name, no vectors.
    let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
    template.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
    let receive = opcode::RecvMsgMulti::new(Fixed(0), &*template, 0).build().user_data(RECEIVE);
    push(&mut ring, &receive)?;

    let mut due = Instant::now();
    let mut wake = 0;
    while !shared.stopped() {
        let mut counts = Counts::default();
        let mut armed = true;
        while let Some(entry) = ring.completion().next() {
            if entry.user_data() != RECEIVE {
                continue;
            }
            if let Some(id) = cqueue::buffer_select(entry.flags()) {
                buffers.give_back(id);
                counts.received += 1;
            }
            armed &= cqueue::more(entry.flags());
        }
        buffers.publish();
        if !armed {
            push(&mut ring, &receive)?;
        }
        for name in &names[wake] {
            let send = opcode::Send::new(Fixed(0), payload.as_ptr(), PACKET_BYTES as u32)
                .dest_addr(std::ptr::from_ref(name).cast())
                .dest_addr_len(size_of::<libc::sockaddr_in>() as u32)
                .flags(libc::MSG_DONTWAIT)
                .build()
                .flags(squeue::Flags::SKIP_SUCCESS);
            push(&mut ring, &send)?;
        }
        counts.sent += names[wake].len() as u64;
        wake = (wake + 1) % names.len();
        let timeout = Timespec::from(until_next(&mut due, schedule.interval));
        let args = SubmitArgs::new().timespec(&timeout);
        match ring.submitter().submit_with_args(ENTRIES as usize, &args) {
            Err(error) if !matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR)) => {
                return Err(error);
            }
            _ => counts.calls += 1,
        }
        shared.add(counts);
    }
    // The receive still in flight may write into the buffers until the kernel has dismantled the ring: they are kept
    // (`Buffers` never frees), and so is the template.
    Box::leak(template);
    Ok(())
}

fn push(ring: &mut IoUring, entry: &squeue::Entry) -> std::io::Result<()> {
    // SAFETY: sends are over when the call that takes them returns (MSG_DONTWAIT), and what they point to lives in the
    // caller; the receive's template and buffers are never freed.
    while unsafe { ring.submission().push(entry) }.is_err() {
        ring.submit()?;
    }
    Ok(())
}

/// Receive buffers whose content nobody looks at. Never freed.
struct Buffers {
    entries: *mut BufRingEntry,
    data: *mut u8,
    tail: u16,
}

impl Buffers {
    fn register(ring: &IoUring) -> std::io::Result<Self> {
        let allocate = |bytes| {
            let layout = Layout::from_size_align(bytes, 4_096).expect("a fixed size");
            // SAFETY: the layout is not of size zero; a null result is refused by the kernel below.
            unsafe { alloc_zeroed(layout) }
        };
        let entries: *mut BufRingEntry = allocate(usize::from(BUFFERS) * size_of::<BufRingEntry>()).cast();
        let data = allocate(usize::from(BUFFERS) * BUFFER_BYTES);
        // SAFETY: the memory is page-aligned, long enough and never freed.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries as u64, BUFFERS, 0, 0)? };
        let mut buffers = Self { entries, data, tail: 0 };
        for id in 0..BUFFERS {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    fn give_back(&mut self, id: u16) {
        let slot = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: slot and id are below BUFFERS; the kernel reads entries up to the published tail only.
        unsafe {
            let entry = &mut *self.entries.add(slot);
            entry.set_addr(self.data.add(usize::from(id & (BUFFERS - 1)) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: the tail is a u16 in the first entry that the kernel only reads.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
