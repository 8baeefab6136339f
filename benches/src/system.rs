//! The system side of the exchange, in each shape that is compared.

mod engine;
mod epoll;
mod mmsg;
mod sockets;
mod traffic;
mod uring;

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

pub use self::engine::Engine;
use self::traffic::Traffic;
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
    /// Time of turns in which there was something to do; of use where the thread never sleeps.
    pub work: Duration,
}

/// One shape of the system side.
pub trait System {
    /// Its addresses; call `i` belongs to address `i` modulo their number.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Begins to stream to `far`.
    fn begin(&mut self, far: &[SocketAddrV4]) -> Result<()>;
    /// Packets so far.
    fn counts(&self) -> Counts;
    /// Ends it.
    fn end(self: Box<Self>) -> Result<()>;
}

/// How calls are laid out over sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// That many sockets for all calls.
    Shared(usize),
    /// A connected socket for each of that many calls.
    Own(usize),
}

/// How the kernel is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// io_uring: multishot receive into one buffer ring, a send entry a packet, success not reported.
    Uring,
    /// `recvmmsg` and `sendmmsg` on a timer; over own sockets epoll, `recvmmsg` and `send`.
    Mmsg,
}

/// Where the bytes of a packet come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Payload {
    /// The same bytes for every packet: nothing but the exchange.
    Fixed,
    /// A header is written and audio copied behind it.
    Copy,
    /// A header is written, and the kernel gathers it with a slice of the prompt.
    Slice,
}

/// When the kernel does what it has put off for the ring's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TaskWork {
    /// When the owner waits (`DEFER_TASKRUN`).
    Deferred,
    /// When the owner enters the kernel by itself (`COOP_TASKRUN`).
    Cooperative,
    /// At once, with an interrupt (no flag).
    AtOnce,
}

/// Everything that can be chosen of a bare exchange.
#[derive(Clone, Debug)]
pub struct Options {
    /// Core of its thread.
    pub core: usize,
    /// Wake-ups in the time of a packet.
    pub wakes: usize,
    /// Frames of 20 ms in a packet.
    pub frames: u32,
    /// Layout of the sockets.
    pub layout: Layout,
    /// Way into the kernel.
    pub interface: Interface,
    /// Source of the packets' bytes.
    pub payload: Payload,
    /// Whether packets are sent from registered memory without a copy (`SEND_ZC`).
    pub zero_copy: bool,
    /// Task work of the ring.
    pub task_work: TaskWork,
    /// Core of the kernel's thread that takes submissions (`SQPOLL`), if there is to be one.
    pub submit_core: Option<usize>,
    /// Never sleep.
    pub spin: bool,
    /// `SO_BUSY_POLL` in microseconds, if not 0.
    pub busy_poll_us: u32,
    /// Sets `UDP_GRO`.
    pub gro: bool,
    /// Sets "don't fragment".
    pub never_fragment: bool,
    /// Submission entries of the ring.
    pub entries: u32,
    /// Receive buffers of the ring. Default: what comes in two wake-ups, 2,048 at least.
    pub buffers: Option<u16>,
}

/// A bare exchange: a thread that knows nothing but addresses, and does not look at what arrives.
pub struct Bare {
    options: Options,
    sockets: Vec<UdpSocket>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// Counts and the request to stop.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    calls: AtomicU64,
    work_ns: AtomicU64,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn add(&self, counts: Counts) {
        // One thread writes: no locked instruction is needed.
        let add =
            |total: &AtomicU64, n: u64| total.store(total.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        add(&self.sent, counts.sent);
        add(&self.received, counts.received);
        add(&self.calls, counts.calls);
        add(&self.work_ns, counts.work.as_nanos() as u64);
    }
}

impl Bare {
    /// Opens its sockets.
    pub fn open(options: Options) -> Result<Self> {
        let sockets = sockets::open(&options)?;
        Ok(Self { options, sockets, shared: Arc::default(), thread: None })
    }
}

impl System for Bare {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|socket| socket.local_addr().expect("it is bound")).collect()
    }

    fn begin(&mut self, far: &[SocketAddrV4]) -> Result<()> {
        if let Layout::Own(_) = self.options.layout {
            for (socket, far) in self.sockets.iter().zip(far) {
                socket.connect(far)?;
            }
        }
        let sockets = self.sockets.iter().map(UdpSocket::try_clone).collect::<std::io::Result<Vec<_>>>()?;
        let (options, shared, far) = (self.options.clone(), self.shared.clone(), far.to_vec());
        self.thread = Some(std::thread::Builder::new().name("bare".into()).spawn(move || {
            pin_to(options.core)?;
            let mut traffic = Traffic::new(&far, sockets.len(), &options);
            let exchange = match (options.interface, options.layout) {
                (Interface::Uring, _) => uring::exchange,
                (Interface::Mmsg, Layout::Shared(_)) => mmsg::exchange,
                (Interface::Mmsg, Layout::Own(_)) => epoll::exchange,
            };
            exchange(&sockets, &mut traffic, &options, &shared)
        })?);
        Ok(())
    }

    fn counts(&self) -> Counts {
        Counts {
            sent: self.shared.sent.load(Ordering::Relaxed),
            received: self.shared.received.load(Ordering::Relaxed),
            calls: self.shared.calls.load(Ordering::Relaxed),
            work: Duration::from_nanos(self.shared.work_ns.load(Ordering::Relaxed)),
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

/// The wake-ups of a tick, one after the other.
struct Clock {
    due: Instant,
    interval: Duration,
    next: usize,
    wakes: usize,
    spin: bool,
}

impl Clock {
    fn new(options: &Options) -> Self {
        let tick = Duration::from_millis(20) * options.frames;
        Self {
            due: Instant::now(),
            interval: tick / options.wakes as u32,
            next: 0,
            wakes: options.wakes,
            spin: options.spin,
        }
    }

    /// The wake-up that is due, if one is.
    fn take(&mut self, now: Instant) -> Option<usize> {
        (now >= self.due).then(|| {
            let wake = self.next;
            self.next = (wake + 1) % self.wakes;
            self.due += self.interval;
            wake
        })
    }

    /// Time to the next.
    fn left(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Sleeps to the next, unless there is to be no sleep.
    fn sleep(&self) {
        if !self.spin {
            std::thread::sleep(self.left());
        }
    }
}
