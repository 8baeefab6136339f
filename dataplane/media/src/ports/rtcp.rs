//! Whose RTCP has arrived on the port beside an RTP port.
//!
//! A call's RTCP comes from the port above that of its RTP, which the table of RTP addresses finds, or from one that the
//! far end named (RFC 3605), of which this keeps a table. It is told from other calls' as RTP is; but a stranger's is
//! never a pending call's, and two calls with one RTCP address are no reason to refuse either: the first has it, and what
//! reaches the wrong session names the wrong source there. For the same reason an address that rests is no obstacle: it
//! only says whose the late reports are.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::far_address::{FarAddress, Seeded};
use super::{Holder, Lookup, PortIndex, PortLease, PortMode, Ports, REST};

/// The named addresses, and what came from none of them.
#[derive(Debug)]
pub(super) struct RtcpAddresses {
    named: HashMap<FarAddress, Named, Seeded>,
    resting: VecDeque<(Instant, FarAddress)>,
    strangers: u64,
    late: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    By(u64),
    /// Its call ended then.
    Resting(Instant),
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
        self.named.insert(address, Named::Resting(now));
        self.resting.push_back((now, address));
    }

    fn wake(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) >= REST;
        while let Some((since, address)) = self.resting.pop_front_if(|(since, _)| over(*since)) {
            // Another call may have named it meanwhile, or have ended with it.
            if self.named.get(&address) == Some(&Named::Resting(since)) {
                self.named.remove(&address);
            }
        }
    }
}

impl Ports {
    /// Notes where the call's RTCP comes from, when that is not its RTP address or the port above it. To be called after
    /// [`Ports::expect`], with what the far end named last; what it named before is forgotten.
    pub fn expect_rtcp(&mut self, now: Instant, lease: &mut PortLease, remote: SocketAddr) {
        self.rtcp.wake(now);
        let address = FarAddress::new(lease.port, remote);
        let usual = [address, FarAddress::below(lease.port, remote)];
        let is_usual = lease.addresses.iter().flatten().any(|known| usual.contains(known));
        if self.config.mode == PortMode::Own || is_usual {
            return;
        }
        if let Some(Named::By(_)) = self.rtcp.named.get(&address) {
            return;
        }
        self.rtcp.named.insert(address, Named::By(lease.call));
        if let Some(before) = lease.rtcp.replace(address) {
            self.rtcp.named.remove(&before);
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
                let of_rtp = [above, same].map(|address| match self.addresses.get(&address) {
                    Some(&Holder::Call(call)) => Lookup::Call(call),
                    Some(Holder::Resting) => Lookup::Resting,
                    None => Lookup::Stranger,
                });
                let named = match self.rtcp.named.get(&same) {
                    Some(&Named::By(call)) => Lookup::Call(call),
                    Some(Named::Resting(_)) => Lookup::Resting,
                    None => Lookup::Stranger,
                };
                // A call that is up before one that has ended.
                let found = [of_rtp[0], of_rtp[1], named];
                let rank = |it: &Lookup| match it {
                    Lookup::Call(_) | Lookup::Pending(_) => 0,
                    Lookup::Resting => 1,
                    Lookup::Stranger => 2,
                };
                found.into_iter().min_by_key(rank).expect("there are three")
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
