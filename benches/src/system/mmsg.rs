//! The bare exchange with `recvmmsg` and `sendmmsg` over shared sockets, on a timer.

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use super::{Clock, Counts, Options, Shared, Traffic};

/// Messages for one system call; the kernel takes at most 1,024.
const BATCH: usize = 256;

pub(super) fn exchange(
    sockets: &[UdpSocket],
    traffic: &mut Traffic,
    options: &Options,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut outgoing: Vec<Outgoing> =
        (0..options.wakes).map(|wake| Outgoing::new(traffic, wake, sockets.len())).collect();
    let mut incoming = Incoming::new();
    let mut clock = Clock::new(options);
    while !shared.stopped() {
        let now = Instant::now();
        let mut counts = Counts::default();
        if let Some(wake) = clock.take(now) {
            for socket in sockets {
                incoming.receive_all(socket.as_raw_fd(), &mut counts);
            }
            for n in traffic.wake(wake) {
                traffic.prepare(traffic.call(wake, n));
            }
            outgoing[wake].send(sockets, &mut counts);
            counts.work = now.elapsed();
            shared.add(counts);
        }
        clock.sleep();
    }
    Ok(())
}

/// The messages of one wake-up, by socket. They point into the traffic, which outlives them.
struct Outgoing(Vec<Vec<libc::mmsghdr>>);

impl Outgoing {
    fn new(traffic: &Traffic, wake: usize, sockets: usize) -> Self {
        let mut by_socket: Vec<Vec<libc::mmsghdr>> = (0..sockets).map(|_| Vec::new()).collect();
        for n in traffic.wake(wake) {
            let call = traffic.call(wake, n);
            let header = libc::mmsghdr { msg_hdr: *traffic.header(call), msg_len: 0 };
            by_socket[traffic.socket(call) as usize].push(header);
        }
        Self(by_socket)
    }

    fn send(&mut self, sockets: &[UdpSocket], counts: &mut Counts) {
        for (socket, headers) in sockets.iter().zip(&mut self.0) {
            for batch in headers.chunks_mut(BATCH) {
                // SAFETY: names, vectors and bytes that the headers point to live in the traffic past this call, and the
                // kernel reads them during the call only.
                let sent = unsafe {
                    let (messages, length) = (batch.as_mut_ptr(), batch.len() as u32);
                    libc::sendmmsg(socket.as_raw_fd(), messages, length, libc::MSG_DONTWAIT)
                };
                counts.calls += 1;
                counts.sent += sent.max(0) as u64;
            }
        }
    }
}

/// Room for a batch of arrivals.
pub(super) struct Incoming {
    headers: Vec<libc::mmsghdr>,
    _names: Vec<libc::sockaddr_in>,
    _vectors: Vec<libc::iovec>,
    _data: Vec<[u8; 512]>,
}

impl Incoming {
    pub(super) fn new() -> Self {
        // SAFETY: all zeroes is a valid `sockaddr_in`.
        let mut names = vec![unsafe { std::mem::zeroed::<libc::sockaddr_in>() }; BATCH];
        let mut data = vec![[0_u8; 512]; BATCH];
        let mut vectors: Vec<libc::iovec> = data
            .iter_mut()
            .map(|data| libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() })
            .collect();
        let headers = names
            .iter_mut()
            .zip(&mut vectors)
            .map(|(name, vector)| {
                // SAFETY: all zeroes is a valid header: no name, no vectors.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Self { headers, _names: names, _vectors: vectors, _data: data }
    }

    /// Takes everything that waits.
    pub(super) fn receive_all(&mut self, fd: RawFd, counts: &mut Counts) {
        loop {
            // SAFETY: what the headers point to is owned by `self`; the kernel writes it during the call only.
            let received = unsafe {
                let headers = self.headers.as_mut_ptr();
                libc::recvmmsg(fd, headers, BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
            };
            counts.calls += 1;
            counts.received += received.max(0) as u64;
            if received < BATCH as i32 {
                return;
            }
        }
    }
}
