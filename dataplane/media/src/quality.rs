//! What a call's media was like, in numbers for its record.

use std::time::Instant;

use crate::rtcp::FarReport;

/// Summary of one call's media so far. Counts are packets unless the name says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Sent by us.
    pub sent: u64,
    /// Received from the call's source, each once.
    pub received: u64,
    /// What the sequence numbers say should have arrived.
    pub expected: u64,
    /// `expected - received`, never below 0.
    pub lost: u64,
    /// Arrived after a newer one.
    pub reordered: u32,
    /// Copies of packets already received.
    pub duplicates: u32,
    /// Streams heard: above 1 after an SSRC change or a restart.
    pub streams: u32,
    /// Interarrival jitter now, in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f32,
    /// The highest that the jitter has been, in milliseconds.
    pub jitter_max_ms: f32,
    /// Longest time without a packet between the first and the last, in milliseconds.
    pub max_gap_ms: u32,
    /// How long the far end spoke after the answer, in milliseconds ([`crate::vad`]).
    pub speech_ms: u32,
    /// How often it began to. Stops at 65,535.
    pub speech_bursts: u32,
    /// Dropped, for any [`crate::DropReason`].
    pub dropped: u64,
    /// When the first packet arrived; `None` when none did.
    pub first_packet: Option<Instant>,
    /// When the newest packet arrived.
    pub last_packet: Option<Instant>,
    /// RTCP reports that we sent.
    pub reports_sent: u32,
    /// RTCP datagrams of the far end that were taken.
    pub reports_received: u32,
    /// What the far end heard of us; `None` when it never told.
    pub far: Option<FarReport>,
}

impl Quality {
    /// Lost packets for each expected one, 0–1.
    pub fn loss_ratio(&self) -> f32 {
        if self.expected == 0 { 0.0 } else { self.lost as f32 / self.expected as f32 }
    }
}
