//! The kernel: UDP sockets with receive timestamps, batches of datagrams, epoll, affinity. All of the crate's `unsafe` is
//! below here.
//!
//! Owns buffers and descriptors. Knows nothing of what the bytes mean.

mod batch;
mod poll;
mod process;
mod udp;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

pub(crate) use batch::{BATCH, Datagram, Inbox, Outgoing, send};
pub(crate) use poll::{Bell, Poll};
pub use process::StopSignal;
pub(crate) use process::{pin_to, thread_cpu};
pub(crate) use udp::{Reach, Udp};

/// Unix microseconds now, by the clock that the kernel stamps datagrams with.
pub(crate) fn unix_us() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn to_sockaddr(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

fn from_sockaddr(name: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes()), u16::from_be(name.sin_port))
}
