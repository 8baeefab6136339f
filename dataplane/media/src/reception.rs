//! Sequence, loss and jitter of the stream we receive (RFC 3550 appendices A.1, A.3, A.8).
//!
//! Owned by a session, fed with each packet that passed the source check. A new SSRC or a restarted sequence begins a
//! new run; what the runs before it expected and received stays counted.

use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;
use crate::rtp::Header;

/// A forward jump below this is loss (RFC 3550 appendix A.1): a minute of 20 ms packets.
const MAX_DROPOUT: u16 = 3000;

/// How far behind the newest a packet may be and still count: the width of the duplicate window.
const MAX_MISORDER: u16 = 64;

/// What the sequence number of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before; `gap` packets are missing in between.
    InOrder {
        /// Packets skipped, 0 when nothing is missing.
        gap: u16,
    },
    /// Older than the newest and not seen before.
    Reordered,
    /// First of a stream, of a new SSRC, or of a restarted sequence.
    NewRun,
    /// Seen before.
    Duplicate,
    /// Too far behind to tell.
    TooLate,
    /// A jump; the next packet decides whether the sender restarted.
    Jump,
}

/// One run of sequence numbers.
#[derive(Debug)]
struct Run {
    ssrc: u32,
    /// First extended sequence number.
    base: u32,
    /// Highest extended sequence number: cycles in the upper half.
    highest: u32,
    /// Bit n is set when `highest - n` was received.
    window: u64,
    /// The sequence number that would confirm a restart.
    restart: Option<u16>,
    /// Relative transit time of the last audio packet, in samples (RFC 3550 appendix A.8).
    transit: Option<u32>,
}

/// The run that is heard now, in the units of a report block (RFC 3550 section 6.4.1). Counts wrap at 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its source.
    pub ssrc: u32,
    /// Highest sequence number, with the number of wraps in the upper half.
    pub highest: u32,
    /// Packets that should have arrived.
    pub expected: u32,
    /// Packets received, each once.
    pub received: u32,
    /// Jitter in samples.
    pub jitter: u32,
}

/// Receive state of one call.
#[derive(Debug)]
pub struct Reception {
    run: Option<Run>,
    /// Zero of the arrival clock; set by the first packet.
    first: Option<Instant>,
    last: Option<Instant>,
    received: u64,
    /// Expected by runs that are over, and received of them.
    expected_before: u64,
    received_before: u64,
    duplicates: u32,
    reordered: u32,
    /// Jitter in samples, scaled by 16.
    jitter: u32,
    jitter_max: u32,
    max_gap_us: u32,
    runs: u32,
}

impl Reception {
    /// Nothing received yet.
    pub fn new() -> Reception {
        Reception {
            run: None,
            first: None,
            last: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            duplicates: 0,
            reordered: 0,
            jitter: 0,
            jitter_max: 0,
            max_gap_us: 0,
            runs: 0,
        }
    }

    /// Takes in a packet. `timed` says that its timestamp is its sampling instant: true for audio, false for
    /// telephone-events, all packets of which repeat the timestamp of the event's start.
    pub fn on_packet(&mut self, now: Instant, header: &Header, timed: bool) -> Arrival {
        let arrival = self.place(header);
        match arrival {
            Arrival::Duplicate => self.duplicates = self.duplicates.saturating_add(1),
            Arrival::TooLate | Arrival::Jump => {}
            Arrival::InOrder { .. } | Arrival::Reordered | Arrival::NewRun => {
                self.received += 1;
                self.reordered = self.reordered.saturating_add(u32::from(arrival == Arrival::Reordered));
                self.clock(now, header.timestamp, timed);
            }
        }
        arrival
    }

    /// Forgets the silence before now, so that a hold does not count as a gap.
    pub fn forget_gap(&mut self) {
        self.last = None;
    }

