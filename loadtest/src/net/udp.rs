//! UDP sockets, alone and in pairs.

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

    /// A socket at an even port and one at the port after it, as RTP and RTCP want them (RFC 3550 section 11).
    pub(crate) fn bind_pair(ip: Ipv4Addr, reach: Reach) -> io::Result<(Self, Self)> {
        let mut refusal = None;
        for _ in 0..PAIR_TRIES {
            let first = Self::bind(SocketAddrV4::new(ip, 0), reach)?;
            // Port 0 is never bound, and 65535 is odd: the neighbour exists.
            match Self::bind(SocketAddrV4::new(ip, first.local.port() ^ 1), reach) {
                Ok(second) => {
                    first.never_fragment()?;
                    second.never_fragment()?;
                    let is_first = first.local.port().is_multiple_of(2);
                    return Ok(if is_first { (first, second) } else { (second, first) });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refusal = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refusal.expect("every try that did not return was refused"))
    }

    /// Sets "don't fragment", without which the kernel draws an id for every packet, and that is dear.
    fn never_fragment(&self) -> io::Result<()> {
        let discover = libc::IP_PMTUDISC_DO.to_ne_bytes();
        set_option(&self.fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &discover)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Datagrams that the kernel has dropped here because we did not read in time.
    pub(crate) fn drops(&self) -> u32 {
        let mut numbers = [0u32; MEMINFO_DROPS + 1];
        let mut length = size_of_val(&numbers) as libc::socklen_t;
        // SAFETY: `numbers` has room for `length` bytes and lives through the call.
        let got = unsafe {
            let numbers = numbers.as_mut_ptr().cast();
            libc::getsockopt(self.fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, numbers, &mut length)
        };
        // A kernel that does not tell is an old one: then what is lost counts as the caller's.
        if check(got).is_ok() { numbers[MEMINFO_DROPS] } else { 0 }
    }
}

/// Ports to try until one has a free neighbour.
const PAIR_TRIES: u32 = 64;
/// `SK_MEMINFO_DROPS` of linux/sock_diag.h: its index among the numbers of `SO_MEMINFO`.
const MEMINFO_DROPS: usize = 8;

fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its length is its own.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), value.len() as libc::socklen_t)
    })?;
    Ok(())
}
