//! The RTP ports of a shard, and which call a packet belongs to.
//!
//! Calls share a small pool of ports and are told apart by the far address, because a socket a call costs half as much
//! again in CPU (DESIGN.md section 3). The owner tells the table what happens to a call:
//!
//! 1. [`Ports::reserve`] before the offer is written: a lease of a port that no other *pending* call holds. Pending means that the
//!    far address is not known for certain, so a packet from an unknown address can only be that one call's.
//! 2. [`Ports::expect`] when an answer (or early media) names the far address, and [`Ports::expect_rtcp`] beside it.
//! 3. [`Ports::settle`] when the session reports [`crate::MediaEvent::Latched`], or when the call no longer waits for a
//!    source other than the negotiated one. The port is free for the next call to be set up.
//! 4. [`Ports::release`] at the end. Its addresses rest for [`REST`], so that late packets find nobody.
//!
//! # When two calls have the same far address on the same port
//!
//! Our port is told before the far address is known, so a far end that uses one address for several calls at once may
//! name it on a port where it is already taken. That call cannot be told from the other, and [`Ports::expect`] refuses
//! it with [`Collision`], whatever its SSRC: an SSRC may change, and trusting it would let one call's peer speak into
//! another. The owner reserves another port and re-INVITEs, or ends the call; the counter [`Ports::collisions`] tells
//! how often. Pending calls take ports in turn, so `n` calls of one far address meet on a pool of `m` ports only when
//! `n` approaches `m`. Lines whose far ends really use one address for everything (media proxies with a single port,
//! SIPp) are given a pool in [`PortMode::Own`].

mod far_address;
mod rtcp;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use far_address::{FarAddress, Seeded};
use rtcp::RtcpAddresses;

/// How long a far address, or a port of its own, stays unused after its call: packets that are still under way, and far
/// ends that talk on after BYE, must not reach the next call.
pub const REST: Duration = Duration::from_secs(30);

/// Number of a port within its pool; the owner knows the socket behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortIndex(pub u16);

/// Whether calls share ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PortMode {
    /// Many calls a port, told apart by far address.
    #[default]
    Shared,
    /// One call a port; every packet on it is that call's to judge.
    Own,
}

/// A pool of ports.
#[derive(Clone, Copy, Debug)]
pub struct PortsConfig {
    /// Whether calls share ports.
    pub mode: PortMode,
    /// How many there are, 1–65535. Shared: at least as many as calls that ring at once. Own: as many as calls, and
    /// those that ended in the last [`REST`].
    pub ports: u16,
    /// Random seed of the address table's hash.
    pub seed: u64,
}

/// Far addresses that one call may have: the negotiated one, the latched one, and one more after a re-negotiation.
pub const ADDRESSES_MAX: usize = 3;

/// A call's hold on a port. It has to go back with [`Ports::release`]; one that is dropped keeps its addresses taken.
#[derive(Debug)]
#[must_use = "a lease that is not released keeps its port and addresses"]
pub struct PortLease {
    call: u64,
    port: PortIndex,
    addresses: [Option<FarAddress>; ADDRESSES_MAX],
    /// Where its RTCP comes from, when that is not the usual place.
    rtcp: Option<FarAddress>,
}

impl PortLease {
    /// The port, for the offer and for sending.
    pub fn port(&self) -> PortIndex {
        self.port
    }

    /// The call's key.
    pub fn call(&self) -> u64 {
        self.call
    }

    /// Adds an address, and gives back the oldest when there is no room.
    fn push(&mut self, address: FarAddress) -> Option<FarAddress> {
        self.addresses.rotate_right(1);
        self.addresses[0].replace(address)
    }
}

/// No port is free for another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {ports} RTP ports of the pool are taken or resting")]
pub struct PortsExhausted {
    /// Size of the pool.
    pub ports: u16,
}

/// The far address is already another call's, or rests after one, on this port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Collision {
    /// With a call that is up.
    #[error("another call on this port has the same far address")]
    Live {
        /// That call.
        other: u64,
    },
    /// With a call that ended less than [`REST`] ago.
    #[error("the far address was used by a call on this port that ended just now")]
    Resting,
}

/// Whose packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// This call's: the address is negotiated or latched.
    Call(u64),
    /// From an unknown address, on the port of this pending call, which may latch it or refuse it.
    Pending(u64),
    /// Nobody's: from an unknown address.
    Stranger,
    /// Nobody's any more: the address rests.
    Resting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Call(u64),
    /// Until it has rested for [`REST`].
    Resting,
}

/// The table.
#[derive(Debug)]
pub struct Ports {
    config: PortsConfig,
    /// For each port the pending call (shared) or the call (own).
    holders: Vec<Option<u64>>,
    /// Ports that may be reserved, longest unused first.
    free: VecDeque<PortIndex>,
    addresses: HashMap<FarAddress, Holder, Seeded>,
    resting_addresses: VecDeque<(Instant, FarAddress)>,
    resting_ports: VecDeque<(Instant, PortIndex)>,
    rtcp: RtcpAddresses,
    strangers: u64,
    late: u64,
    collisions: u64,
    exhausted: u64,
}

