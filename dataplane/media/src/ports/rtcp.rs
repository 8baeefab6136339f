//! Whose RTCP has arrived on the port beside an RTP port.
//!
//! A call's RTCP comes from the port above that of its RTP, which the table of RTP addresses finds, or from one that the
//! far end named (RFC 3605), of which this keeps a table. It is told from other calls' as RTP is and rests as it does;
//! but a stranger's is never a pending call's, and two calls with one RTCP address are no reason to refuse either: the
//! first has it, and what reaches the wrong session names the wrong source there.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::far_address::{FarAddress, Seeded};
use super::{Holder, Lookup, PortIndex, PortLease, PortMode, Ports, REST};

/// The named addresses, and what came from none of them.
#[derive(Debug)]
pub(super) struct RtcpAddresses {
    named: HashMap<FarAddress, Holder, Seeded>,
    resting: VecDeque<(Instant, FarAddress)>,
    strangers: u64,
    late: u64,
}

impl RtcpAddresses {
    pub(super) fn new(seed: u64) -> RtcpAddresses {
        RtcpAddresses {
            named: HashMap::with_hasher(Seeded(seed)),
            resting: VecDeque::new(),
            strangers: 0,
            late: 0,
        }
    }

    pub(super) fn rest(&mut self, now: Instant, address: FarAddress) {
        self.named.insert(address, Holder::Resting);
        self.resting.push_back((now, address));
    }

    fn wake(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) >= REST;
        while let Some((_, address)) = self.resting.pop_front_if(|(since, _)| over(*since)) {
            self.named.remove(&address);
        }
    }
}

impl Ports {
    /// Notes where the call's RTCP comes from, when that is not its RTP address or the port above it. To be called after
    /// [`Ports::expect`], with what the far end named.
    pub fn expect_rtcp(&mut self, now: Instant, lease: &mut PortLease, remote: SocketAddr) {
        self.rtcp.wake(now);
        let address = FarAddress::new(lease.port, remote);
        let usual = [address, FarAddress::below(lease.port, remote)];
        let is_usual = lease.addresses.iter().flatten().any(|known| usual.contains(known));
        if self.config.mode == PortMode::Own || is_usual || self.rtcp.named.contains_key(&address) {
            return;
        }
        self.rtcp.named.insert(address, Holder::Call(lease.call));
        if let Some(before) = lease.rtcp.replace(address) {
            self.rtcp.rest(now, before);
        }
    }

    /// Whose RTCP has arrived beside `port` from `from`; never [`Lookup::Pending`]. Counts what is nobody's.
    pub fn lookup_rtcp(&mut self, port: PortIndex, from: SocketAddr) -> Lookup {
        let found = match self.config.mode {
            PortMode::Own => {
                let holder = self.holders.get(usize::from(port.0)).copied().flatten();
                holder.map_or(Lookup::Stranger, Lookup::Call)
            }
            PortMode::Shared => {
                let (above, same) = (FarAddress::below(port, from), FarAddress::new(port, from));
                let holder = self
                    .addresses
                    .get(&above)
                    .or_else(|| self.addresses.get(&same))
                    .or_else(|| self.rtcp.named.get(&same));
                match holder {
                    Some(&Holder::Call(call)) => Lookup::Call(call),
                    Some(Holder::Resting) => Lookup::Resting,
                    None => Lookup::Stranger,
                }
            }
        };
        self.rtcp.strangers += u64::from(found == Lookup::Stranger);
        self.rtcp.late += u64::from(found == Lookup::Resting);
        found
    }

    /// RTCP of strangers, and of calls that had ended.
    pub fn rtcp_astray(&self) -> (u64, u64) {
        (self.rtcp.strangers, self.rtcp.late)
    }
}