    fn place(&mut self, header: &Header) -> Arrival {
        let Some(run) = self.run.as_mut().filter(|run| run.ssrc == header.ssrc) else {
            return self.begin(header);
        };
        let delta = header.sequence.wrapping_sub(run.highest as u16);
        if delta == 0 {
            Arrival::Duplicate
        } else if delta < MAX_DROPOUT {
            run.highest = run.highest.wrapping_add(u32::from(delta));
            run.window = run.window.checked_shl(u32::from(delta)).unwrap_or(0) | 1;
            run.restart = None;
            Arrival::InOrder { gap: delta - 1 }
        } else if delta.wrapping_neg() < MAX_MISORDER {
            let bit = 1u64 << delta.wrapping_neg();
            if run.window & bit != 0 {
                return Arrival::Duplicate;
            }
            run.window |= bit;
            Arrival::Reordered
        } else if run.restart == Some(header.sequence) {
            self.begin(header)
        } else {
            run.restart = Some(header.sequence.wrapping_add(1));
            if delta.wrapping_neg() < MAX_DROPOUT { Arrival::TooLate } else { Arrival::Jump }
        }
    }

    fn begin(&mut self, header: &Header) -> Arrival {
        self.expected_before = self.expected();
        self.received_before = self.received;
        self.runs = self.runs.saturating_add(1);
        // One cycle up, so that a packet from before the first does not go below zero.
        let first = (1 << 16) | u32::from(header.sequence);
        self.run = Some(Run {
            ssrc: header.ssrc,
            base: first,
            highest: first,
            window: 1,
            restart: None,
            transit: None,
        });
        Arrival::NewRun
    }

    fn clock(&mut self, now: Instant, timestamp: u32, timed: bool) {
        let first = *self.first.get_or_insert(now);
        if let Some(last) = self.last {
            let gap = now.saturating_duration_since(last).as_micros();
            self.max_gap_us = self.max_gap_us.max(u32::try_from(gap).unwrap_or(u32::MAX));
        }
        self.last = Some(now);
        if !timed {
            return;
        }
        let run = self.run.as_mut().expect("a packet that is clocked was placed in a run");
        let micros = now.saturating_duration_since(first).as_micros() as u64;
        let arrival = (micros * u64::from(SAMPLE_RATE) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = run.transit.replace(transit) {
            // A sender that restarts its timestamps is no jitter: a step beyond a second leaves the estimate alone.
            let step = (transit.wrapping_sub(before) as i32).unsigned_abs();
            if step < SAMPLE_RATE {
                self.jitter = self.jitter + step - ((self.jitter + 8) >> 4);
                self.jitter_max = self.jitter_max.max(self.jitter);
            }
        }
    }

    /// Packets that should have arrived, in all runs.
    pub fn expected(&self) -> u64 {
        let current = self.run.as_ref().map_or(0, |run| u64::from(run.highest.wrapping_sub(run.base)) + 1);
        self.expected_before + current
    }

    /// Packets received, each once.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The source that is heard now; `None` before the first packet.
    pub fn ssrc(&self) -> Option<u32> {
        self.run.as_ref().map(|run| run.ssrc)
    }

    /// The run that is heard now.
    pub fn stream(&self) -> Option<Stream> {
        let run = self.run.as_ref()?;
        Some(Stream {
            ssrc: run.ssrc,
            // A run begins one cycle up.
            highest: run.highest.wrapping_sub(1 << 16),
            expected: run.highest.wrapping_sub(run.base).wrapping_add(1),
            received: (self.received - self.received_before) as u32,
            jitter: self.jitter >> 4,
        })
    }

    /// Copies seen of packets already received.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Packets that arrived after a newer one.
    pub fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Streams seen: more than one after an SSRC change or a restart of the sequence.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// Jitter now and at its worst, in milliseconds.
    pub fn jitter_ms(&self) -> (f32, f32) {
        let ms = |scaled: u32| scaled as f32 / 16.0 * 1000.0 / SAMPLE_RATE as f32;
        (ms(self.jitter), ms(self.jitter_max))
    }

    /// Longest time between two packets, in milliseconds.
    pub fn max_gap_ms(&self) -> u32 {
        self.max_gap_us / 1000
    }

    /// Whether nothing has arrived for longer than `span`.
    pub fn is_silent_for(&self, now: Instant, span: Duration) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) > span)
    }

    /// When the first and the last packet arrived.
    pub fn span(&self) -> (Option<Instant>, Option<Instant>) {
        (self.first, self.last)
    }
}

