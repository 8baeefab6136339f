//! RTCP of answered calls. A tick finds that a report is due; it leaves in the same drain.

use std::{net::SocketAddr, time::Instant};

use common::slab::Key;
use media::{Lookup, RtcpDrop};

use super::{Calls, Socket, Transmit};

impl Calls {
    /// A datagram arrived beside the RTP port. What far ends send to the RTP port itself comes by `on_rtp`.
    pub(super) fn on_rtcp(&mut self, now: Instant, number: u16, from: SocketAddr, bytes: &[u8]) {
        let key = match self.pools.lookup_rtcp(number, from) {
            Lookup::Call(packed) => Key::from_u64(packed),
            // Nobody is latched by RTCP.
            Lookup::Pending(_) | Lookup::Stranger | Lookup::Resting => return,
        };
        let Some(media) = self.calls.find_mut(key).and_then(|call| call.media.as_mut()) else { return };
        let taken = media.session.receive_rtcp(now, from, bytes);
        self.count_rtcp(taken);
    }

    pub(super) fn count_rtcp(&mut self, taken: Result<(), RtcpDrop>) {
        match taken {
            Ok(()) => self.counters.rtcp_received += 1,
            Err(reason) => self.counters.rtcp_dropped[reason as usize] += 1,
        }
    }

    /// Writes the report of a call that has not ended in the tick in which it became due.
    pub(super) fn report(&mut self, now: Instant, key: Key, slot: &mut [u8]) -> Option<Transmit> {
        let media = self.calls.find_mut(key)?.media.as_mut().filter(|media| media.place.is_some())?;
        let sent = media.session.poll_rtcp(now, slot)?;
        self.counters.rtcp_sent += 1;
        let mux = media.session.plan().is_some_and(|plan| plan.rtcp_mux);
        let socket = if mux { Socket::Media(media.socket) } else { Socket::Rtcp(media.socket) };
        Some(Transmit { socket, to: sent.to, len: sent.len })
    }
}
