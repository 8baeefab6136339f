//! Many datagrams a system call, with what the kernel knows of each.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::RawFd;
use std::ptr;

use super::{check, from_sockaddr, to_sockaddr, unix_us};

/// Datagrams that one system call moves.
pub(crate) const BATCH: usize = 64;
/// Room for a timestamp and a destination address beside a datagram.
const CONTROL: usize = 64;

/// A datagram that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) from: SocketAddrV4,
    /// The address that it was sent to, for [`Reach::AllLoopback`].
    pub(crate) to: Option<Ipv4Addr>,
    /// Unix microseconds at which the kernel received it.
    pub(crate) at_us: u64,
}

/// Buffers for one receive of up to [`BATCH`] datagrams. Headers are built once and point into the other fields, which are on
/// the heap and stay where they are.
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Bytes kept of each datagram; of a longer one the rest is lost.
    each: usize,
    names: Vec<libc::sockaddr_in>,
    controls: Vec<Control>,
    _parts: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

impl Inbox {
    pub(crate) fn new(each: usize) -> Self {
        let nobody = to_sockaddr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let (mut bytes, mut names) = (vec![0; each * BATCH], vec![nobody; BATCH]);
        let mut controls = vec![Control([0; CONTROL]); BATCH];
        // SAFETY: all-zero is a valid value of both structures.
        let (mut parts, mut messages): (Vec<libc::iovec>, Vec<libc::mmsghdr>) =
            unsafe { (vec![mem::zeroed(); BATCH], vec![mem::zeroed(); BATCH]) };
        for (n, message) in messages.iter_mut().enumerate() {
            parts[n] = libc::iovec { iov_base: bytes[n * each..].as_mut_ptr().cast(), iov_len: each };
            message.msg_hdr.msg_name = ptr::from_mut(&mut names[n]).cast();
            message.msg_hdr.msg_iov = &mut parts[n];
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = ptr::from_mut(&mut controls[n]).cast();
        }
        Self { bytes, each, names, controls, _parts: parts, messages }
    }

    /// Takes what waits at the socket; [`BATCH`] means that there may be more. Nothing is 0, not an error.
    pub(crate) fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        for message in self.messages.iter_mut() {
            // The kernel has written what it used of both.
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            message.msg_hdr.msg_controllen = CONTROL;
        }
        // SAFETY: every message points at buffers of this inbox of the stated lengths, which live as long as it does.
        let got = unsafe {
            libc::recvmmsg(
                fd,
                self.messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match check(got) {
            Ok(count) => Ok(count as usize),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR | libc::ECONNREFUSED)) => {
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }

    /// The `n`-th datagram of the last receive.
    pub(crate) fn datagram(&self, n: usize) -> Datagram<'_> {
        let message = &self.messages[n];
        let (length, control) = (message.msg_len as usize, message.msg_hdr.msg_controllen);
        let mut datagram = Datagram {
            bytes: &self.bytes[n * self.each..][..length.min(self.each)],
            from: from_sockaddr(&self.names[n]),
            to: None,
            at_us: 0,
        };
        for (level, kind, data) in ControlData(&self.controls[n].0[..control.min(CONTROL)]) {
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) if data.len() >= 16 => {
                    let (seconds, nanos) = (word(data, 0) as u64, word(data, 8) as u64);
                    datagram.at_us = seconds * 1_000_000 + nanos / 1_000;
                }
                // `in_pktinfo`: interface, local address, destination in the header.
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if data.len() >= 12 => {
                    datagram.to = Some(Ipv4Addr::new(data[8], data[9], data[10], data[11]));
                }
                _ => {}
            }
        }
        if datagram.at_us == 0 {
            datagram.at_us = unix_us();
        }
        datagram
    }
}

/// Walks control messages: `cmsghdr` is a length of 8 bytes, a level and a type of 4, then data padded to 8.
struct ControlData<'a>(&'a [u8]);

const CONTROL_HEADER: usize = size_of::<libc::cmsghdr>();

impl<'a> Iterator for ControlData<'a> {
    type Item = (i32, i32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.0.get(..CONTROL_HEADER)?;
        let length = word(head, 0) as usize;
        let half = |at: usize| i32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let item = (half(8), half(12), self.0.get(CONTROL_HEADER..length)?);
        self.0 = self.0.get(length.next_multiple_of(8)..).unwrap_or(&[]);
        Some(item)
    }
}

fn word(bytes: &[u8], at: usize) -> i64 {
    i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("the slice has eight bytes"))
}

/// A datagram to send: two parts, so that a shared payload is not copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) tail: &'a [u8],
    pub(crate) to: SocketAddrV4,
    /// Address to send from, for [`Reach::AllLoopback`].
    pub(crate) from: Option<Ipv4Addr>,
}

/// Sends datagrams, 64 a system call. Returns how many the kernel did not take: as with any UDP, they are lost.
pub(crate) fn send<'a>(fd: RawFd, datagrams: impl IntoIterator<Item = Outgoing<'a>>) -> usize {
    let mut datagrams = datagrams.into_iter().fuse();
    let mut refused = 0;
    loop {
        // SAFETY: all-zero is a valid value of the three structures.
        let (mut parts, mut messages, mut names): (
            [[libc::iovec; 2]; BATCH],
            [libc::mmsghdr; BATCH],
            [libc::sockaddr_in; BATCH],
        ) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        let mut controls = [SourceControl::default(); BATCH];
        let mut count = 0;
        for datagram in datagrams.by_ref().take(BATCH) {
            let part = |bytes: &[u8]| libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            };
            parts[count] = [part(datagram.head), part(datagram.tail)];
            names[count] = to_sockaddr(datagram.to);
            let header = &mut messages[count].msg_hdr;
            header.msg_name = ptr::from_mut(&mut names[count]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = parts[count].as_mut_ptr();
            header.msg_iovlen = 2;
            if let Some(from) = datagram.from {
                controls[count] = SourceControl::new(from);
                header.msg_control = ptr::from_mut(&mut controls[count]).cast();
                header.msg_controllen = size_of::<SourceControl>();
            }
            count += 1;
        }
        if count == 0 {
            return refused;
        }
        let mut done = 0;
        while done < count {
            // SAFETY: messages `done..count` were filled above and point at memory that outlives the call.
            let sent = unsafe {
                libc::sendmmsg(
                    fd,
                    messages[done..].as_mut_ptr(),
                    (count - done) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match check(sent) {
                Ok(sent) => done += sent as usize,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The first of the rest cannot be sent; those behind it may.
                Err(_) => {
                    refused += 1;
                    done += 1;
                }
            }
        }
    }
}

/// An `IP_PKTINFO` control message that chooses the source address.
#[repr(C, align(8))]
#[derive(Clone, Copy, Default)]
struct SourceControl {
    length: usize,
    level: i32,
    kind: i32,
    interface: i32,
    source: [u8; 4],
    destination: [u8; 4],
    padding: [u8; 4],
}

impl SourceControl {
    fn new(source: Ipv4Addr) -> Self {
        Self {
            length: CONTROL_HEADER + 12,
            level: libc::IPPROTO_IP,
            kind: libc::IP_PKTINFO,
            source: source.octets(),
            ..Self::default()
        }
    }
}
