//! The kernel: UDP sockets with receive timestamps, batches of datagrams, epoll, affinity. All of the crate's `unsafe` is here.
//!
//! Owns buffers and descriptors. Knows nothing of what the bytes mean.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Datagrams that one system call moves.
const BATCH: usize = 64;
/// Room for a timestamp and a destination address beside a datagram.
const CONTROL: usize = 96;
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

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

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

/// Buffers for one receive of up to 64 datagrams.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    /// Bytes kept of each datagram; of a longer one the rest is lost.
    each: usize,
    names: Box<[libc::sockaddr_in; BATCH]>,
    controls: Box<[Control; BATCH]>,
    /// Length of each datagram and of its control data.
    lengths: [(usize, usize); BATCH],
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

impl Inbox {
    pub(crate) fn new(each: usize) -> Self {
        let nobody = to_sockaddr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        Self {
            bytes: vec![0; each * BATCH].into_boxed_slice(),
            each,
            names: Box::new([nobody; BATCH]),
            controls: Box::new([Control([0; CONTROL]); BATCH]),
            lengths: [(0, 0); BATCH],
        }
    }

    /// Takes what waits at the socket; 64 means that there may be more. Nothing is 0, not an error.
    pub(crate) fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        // SAFETY: all-zero is a valid value of both structures.
        let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        for (n, message) in messages.iter_mut().enumerate() {
            parts[n] =
                libc::iovec { iov_base: self.bytes[n * self.each..].as_mut_ptr().cast(), iov_len: self.each };
            message.msg_hdr.msg_name = ptr::from_mut(&mut self.names[n]).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            message.msg_hdr.msg_iov = &mut parts[n];
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = ptr::from_mut(&mut self.controls[n]).cast();
            message.msg_hdr.msg_controllen = CONTROL;
        }
        // SAFETY: every message points at buffers of this inbox of the stated lengths, which outlive the call.
        let got = unsafe {
            libc::recvmmsg(
                fd,
                messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match check(got) {
            Ok(count) => {
                for (n, message) in messages.iter().take(count as usize).enumerate() {
                    self.lengths[n] = (message.msg_len as usize, message.msg_hdr.msg_controllen);
                }
                Ok(count as usize)
            }
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR | libc::ECONNREFUSED)) => {
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }

    /// The `n`-th datagram of the last receive.
    pub(crate) fn datagram(&self, n: usize) -> Datagram<'_> {
        let (length, control) = self.lengths[n];
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

/// Waits for readable descriptors, named by numbers.
#[derive(Debug)]
pub(crate) struct Poll {
    fd: OwnedFd,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain system call; the descriptor is owned from here on.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) } })
    }

    pub(crate) fn add(&self, fd: RawFd, name: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name };
        // SAFETY: `event` lives through the call.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) })?;
        Ok(())
    }

    /// Waits no longer than `timeout`, and hands over the names of what is readable. Level-triggered.
    pub(crate) fn wait(&self, timeout: Duration, ready: &mut Vec<u64>) -> io::Result<()> {
        const EVENTS: usize = 256;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
        };
        // SAFETY: `events` has room for EVENTS entries, `timeout` lives through the call, and there is no signal mask.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS,
                &timeout,
                ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        ready.clear();
        match check(count as libc::c_int) {
            Ok(count) => ready.extend(events.iter().take(count as usize).map(|event| event.u64)),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

/// Wakes a [`Poll`] from another thread.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: OwnedFd,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain system call; the descriptor is owned from here on.
        Ok(Self {
            fd: unsafe {
                OwnedFd::from_raw_fd(check(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))?)
            },
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn ring(&self) {
        // SAFETY: eight bytes are read from a local. A full counter is as good as a rung bell.
        unsafe { libc::write(self.fd(), ptr::from_ref(&1u64).cast(), 8) };
    }
}

/// Unix microseconds now, by the clock that the kernel stamps datagrams with.
pub(crate) fn unix_us() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Keeps the calling thread on one core.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: all-zero is an empty set, `core` is inside it, and 0 means the calling thread.
    check(unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    })?;
    Ok(())
}

/// CPU time of the calling thread so far.
pub(crate) fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A signal that asks the process to stop is delivered to the bell instead: SIGTERM and SIGINT, for every thread that is
/// started afterwards.
#[derive(Debug)]
pub struct StopSignal {
    fd: OwnedFd,
}

impl StopSignal {
    /// Blocks the signals; call it before threads are started.
    pub fn install() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is used, and lives through the calls.
        unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGTERM);
            libc::sigaddset(&mut set, libc::SIGINT);
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            Ok(Self { fd: OwnedFd::from_raw_fd(check(libc::signalfd(-1, &set, libc::SFD_CLOEXEC))?) })
        }
    }

    /// Returns when one of the signals came.
    pub fn wait(&self) -> io::Result<()> {
        // SAFETY: all-zero is a valid value, and the buffer has the size that is told.
        let got = unsafe {
            let mut info: libc::signalfd_siginfo = mem::zeroed();
            libc::read(self.fd.as_raw_fd(), ptr::from_mut(&mut info).cast(), size_of_val(&info))
        };
        check(got as libc::c_int).map(drop)
    }
}

fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its length is its own.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), value.len() as libc::socklen_t)
    })?;
    Ok(())
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
