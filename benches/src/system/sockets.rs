//! The sockets of a bare exchange.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use super::{Layout, Options};

/// Bytes asked of the kernel for a shared socket's queue; a socket of one call needs little.
const SHARED_QUEUE_BYTES: i32 = 4 << 20;

pub(super) fn open(options: &Options) -> std::io::Result<Vec<UdpSocket>> {
    let (Layout::Shared(count) | Layout::Own(count)) = options.layout;
    (0..count)
        .map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            if let Layout::Shared(_) = options.layout {
                for name in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
                    set(&socket, libc::SOL_SOCKET, name, SHARED_QUEUE_BYTES)?;
                }
            }
            if options.never_fragment {
                set(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)?;
            }
            if options.gro {
                set(&socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
            }
            if options.busy_poll_us > 0 {
                set(&socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL, options.busy_poll_us as i32)?;
            }
            Ok(socket)
        })
        .collect()
}

fn set(socket: &UdpSocket, level: i32, name: i32, value: i32) -> std::io::Result<()> {
    // SAFETY: the kernel reads the four bytes of `value` during the call only.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
