//! The system side of the exchange, in each shape that is compared.

mod engine;
mod mmsg;
mod uring;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

pub use self::engine::Engine;
use crate::rtp_stream::{PHASE, PHASES};
use crate::usage::pin_to;

/// Packets of the system side so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Given to the kernel.
    pub sent: u64,
    /// Received.
    pub received: u64,
    /// System calls made for them.
    pub calls: u64,
}

/// One shape of the system side.
pub trait System {
    /// Its addresses; call `i` belongs to address `i` modulo their number.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Begins to stream to `far`.
    fn begin(&mut self, far: &[SocketAddr]) -> Result<()>;
    /// Packets so far.
    fn counts(&self) -> Counts;
    /// Ends it.
    fn end(self: Box<Self>) -> Result<()>;
}

/// A bare exchange: one shared socket, a thread that knows nothing but addresses, and no look at what arrives.
pub struct Bare {
    socket: UdpSocket,
    core: usize,
    wakes: usize,
    body: Body,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// What the thread of a bare exchange does.
pub type Body = fn(&UdpSocket, &Schedule, &Shared) -> std::io::Result<()>;

/// Counts and the request to stop.
#[derive(Default)]
pub struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    calls: AtomicU64,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn add(&self, counts: Counts) {
        self.sent.fetch_add(counts.sent, Ordering::Relaxed);
        self.received.fetch_add(counts.received, Ordering::Relaxed);
        self.calls.fetch_add(counts.calls, Ordering::Relaxed);
    }
}

/// Who gets a packet when.
pub struct Schedule {
    /// The far addresses of each wake-up of the tick.
    pub wakes: Vec<Vec<SocketAddr>>,
    /// Time from one wake-up to the next.
    pub interval: Duration,
}

impl Schedule {
    fn new(far: &[SocketAddr], wakes: usize) -> Self {
        let mut schedule =
            Self { wakes: vec![Vec::new(); wakes], interval: PHASE * PHASES as u32 / wakes as u32 };
        for (index, address) in far.iter().enumerate() {
            schedule.wakes[index % wakes].push(*address);
        }
        schedule
    }
}

impl Bare {
    /// The floor with io_uring: multishot receive into a buffer ring, one send entry a packet, success not reported.
    pub fn uring(core: usize, wakes: usize) -> Result<Self> {
        Self::new(core, wakes, uring::exchange)
    }

    /// The floor with `sendmmsg` and `recvmmsg` on a timer.
    pub fn mmsg(core: usize, wakes: usize) -> Result<Self> {
        Self::new(core, wakes, mmsg::exchange)
    }

    fn new(core: usize, wakes: usize, body: Body) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        size_queues(&socket, 4 << 20);
        Ok(Self { socket, core, wakes, body, shared: Arc::default(), thread: None })
    }
}

impl System for Bare {
    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.socket.local_addr().expect("it is bound")]
    }

    fn begin(&mut self, far: &[SocketAddr]) -> Result<()> {
        let (socket, core, body) = (self.socket.try_clone()?, self.core, self.body);
        let (schedule, shared) = (Schedule::new(far, self.wakes), self.shared.clone());
        self.thread = Some(std::thread::Builder::new().name("bare".into()).spawn(move || {
            pin_to(core)?;
            body(&socket, &schedule, &shared)
        })?);
        Ok(())
    }

    fn counts(&self) -> Counts {
        Counts {
            sent: self.shared.sent.load(Ordering::Relaxed),
            received: self.shared.received.load(Ordering::Relaxed),
            calls: self.shared.calls.load(Ordering::Relaxed),
        }
    }

    fn end(mut self: Box<Self>) -> Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow::anyhow!("the bare exchange panicked"))??;
        }
        Ok(())
    }
}

/// Time until `due`, and `due` moved to the next wake-up.
fn until_next(due: &mut Instant, interval: Duration) -> Duration {
    *due += interval;
    due.saturating_duration_since(Instant::now())
}

fn size_queues(socket: &UdpSocket, bytes: i32) {
    use std::os::fd::AsRawFd;
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        // SAFETY: the kernel reads the four bytes of `bytes` during the call only. A clamp shows up as loss.
        unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const bytes).cast(), 4);
        }
    }
}

/// `address` as the kernel wants it.
fn kernel_address(address: &SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(address) = address else { unreachable!("the bench uses 127.0.0.1 only") };
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}
