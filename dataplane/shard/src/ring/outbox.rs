//! Memory of datagrams on their way to the kernel.
//!
//! Datagrams are laid one behind the other, each with its address in front, and all are released together. Who owns
//! them when:
//!
//! - from [`Outbox::lend`] to [`Outbox::post`] the machine, which writes the payload;
//! - from `post` the kernel, which reads payload and address while it takes the submission queue entry, inside
//!   `io_uring_enter`;
//! - from [`Outbox::release`] nobody. `release` may be called only when `io_uring_enter` has returned with the
//!   submission queue empty.
//!
//! Why that is enough although successful sends post no completion: every send carries `MSG_DONTWAIT`. The kernel then
//! marks the request as one that must not wait, tries it once while it takes the entry, and ends it there: a datagram
//! is copied into a socket buffer or refused. A full send queue ends it with `EAGAIN`; it is never parked on a poll
//! and never handed to a worker, since those are for requests that may wait. So a send that was taken has ended, and
//! nothing refers to its memory. The test `sends_are_over_when_submit_returns` overwrites the memory at once to see that it holds.

use std::io;
use std::net::SocketAddr;

use io_uring::{opcode, squeue, types};

use super::memory::Region;

/// Length of the slot lent for one datagram: room for a SIP response that echoes a long request.
pub const SLOT_BYTES: usize = 8_192;
/// Room for the address in front of a payload.
const ADDRESS_BYTES: usize = 32;
/// Datagrams begin on a cache line of their own.
const ALIGN: usize = 64;
/// Memory for each entry of the submission queue on average: RTP packets take 256 bytes, a SIP message up to two KiB.
const BYTES_PER_ENTRY: usize = 1_024;

const _: () = assert!(size_of::<libc::sockaddr_in6>() <= ADDRESS_BYTES);
const _: () = assert!(ADDRESS_BYTES.is_multiple_of(align_of::<libc::sockaddr_in6>()));

pub(super) struct Outbox {
    memory: Region,
    used: usize,
}

impl Outbox {
    /// An outbox that serves a submission queue of `entries`.
    pub(super) fn new(entries: usize) -> io::Result<Self> {
        let memory = Region::new((entries * BYTES_PER_ENTRY).max(4 * SLOT_BYTES))?;
        Ok(Self { memory, used: 0 })
    }

    /// Whether a slot can be lent.
    pub(super) fn has_room(&self) -> bool {
        self.memory.bytes() - self.used >= ADDRESS_BYTES + SLOT_BYTES
    }

    /// The slot for the next datagram. The caller has asked [`has_room`](Self::has_room).
    pub(super) fn lend(&mut self) -> &mut [u8] {
        assert!(self.has_room(), "the caller asks has_room first");
        // SAFETY: the range is inside the region and behind everything posted, so the kernel does not read it; it is
        // initialised (zero, or an earlier datagram); the borrow of `self` keeps it unique.
        unsafe {
            let slot = self.memory.start().as_ptr().add(self.used + ADDRESS_BYTES);
            std::slice::from_raw_parts_mut(slot, SLOT_BYTES)
        }
    }

    /// Makes the send of the lent slot's first `len` bytes through fixed file `file` to `to`. The caller pushes it.
    pub(super) fn post(&mut self, file: u32, to: SocketAddr, len: usize) -> squeue::Entry {
        assert!(self.has_room() && len <= SLOT_BYTES, "the slot was lent, and the caller checks the length");
        let at = self.used;
        self.used += (ADDRESS_BYTES + len).next_multiple_of(ALIGN);
        // SAFETY: both ranges are inside the region (asserted above), behind everything posted before and not lent any
        // more; the address is aligned since `at` is a multiple of ALIGN.
        let (address, payload) = unsafe {
            let address = self.memory.start().as_ptr().add(at);
            (address, address.add(ADDRESS_BYTES))
        };
        // SAFETY: `address` is aligned and has room for either kind of address.
        let address_len = unsafe { write_address(address, to) };
        opcode::Send::new(types::Fixed(file), payload, len as u32)
            .dest_addr(address.cast())
            .dest_addr_len(address_len)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
    }

    /// Releases everything posted. The caller has seen `io_uring_enter` return with the submission queue empty.
    pub(super) fn release(&mut self) {
        self.used = 0;
    }

    /// Keeps the memory for ever; see [`Region::abandon`].
    pub(super) fn abandon(&mut self) {
        self.memory.abandon();
    }
}

/// Writes `to` as the kernel wants it and returns its length.
///
/// # Safety
///
/// `at` is valid for writes of [`ADDRESS_BYTES`] and aligned for a `sockaddr_in6`.
unsafe fn write_address(at: *mut u8, to: SocketAddr) -> libc::socklen_t {
    match to {
        SocketAddr::V4(to) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: to.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: as the caller promises.
            unsafe { at.cast::<libc::sockaddr_in>().write(address) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(to) => {
            let address = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: to.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: to.ip().octets() },
                sin6_scope_id: to.scope_id(),
            };
            // SAFETY: as the caller promises.
            unsafe { at.cast::<libc::sockaddr_in6>().write(address) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}