impl Ports {
    /// A pool, all of it free.
    pub fn new(config: PortsConfig) -> Ports {
        let ports = usize::from(config.ports);
        Ports {
            config,
            holders: vec![None; ports],
            free: (0..config.ports).map(PortIndex).collect(),
            addresses: HashMap::with_capacity_and_hasher(ports, Seeded(config.seed)),
            resting_addresses: VecDeque::new(),
            resting_ports: VecDeque::new(),
            rtcp: RtcpAddresses::new(config.seed),
            strangers: 0,
            late: 0,
            collisions: 0,
            exhausted: 0,
        }
    }

    /// Gives a port to a new call, under a key that is new to the table.
    pub fn reserve(&mut self, now: Instant, call: u64) -> Result<PortLease, PortsExhausted> {
        self.wake(now);
        let Some(port) = self.free.pop_front() else {
            self.exhausted += 1;
            return Err(PortsExhausted { ports: self.config.ports });
        };
        self.holders[usize::from(port.0)] = Some(call);
        Ok(PortLease { call, port, addresses: [None; ADDRESSES_MAX], rtcp: None })
    }

    /// Notes a far address that was negotiated for the call. Naming the same one again is no change; a new one stands
    /// beside the old, of which the [`ADDRESSES_MAX`] newest are kept.
    pub fn expect(
        &mut self,
        now: Instant,
        lease: &mut PortLease,
        remote: SocketAddr,
    ) -> Result<(), Collision> {
        self.wake(now);
        if self.config.mode == PortMode::Own {
            return Ok(());
        }
        let address = FarAddress::new(lease.port, remote);
        let refusal = match self.addresses.get(&address) {
            None => {
                self.addresses.insert(address, Holder::Call(lease.call));
                if let Some(oldest) = lease.push(address) {
                    self.rest(now, oldest);
                }
                return Ok(());
            }
            Some(&Holder::Call(other)) if other == lease.call => return Ok(()),
            Some(&Holder::Call(other)) => Collision::Live { other },
            Some(Holder::Resting) => Collision::Resting,
        };
        self.collisions += 1;
        Err(refusal)
    }

    /// The call's source is known: `source` is its own, and its port is free for another call to be set up. Called for
    /// a source other than the negotiated one, or again, it adds that source.
    pub fn settle(
        &mut self,
        now: Instant,
        lease: &mut PortLease,
        source: SocketAddr,
    ) -> Result<(), Collision> {
        self.expect(now, lease, source)?;
        if self.config.mode == PortMode::Shared {
            self.vacate(lease);
        }
        Ok(())
    }

    /// Ends a call; its addresses begin to rest.
    pub fn release(&mut self, now: Instant, lease: PortLease) {
        self.wake(now);
        match self.config.mode {
            PortMode::Shared => {
                lease.addresses.iter().flatten().for_each(|&address| self.rest(now, address));
                if let Some(address) = lease.rtcp {
                    self.rtcp.rest(now, address);
                }
                self.vacate(&lease);
            }
            PortMode::Own => {
                self.holders[usize::from(lease.port.0)] = None;
                self.resting_ports.push_back((now, lease.port));
            }
        }
    }

    /// Whose packet it would be that arrived on `port` from `from`.
    pub fn find(&self, port: PortIndex, from: SocketAddr) -> Lookup {
        let holder = self.holders.get(usize::from(port.0)).copied().flatten();
        match self.config.mode {
            PortMode::Own => holder.map_or(Lookup::Stranger, Lookup::Call),
            PortMode::Shared => match self.addresses.get(&FarAddress::new(port, from)) {
                Some(&Holder::Call(call)) => Lookup::Call(call),
                Some(Holder::Resting) => Lookup::Resting,
                None => holder.map_or(Lookup::Stranger, Lookup::Pending),
            },
        }
    }

    /// Whose packet has arrived on `port` from `from`. Counts those that are nobody's.
    pub fn lookup(&mut self, port: PortIndex, from: SocketAddr) -> Lookup {
        let found = self.find(port, from);
        self.strangers += u64::from(found == Lookup::Stranger);
        self.late += u64::from(found == Lookup::Resting);
        found
    }

    /// Ports that could be reserved now, not counting those whose rest has ended since the last change.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Packets of strangers.
    pub fn strangers(&self) -> u64 {
        self.strangers
    }

    /// Packets of calls that had ended.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Calls refused because of their far address.
    pub fn collisions(&self) -> u64 {
        self.collisions
    }

    /// Calls refused because no port was free.
    pub fn exhausted(&self) -> u64 {
        self.exhausted
    }

    fn vacate(&mut self, lease: &PortLease) {
        let holder = &mut self.holders[usize::from(lease.port.0)];
        if *holder == Some(lease.call) {
            *holder = None;
            self.free.push_back(lease.port);
        }
    }

    fn rest(&mut self, now: Instant, address: FarAddress) {
        self.addresses.insert(address, Holder::Resting);
        self.resting_addresses.push_back((now, address));
    }

    /// Ends rests that are over. Each release adds what one of these takes away, so the work is small and bounded.
    fn wake(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) >= REST;
        while let Some((_, address)) = self.resting_addresses.pop_front_if(|(since, _)| over(*since)) {
            self.addresses.remove(&address);
        }
        while let Some((_, port)) = self.resting_ports.pop_front_if(|(since, _)| over(*since)) {
            self.free.push_back(port);
        }
    }
}
