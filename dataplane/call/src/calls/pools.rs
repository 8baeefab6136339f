//! The RTP ports of the shard: those that calls share, and those that a call has for itself.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use common::entropy::Entropy;
use media::{Lookup, PortIndex, PortLease, PortMode, Ports, PortsConfig, PortsExhausted, ports::REST};

use crate::{CallsConfig, MediaPort};

/// Both pools. A socket's number counts through the shared ports first.
#[derive(Debug)]
pub(super) struct Pools {
    shared: Pool,
    own: Pool,
    /// Own ports that calls hold.
    own_in_use: u64,
    /// When own ports were released that still rest.
    own_released: VecDeque<Instant>,
}

#[derive(Debug)]
struct Pool {
    ports: Ports,
    /// As they stand in SDP.
    addresses: Vec<MediaPort>,
}

/// A port taken for a call.
#[derive(Debug)]
pub(super) struct Taken {
    pub lease: PortLease,
    /// Number of the sockets behind it.
    pub number: u16,
    /// Their addresses in SDP.
    pub address: MediaPort,
}

impl Pools {
    pub(super) fn new(config: &CallsConfig, entropy: &mut Entropy) -> Self {
        let mut pool = |mode, addresses: &[MediaPort]| {
            let ports = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
            let ports = Ports::new(PortsConfig { mode, ports, seed: entropy.draw() });
            Pool { ports, addresses: addresses.to_vec() }
        };
        Self {
            shared: pool(PortMode::Shared, &config.shared_media),
            own: pool(PortMode::Own, &config.own_media),
            own_in_use: 0,
            own_released: VecDeque::new(),
        }
    }

    pub(super) fn reserve(
        &mut self,
        now: Instant,
        mode: PortMode,
        call: u64,
    ) -> Result<Taken, PortsExhausted> {
        let first = match mode {
            PortMode::Shared => 0,
            PortMode::Own => self.shared.addresses.len() as u16,
        };
        let pool = self.pool(mode);
        let lease = pool.ports.reserve(now, call)?;
        let port = lease.port().0;
        let taken = Taken { lease, number: first + port, address: pool.addresses[usize::from(port)] };
        self.own_in_use += u64::from(mode == PortMode::Own);
        Ok(taken)
    }

    /// Gives a call's port back.
    pub(super) fn release(&mut self, now: Instant, mode: PortMode, lease: PortLease) {
        if mode == PortMode::Own {
            self.own_in_use -= 1;
            self.own_released.push_back(now);
        }
        self.pool(mode).ports.release(now, lease);
    }

    /// Takes note of the time, for [`resting`](Self::resting).
    pub(super) fn pass_time(&mut self, now: Instant) {
        let over = |since: &mut Instant| now.saturating_duration_since(*since) >= REST;
        while self.own_released.pop_front_if(over).is_some() {}
    }

    /// Ports that calls hold: shared ones while a call is set up, own ones up to its end.
    pub(super) fn in_use(&self) -> u64 {
        (self.shared.addresses.len() - self.shared.ports.free()) as u64 + self.own_in_use
    }

    /// Own ports that rest after a call, as of the last [`pass_time`](Self::pass_time).
    pub(super) fn resting(&self) -> u64 {
        self.own_released.len() as u64
    }

    /// Whose packet has arrived on the media socket of this number.
    pub(super) fn lookup(&mut self, number: u16, from: SocketAddr) -> Lookup {
        match number.checked_sub(self.shared.addresses.len() as u16) {
            None => self.shared.ports.lookup(PortIndex(number), from),
            Some(own) => self.own.ports.lookup(PortIndex(own), from),
        }
    }

    /// Whose packet has arrived on the RTCP socket of this number.
    pub(super) fn lookup_rtcp(&mut self, number: u16, from: SocketAddr) -> Lookup {
        match number.checked_sub(self.shared.addresses.len() as u16) {
            None => self.shared.ports.lookup_rtcp(PortIndex(number), from),
            Some(own) => self.own.ports.lookup_rtcp(PortIndex(own), from),
        }
    }

    /// Whose packet it would be.
    pub(super) fn find(&self, number: u16, from: SocketAddr) -> Lookup {
        match number.checked_sub(self.shared.addresses.len() as u16) {
            None => self.shared.ports.find(PortIndex(number), from),
            Some(own) => self.own.ports.find(PortIndex(own), from),
        }
    }

    pub(super) fn of(&mut self, mode: PortMode) -> &mut Ports {
        &mut self.pool(mode).ports
    }

    /// Packets of unknown sources.
    pub(super) fn strangers(&self) -> u64 {
        self.shared.ports.strangers() + self.own.ports.strangers()
    }

    /// Packets that came after their call.
    pub(super) fn late(&self) -> u64 {
        self.shared.ports.late() + self.own.ports.late()
    }

    /// RTCP of unknown sources, and RTCP that came after its call.
    pub(super) fn rtcp_astray(&self) -> (u64, u64) {
        let ((strangers, late), (own_strangers, own_late)) =
            (self.shared.ports.rtcp_astray(), self.own.ports.rtcp_astray());
        (strangers + own_strangers, late + own_late)
    }

    fn pool(&mut self, mode: PortMode) -> &mut Pool {
        match mode {
            PortMode::Shared => &mut self.shared,
            PortMode::Own => &mut self.own,
        }
    }
}
