//! What the calls of a shard have counted since the start.

use media::{DropReason, RtcpDrop};

/// Counts only grow, but for the gauges at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The SIP side.
    pub sip: sip::Counters,
    /// RTP packets written.
    pub rtp_sent: u64,
    /// RTP packets that belonged to a call and passed its checks.
    pub rtp_received: u64,
    /// RTP packets dropped, by reason, in the order of [`DropReason::ALL`].
    pub rtp_dropped: [u64; DropReason::COUNT],
    /// RTP packets of unknown sources.
    pub rtp_strangers: u64,
    /// RTP packets that came after their call.
    pub rtp_late: u64,
    /// RTP packets that far ends sent and that never came, of calls that have ended.
    pub rtp_lost: u64,
    /// RTCP reports written.
    pub rtcp_sent: u64,
    /// RTCP datagrams that belonged to a call and were taken.
    pub rtcp_received: u64,
    /// RTCP datagrams dropped, by reason, in the order of [`RtcpDrop::ALL`].
    pub rtcp_dropped: [u64; RtcpDrop::COUNT],
    /// RTCP datagrams of unknown sources.
    pub rtcp_strangers: u64,
    /// RTCP datagrams that came after their call.
    pub rtcp_late: u64,
    /// Chunks of tapped audio handed over, those that were displaced included.
    pub tap_chunks: u64,
    /// Chunks that the listener had not taken when others needed their place.
    pub tap_displaced: u64,
    /// Chunks that were lost because no buffer was free.
    pub tap_lost: u64,
    /// Calls that had to be refused or ended because of RTP ports.
    pub port_shortages: u64,
    /// Orders declined because the shard's core was used up or late.
    pub overload_refusals: u64,
    /// Orders declined because the shard had [`CallsConfig::max_calls`](crate::CallsConfig::max_calls).
    pub full_refusals: u64,
    /// Milliseconds of sending that were left out because the shard came too late.
    pub tick_skipped_ms: u64,
    /// Orders for an attempt that is already here; they are ignored.
    pub repeated_orders: u64,
    /// Orders that came after their window.
    pub missed_orders: u64,
    /// Gauge: calls from order to release.
    pub calls: u64,
    /// Gauge: calls from order to the answer or its absence.
    pub setting_up: u64,
    /// Gauge: answered calls.
    pub talking: u64,
    /// Gauge: RTP ports that calls hold, shared ones while a call is set up, own ones up to its end.
    pub ports_in_use: u64,
    /// Gauge: own RTP ports that rest after a call.
    pub ports_resting: u64,
}
