//! RTCP of a session: its own reports, and those of the far end.

use std::net::SocketAddr;
use std::time::Instant;

use super::{MediaSession, Transmit};
use crate::rtcp::RtcpDrop;
use crate::rtcp::exchange::Ours;

impl MediaSession {
    /// Whether [`MediaSession::poll_rtcp`] has something to send. To be asked after each tick.
    pub fn is_report_due(&self) -> bool {
        self.hot.report_in == 0 && self.hot.far.as_ref().is_some_and(|far| far.plan.wants_rtcp)
    }

    /// Writes a report into `out`, which must hold [`crate::MAX_RTCP_LEN`] bytes, when one is due: the first 1.25 to
    /// 3.75 s after the answer, then one every 2.5 to 7.5 s, on hold too if [`crate::MediaPlan::wants_rtcp`]. It leaves from the RTP port when
    /// [`crate::MediaPlan::rtcp_mux`] is set, else from the port beside it.
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let far = self.hot.far.as_ref().filter(|far| self.hot.report_in == 0 && far.plan.wants_rtcp)?;
        let to = far.latch.rtcp_destination(far.plan.remote_rtcp, far.plan.rtcp_mux);
        self.hot.report_in = self.cold.exchange.draw_interval();
        let len = self.cold.exchange.write(now, self.ours(), &self.hot.reception, out);
        Some(Transmit { to, len })
    }

    /// Takes in a datagram that arrived on the call's RTCP port, whole or not at all. Those on its RTP port find their
    /// way here by themselves.
    pub fn receive_rtcp(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), RtcpDrop> {
        match &self.hot.far {
            None => Err(RtcpDrop::NoPlan),
            Some(far) if !far.latch.hears_rtcp(far.plan.remote_rtcp, from) => Err(RtcpDrop::ForeignSource),
            Some(_) => self.cold.exchange.read(now, bytes, self.ours(), self.hot.reception.ssrc()),
        }
    }

    fn ours(&self) -> Ours {
        let sender = &self.hot.sender;
        Ours {
            ssrc: sender.ssrc(),
            timestamp: sender.timestamp(),
            packets: self.hot.sent as u32,
            octets: sender.octets(),
        }
    }
}
