//! The bare exchange with `recvmmsg` and `sendmmsg`, on a timer.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Instant;

use super::{Counts, Schedule, Shared, kernel_address, until_next};
use crate::rtp_stream::PACKET_BYTES;

/// Messages for one system call; the kernel takes at most 1,024.
const BATCH: usize = 256;

pub(super) fn exchange(socket: &UdpSocket, schedule: &Schedule, shared: &Shared) -> std::io::Result<()> {
    let fd = socket.as_raw_fd();
    let mut payload = [0_u8; PACKET_BYTES];
    payload[0] = 0x80;
    let mut outgoing: Vec<Outgoing> =
        schedule.wakes.iter().map(|far| Outgoing::new(far, &mut payload)).collect();
    let mut incoming = Incoming::new();
    let mut due = Instant::now();
    let mut wake = 0;
    while !shared.stopped() {
        let mut counts = incoming.receive_all(fd);
        for batch in outgoing[wake].headers.chunks_mut(BATCH) {
            // SAFETY: names and vectors that the headers point to live in `outgoing` and `payload` past this loop, and
            // the kernel reads them during the call only.
            let sent =
                unsafe { libc::sendmmsg(fd, batch.as_mut_ptr(), batch.len() as u32, libc::MSG_DONTWAIT) };
            counts.calls += 1;
            counts.sent += sent.max(0) as u64;
        }
        shared.add(counts);
        wake = (wake + 1) % schedule.wakes.len();
        std::thread::sleep(until_next(&mut due, schedule.interval));
    }
    Ok(())
}

/// The packets of one wake-up: a header each, all with the same content.
struct Outgoing {
    headers: Vec<libc::mmsghdr>,
    _names: Vec<libc::sockaddr_in>,
    _vector: Box<libc::iovec>,
}

impl Outgoing {
    fn new(far: &[std::net::SocketAddr], payload: &mut [u8]) -> Self {
        let mut names: Vec<libc::sockaddr_in> = far.iter().map(kernel_address).collect();
        let mut vector =
            Box::new(libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() });
        let headers = names.iter_mut().map(|name| header(std::ptr::from_mut(name), &mut vector)).collect();
        Self { headers, _names: names, _vector: vector }
    }
}

/// Room for a batch of arrivals.
struct Incoming {
    headers: Vec<libc::mmsghdr>,
    _names: Vec<libc::sockaddr_in>,
    _vectors: Vec<libc::iovec>,
    _data: Vec<[u8; 256]>,
}

impl Incoming {
    fn new() -> Self {
        // SAFETY: all zeroes is a valid `sockaddr_in`.
        let mut names = vec![unsafe { std::mem::zeroed::<libc::sockaddr_in>() }; BATCH];
        let mut data = vec![[0_u8; 256]; BATCH];
        let mut vectors: Vec<libc::iovec> = data
            .iter_mut()
            .map(|data| libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() })
            .collect();
        let headers = names
            .iter_mut()
            .zip(&mut vectors)
            .map(|(name, vector)| header(std::ptr::from_mut(name), vector))
            .collect();
        Self { headers, _names: names, _vectors: vectors, _data: data }
    }

    fn receive_all(&mut self, fd: i32) -> Counts {
        let mut counts = Counts::default();
        loop {
            // SAFETY: what the headers point to is owned by `self`; the kernel writes it during the call only.
            let received = unsafe {
                let headers = self.headers.as_mut_ptr();
                libc::recvmmsg(fd, headers, BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
            };
            counts.calls += 1;
            counts.received += received.max(0) as u64;
            if received < BATCH as i32 {
                return counts;
            }
        }
    }
}

fn header(name: *mut libc::sockaddr_in, vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid header: no name, no vectors.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_name = name.cast();
    header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}
