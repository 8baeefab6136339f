//! A UDP socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::{check, from_sockaddr, to_sockaddr};

/// Bytes asked of the kernel for each socket's queue: a thousand calls' INVITEs, or 0.1 s of a thousand streams.
const QUEUE_BYTES: libc::c_int = 4 * 1024 * 1024;

/// A bound UDP socket, non-blocking, whose datagrams carry the kernel's receive time.
#[derive(Debug)]
pub(crate) struct Udp {
    fd: OwnedFd,
    pub(crate) local: SocketAddrV4,
}

/// How a socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To its own address.
    Address,
    /// To every loopback address: datagrams tell where they went, and choose where they come from.
    AllLoopback,
}

impl Udp {
    pub(crate) fn bind(address: SocketAddrV4, reach: Reach) -> io::Result<Self> {
        // SAFETY: plain system call; the descriptor is owned from here on.
        let fd = unsafe {
            let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, kind, 0))?)
        };
        if reach == Reach::AllLoopback {
            set_option(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0")?;
            set_option(&fd, libc::IPPROTO_IP, libc::IP_PKTINFO, &1i32.to_ne_bytes())?;
        }
        set_option(&fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1i32.to_ne_bytes())?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &1i32.to_ne_bytes())?;
        for (forced, plain) in
            [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
        {
            // Without the privilege the kernel's own limit must do.
            set_option(&fd, libc::SOL_SOCKET, forced, &QUEUE_BYTES.to_ne_bytes())
                .or_else(|_| set_option(&fd, libc::SOL_SOCKET, plain, &QUEUE_BYTES.to_ne_bytes()))?;
        }
        let name = to_sockaddr(address);
        // SAFETY: `name` lives through the call and its length is its own.
        check(unsafe {
            libc::bind(fd.as_raw_fd(), ptr::from_ref(&name).cast(), size_of_val(&name) as libc::socklen_t)
        })?;
        let mut bound = to_sockaddr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let mut length = size_of_val(&bound) as libc::socklen_t;
        // SAFETY: `bound` has room for `length` bytes, and any bytes are a `sockaddr_in`.
        check(unsafe { libc::getsockname(fd.as_raw_fd(), ptr::from_mut(&mut bound).cast(), &mut length) })?;
        Ok(Self { fd, local: from_sockaddr(&bound) })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its length is its own.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), value.len() as libc::socklen_t)
    })?;
    Ok(())
}