impl Default for Reception {
    fn default() -> Reception {
        Reception::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 0, sequence, timestamp, ssrc }
    }

    fn feed(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) -> Vec<Arrival> {
        let now = Instant::now();
        sequences.into_iter().map(|s| reception.on_packet(now, &header(1, s, 0), false)).collect()
    }

    #[test]
    fn loss_is_expected_less_received_across_the_wrap() {
        let mut reception = Reception::new();
        feed(&mut reception, (65_500..=65_535).chain(0..100).filter(|s| s % 10 != 3));
        assert_eq!(reception.expected(), 136);
        assert_eq!(reception.received(), 136 - 14);
    }

    #[test]
    fn reordered_counts_once_and_duplicates_never() {
        let mut reception = Reception::new();
        let arrivals = feed(&mut reception, [10, 12, 11, 11, 12, 13]);
        use Arrival::*;
        assert_eq!(
            arrivals,
            [NewRun, InOrder { gap: 1 }, Reordered, Duplicate, Duplicate, InOrder { gap: 0 }]
        );
        assert_eq!((reception.expected(), reception.received(), reception.duplicates()), (4, 4, 2));
    }

    #[test]
    fn a_jump_needs_a_second_packet_and_keeps_the_old_count() {
        let mut reception = Reception::new();
        let arrivals = feed(&mut reception, [10, 11, 30_000, 12, 40_000, 40_001, 40_002]);
        use Arrival::*;
        assert_eq!(
            arrivals,
            [NewRun, InOrder { gap: 0 }, Jump, InOrder { gap: 0 }, Jump, NewRun, InOrder { gap: 0 }]
        );
        assert_eq!((reception.expected(), reception.received(), reception.runs()), (5, 5, 2));
    }

    #[test]
    fn a_new_ssrc_begins_a_new_run() {
        let (mut reception, now) = (Reception::new(), Instant::now());
        reception.on_packet(now, &header(1, 10, 0), true);
        reception.on_packet(now, &header(1, 14, 0), true);
        assert_eq!(reception.on_packet(now, &header(2, 50_000, 0), true), Arrival::NewRun);
        assert_eq!((reception.expected(), reception.received()), (6, 3));
    }

    #[test]
    fn jitter_follows_the_rfc_estimator() {
        let (mut reception, start) = (Reception::new(), Instant::now());
        let mut expected = 0.0f64;
        for n in 0..200u32 {
            // Every other packet is 4 ms (32 samples) late.
            let late = Duration::from_millis(if n % 2 == 0 { 0 } else { 4 });
            let now = start + Duration::from_millis(20) * n + late;
            reception.on_packet(now, &header(1, n as u16, n * 160), true);
            if n > 0 {
                expected += (32.0 - expected) / 16.0;
            }
        }
        let (jitter, max) = reception.jitter_ms();
        assert!((f64::from(jitter) - expected / 8.0).abs() < 0.1, "{jitter}");
        assert!(max >= jitter);
        assert_eq!(reception.max_gap_ms(), 24);
    }

    #[test]
    fn a_timestamp_wrap_is_no_jitter() {
        let (mut reception, start) = (Reception::new(), Instant::now());
        for n in 0..20u32 {
            let timestamp = (u32::MAX - 800).wrapping_add(n * 160);
            reception.on_packet(start + Duration::from_millis(20) * n, &header(1, n as u16, timestamp), true);
        }
        assert_eq!(reception.jitter_ms().0, 0.0);
    }
}
