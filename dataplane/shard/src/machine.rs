//! The border between the engine and what it drives.
//!
//! A [`Machine`] is pure: it has no clock, no socket and no thread. The shard lends it bytes and memory and tells it
//! the time. In the product the machine is the set of all calls of the shard.

use std::net::SocketAddr;
use std::time::Instant;

/// Position of a socket in [`ShardConfig::sockets`](crate::ShardConfig::sockets): the name by which shard and machine
/// speak of it. Stable for the life of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketIndex(pub u16);

/// A datagram which the machine has written into the lent slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The socket it leaves from.
    pub socket: SocketIndex,
    /// Where it goes. Must be of the socket's family; otherwise the kernel refuses it and it is counted.
    pub to: SocketAddr,
    /// Bytes written from the start of the slot.
    pub len: usize,
}

/// A pure machine driven by a shard.
///
/// The law is **one change, then drain until empty, then the next change**. After each `handle_*` the shard calls
/// [`poll_transmit`](Machine::poll_transmit) and [`poll_event`](Machine::poll_event) until both return `None`, and
/// only then hands over the next change. There are two exceptions, both made so that load never turns into loss:
///
/// - while the node does not take events, `poll_event` is not called and the machine keeps them; no mail is read in
///   that time, so what it must keep is bounded by the calls it already has;
/// - a drain longer than one turn's bite is continued in the next turn, before any further change.
pub trait Machine {
    /// What the node sends to the shard: orders, cancels, drain.
    type Mail: Send + 'static;
    /// What the machine tells the node. Boxed or small: it is moved through a queue.
    type Event: Send + 'static;

    /// Takes a datagram that arrived on `socket`. The bytes are valid for this call only and are foreign: any content,
    /// any length from 0 up to the socket's buffer size.
    fn handle_datagram(&mut self, now: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]);

    /// A datagram from `from` lies ready on `socket` and is handed over soon. A machine with more state than the core's
    /// cache may fetch here what it will need; it must not change anything that can be told from outside. What it gives is
    /// handed to [`Machine::approach`].
    fn anticipate(&self, socket: SocketIndex, from: SocketAddr) -> Option<u64> {
        let _ = (socket, from);
        None
    }

    /// What was anticipated as `what` is next but a few: what the memory fetched then points to may be fetched. Where few have
    /// arrived, that memory may still be on its way.
    fn approach(&self, what: u64) {
        let _ = what;
    }

    /// Told ten times a second while the shard is awake: the share of its core that the thread has used since, 0–1. For a
    /// machine that refuses work before it is late with what it has.
    fn handle_load(&mut self, share: f32) {
        let _ = share;
    }

    /// Makes ready what has to leave on time at `now`, such as the packets of a tick. The first change of a turn, so
    /// that neither arrivals nor mail delay it; left out in a turn that has to end the drain of the one before, so that a
    /// machine with too much to send still hears. A machine that always has too much must make its ticks in
    /// [`handle_timeout`](Machine::handle_timeout) too.
    fn handle_tick(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes one message of the node.
    fn handle_mail(&mut self, now: Instant, mail: Self::Mail);

    /// Fires timers that are due at `now`: all of them or a bounded bite. Called again in the same turn while
    /// [`poll_timeout`](Machine::poll_timeout) stays due.
    fn handle_timeout(&mut self, now: Instant);

    /// Writes the next datagram to send into `slot` (at least [`SLOT_BYTES`](crate::SLOT_BYTES) long) and says where it
    /// goes, or returns `None`.
    fn poll_transmit(&mut self, now: Instant, slot: &mut [u8]) -> Option<Transmit>;

    /// The next event for the node.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// The next instant at which [`handle_timeout`](Machine::handle_timeout) has something to do. `None` means that
    /// only a datagram or mail can change anything.
    fn poll_timeout(&self) -> Option<Instant>;

    /// True when nothing is under way, so that a shard asked to stop when idle may end.
    fn is_idle(&self) -> bool;
}
