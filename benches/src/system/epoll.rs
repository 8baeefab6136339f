//! The bare exchange over a connected socket a call, as most servers have it: `epoll` tells what came, `recvmmsg` takes it, `send`
//! sends each packet.

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

use super::mmsg::Incoming;
use super::{Clock, Counts, Options, Shared, Traffic};

/// Sockets that one system call tells of.
const EVENTS: usize = 1_024;

pub(super) fn exchange(
    sockets: &[UdpSocket],
    traffic: &mut Traffic,
    options: &Options,
    shared: &Shared,
) -> std::io::Result<()> {
    let poll = Poll::new(sockets)?;
    let mut incoming = Incoming::new();
    let mut clock = Clock::new(options);
    while !shared.stopped() {
        let now = Instant::now();
        let mut counts = Counts::default();
        if let Some(wake) = clock.take(now) {
            poll.receive_all(sockets, &mut incoming, &mut counts)?;
            for n in traffic.wake(wake) {
                let call = traffic.call(wake, n);
                traffic.prepare(call);
                let socket = &sockets[traffic.socket(call) as usize];
                // SAFETY: vectors and bytes that the header points to live in the traffic past this call, and the kernel reads
                // them during the call only.
                let sent =
                    unsafe { libc::sendmsg(socket.as_raw_fd(), traffic.header(call), libc::MSG_DONTWAIT) };
                counts.calls += 1;
                counts.sent += u64::from(sent >= 0);
            }
            counts.work = now.elapsed();
            shared.add(counts);
        }
        clock.sleep();
    }
    Ok(())
}

struct Poll(OwnedFd);

impl Poll {
    fn new(sockets: &[UdpSocket]) -> std::io::Result<Self> {
        // SAFETY: plain system call; the descriptor is owned from here on.
        let poll = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        for (name, socket) in sockets.iter().enumerate() {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name as u64 };
            // SAFETY: `event` lives through the call.
            check(unsafe {
                libc::epoll_ctl(poll.as_raw_fd(), libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &mut event)
            })?;
        }
        Ok(Self(poll))
    }

    fn receive_all(
        &self,
        sockets: &[UdpSocket],
        incoming: &mut Incoming,
        counts: &mut Counts,
    ) -> std::io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        loop {
            // SAFETY: `events` has room for EVENTS entries and lives through the call.
            let ready =
                unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), EVENTS as i32, 0) };
            let ready = check(ready)? as usize;
            counts.calls += 1;
            for event in &events[..ready] {
                incoming.receive_all(sockets[event.u64 as usize].as_raw_fd(), counts);
            }
            if ready < EVENTS {
                return Ok(());
            }
        }
    }
}

fn check(result: i32) -> std::io::Result<i32> {
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}
