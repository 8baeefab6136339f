//! One call's side of the exchange: when a report is due, what it says, and what the far end says of us.
//!
//! A call has two members and RTCP of well under 5 % of its bandwidth, so the interval is the minimum of 5 s, drawn
//! anew between half and one and a half of it each time, and half of that for the first report (RFC 3550 section 6.3.1).
//! With a membership that never changes there is nothing to reconsider (section 6.3.3).
//!
//! The machine knows no wall clock: its NTP time is the time since it joined the session, as section 6.4.1 allows. All
//! arithmetic on it wraps, so that a call may last for as long as it likes.

use std::time::{Duration, Instant};

use super::RtcpDrop;
use super::compound::{Block, Compound, Part};
use super::report::{self, Cname, SenderInfo};
use crate::SAMPLE_RATE;
use crate::reception::Reception;

/// Ticks of 20 ms in the minimum interval of 5 s (RFC 3550 section 6.2).
const INTERVAL_TICKS: u16 = 250;

const TICK: Duration = Duration::from_millis(20);

/// How many of our last sender reports the far end may answer: 10 to 30 s of them. It answers the newest, unless that
/// was lost. Any other answer is not to a report of ours, and its round trip would be a guess.
const REMEMBERED: usize = 4;

/// A delay which the far end may overstate by rounding, in 1/65536 s: 1/16 s. The round trip then counts as 0.
const ROUNDING: u32 = 1 << 12;

/// A round trip beyond this is none, in 1/65536 s: ten seconds. Nobody talks over such a line; but who answers a report
/// from before a hold, or says that it kept one for no time, would make a round trip of the whole time since.
const ROUND_TRIP_MAX: u32 = 10 << 16;

/// Jitter beyond this is no jitter: ten seconds.
const JITTER_MAX: u32 = 10 * SAMPLE_RATE;

/// What the far end has told of the audio that it hears from us.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FarReport {
    /// Packets of ours that it did not get.
    pub lost: u64,
    /// The largest part that it lost between two of its reports, 0–1.
    pub fraction_lost_max: f32,
    /// Interarrival jitter as of its last report, in milliseconds.
    pub jitter_ms: f32,
    /// The highest jitter that it reported, in milliseconds.
    pub jitter_max_ms: f32,
    /// Round trip as of its last answer to a report of ours, 0–10,000 ms; `None` when it answered none in that time.
    pub rtt_ms: Option<f32>,
    /// The longest round trip, 0–10,000 ms.
    pub rtt_max_ms: Option<f32>,
}

/// Our stream as a report needs it.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// Our synchronisation source.
    pub ssrc: u32,
    /// Timestamp of the next frame.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub octets: u32,
}

/// The exchange of one call. Touched once for each report.
#[derive(Debug)]
pub struct Exchange {
    cname: Cname,
    dice: u32,
    /// Zero of our NTP time; set by the first report to when its delay began.
    joined: Option<Instant>,
    first_delay: u16,
    sent: u32,
    received: u32,
    /// Packets that we had sent at the last report and at the one before.
    packets_before: [u32; 2],
    /// Middle of the NTP time of our last sender reports, newest first; 0 for none.
    remembered: [u32; REMEMBERED],
    /// The last sender report of the far end.
    heard: Option<Heard>,
    /// What our last report was reckoned from.
    before: Interval,
    far: Option<Far>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    /// Middle of its NTP time.
    middle: u32,
    at: Instant,
}

/// Counts of one run of the far end's stream.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    run: u32,
    expected: u32,
    received: u32,
}

/// The far end's words about us, in the units of the wire.
#[derive(Clone, Copy, Debug)]
struct Far {
    /// Who reports. Another one has begun to count anew.
    reporter: u32,
    lost_by_others: u32,
    lost: u32,
    fraction_max: u8,
    jitter: u32,
    jitter_max: u32,
    /// 1/65536 s.
    rtt: Option<u32>,
    rtt_max: u32,
}

impl Exchange {
    /// An exchange that has not begun. The seed must be random: it is the CNAME and the draw of the intervals.
    pub fn new(seed: u128) -> Exchange {
        let [cname @ .., a, b, c, d] = seed.to_be_bytes();
        let mut exchange = Exchange {
            cname,
            // Never 0, from which the generator would not move.
            dice: u32::from_be_bytes([a, b, c, d]) | 1,
            joined: None,
            first_delay: 0,
            sent: 0,
            received: 0,
            packets_before: [0; 2],
            remembered: [0; REMEMBERED],
            heard: None,
            before: Interval::default(),
            far: None,
        };
        exchange.first_delay = exchange.draw_interval() / 2;
        exchange
    }

    /// Ticks from the answer to the first report.
    pub fn first_delay(&self) -> u16 {
        self.first_delay
    }

    /// Ticks from a report to the next, drawn anew with each call: 2.5 to 7.5 s.
    pub fn draw_interval(&mut self) -> u16 {
        // xorshift32: the draws only have to differ between calls.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        INTERVAL_TICKS / 2 + (self.dice % u32::from(INTERVAL_TICKS + 1)) as u16
    }

    /// Writes the report that is due into `out` ([`report::MAX_RTCP_LEN`]) and returns its length. It is a sender report
    /// when we have sent since the report before the last (RFC 3550 section 6.4), and has a block on the far end's stream
    /// when something of that was heard since the last.
    pub fn write(&mut self, now: Instant, ours: Ours, reception: &Reception, out: &mut [u8]) -> usize {
        let delay = TICK * u32::from(self.first_delay);
        let joined = *self.joined.get_or_insert_with(|| now.checked_sub(delay).unwrap_or(now));
        let ntp = ntp(now.saturating_duration_since(joined));
        let sends = ours.packets != self.packets_before[1];
        self.packets_before = [ours.packets, self.packets_before[0]];
        let info = sends.then_some(SenderInfo {
            ntp,
            timestamp: ours.timestamp,
            packets: ours.packets,
            octets: ours.octets,
        });
        if sends {
            self.remembered.rotate_right(1);
            self.remembered[0] = middle(ntp);
        }
        let block = self.block(now, reception);
        self.sent = self.sent.saturating_add(1);
        report::write(ours.ssrc, info, block, self.cname, out)
    }

    /// The block on what we hear (RFC 3550 appendix A.3).
    fn block(&mut self, now: Instant, reception: &Reception) -> Option<Block> {
        let stream = reception.stream()?;
        let run = reception.runs();
        let before = if self.before.run == run { self.before } else { Interval::default() };
        let expected = stream.expected.wrapping_sub(before.expected);
        let received = stream.received.wrapping_sub(before.received);
        self.before = Interval { run, expected: stream.expected, received: stream.received };
        if received == 0 {
            return None;
        }
        let lost = u64::from(expected.saturating_sub(received)) << 8;
        let (last_sr, delay) = self.last_sr(now, stream.ssrc);
        Some(Block {
            ssrc: stream.ssrc,
            fraction_lost: u8::try_from(lost / u64::from(expected.max(1))).unwrap_or(u8::MAX),
            lost: i32::try_from(i64::from(stream.expected) - i64::from(stream.received)).unwrap_or(i32::MAX),
            highest: stream.highest,
            jitter: stream.jitter,
            last_sr,
            delay,
        })
    }

    /// LSR and DLSR; zeros when no sender report was heard, or none since more than the delay can tell (18 hours).
    fn last_sr(&self, now: Instant, ssrc: u32) -> (u32, u32) {
        let heard = self.heard.filter(|heard| heard.ssrc == ssrc && heard.middle != 0);
        let since = heard.map(|heard| (heard.middle, now.saturating_duration_since(heard.at)));
        match since {
            Some((middle, since)) if since.as_secs() < 1 << 16 => (middle, self::middle(ntp(since))),
            Some(_) | None => (0, 0),
        }
    }

    /// Takes in a datagram of the far end, whole or not at all. `stream` is the source that we hear.
    pub fn read(
        &mut self,
        now: Instant,
        bytes: &[u8],
        ours: Ours,
        stream: Option<u32>,
    ) -> Result<(), RtcpDrop> {
        let compound = Compound::parse(bytes)?;
        let (mut heard, mut on_us) = (None, None);
        let (mut blocks_seen, mut senders_seen) = (0, 0);
        for part in compound.parts() {
            let (reporter, blocks) = match part {
                Part::Sender { ssrc, ntp, blocks } => {
                    senders_seen += 1;
                    if Some(ssrc) == stream {
                        heard = Some(Heard { ssrc, middle: middle(ntp), at: now });
                    }
                    (ssrc, blocks)
                }
                Part::Receiver { ssrc, blocks } => (ssrc, blocks),
                Part::Other => continue,
            };
            blocks_seen += blocks.len();
            if let Some(block) = blocks.iter().find(|block| block.ssrc == ours.ssrc) {
                on_us = Some((reporter, block));
            }
        }
        if on_us.is_some_and(|(_, block)| !is_plausible(&block, ours)) {
            return Err(RtcpDrop::Implausible);
        }
        if heard.is_none() && on_us.is_none() && blocks_seen + senders_seen > 0 {
            return Err(RtcpDrop::ForeignSsrc);
        }
        self.heard = heard.or(self.heard);
        self.received = self.received.saturating_add(1);
        if let Some((reporter, block)) = on_us {
            let rtt = self.round_trip(now, &block);
            let far = self.far.get_or_insert(Far::new(reporter));
            far.take(reporter, &block, rtt);
        }
        Ok(())
    }

    /// From our report to the far end and back, without the time that the far end kept it (RFC 3550 section 6.4.1). Of an
    /// answer with which that cannot be told the other numbers still count.
    fn round_trip(&self, now: Instant, block: &Block) -> Option<u32> {
        if block.last_sr == 0 || !self.remembered.contains(&block.last_sr) {
            return None;
        }
        let here = middle(ntp(now.saturating_duration_since(self.joined?)));
        let away = here.wrapping_sub(block.last_sr);
        match away.checked_sub(block.delay) {
            Some(rtt) => (rtt <= ROUND_TRIP_MAX).then_some(rtt),
            None if block.delay - away <= ROUNDING => Some(0),
            None => None,
        }
    }

    /// Reports written, and datagrams taken.
    pub fn counts(&self) -> (u32, u32) {
        (self.sent, self.received)
    }

    /// What the far end said of us, who have sent so many packets; `None` when it never did.
    pub fn far(&self, packets: u64) -> Option<FarReport> {
        let far = self.far.as_ref()?;
        let jitter_ms = |units: u32| units as f32 * 1000.0 / SAMPLE_RATE as f32;
        let rtt_ms = |units: u32| units as f32 * 1000.0 / 65_536.0;
        Some(FarReport {
            lost: packets.min(u64::from(far.lost_by_others) + u64::from(far.lost)),
            fraction_lost_max: f32::from(far.fraction_max) / 256.0,
            jitter_ms: jitter_ms(far.jitter),
            jitter_max_ms: jitter_ms(far.jitter_max),
            rtt_ms: far.rtt.map(rtt_ms),
            rtt_max_ms: far.rtt.map(|_| rtt_ms(far.rtt_max)),
        })
    }
}

impl Far {
    fn new(reporter: u32) -> Far {
        Far {
            reporter,
            lost_by_others: 0,
            lost: 0,
            fraction_max: 0,
            jitter: 0,
            jitter_max: 0,
            rtt: None,
            rtt_max: 0,
        }
    }

    fn take(&mut self, reporter: u32, block: &Block, rtt: Option<u32>) {
        if self.reporter != reporter {
            self.lost_by_others = self.lost_by_others.saturating_add(self.lost);
            self.reporter = reporter;
        }
        self.lost = u32::try_from(block.lost).unwrap_or(0);
        self.fraction_max = self.fraction_max.max(block.fraction_lost);
        self.jitter = block.jitter;
        self.jitter_max = self.jitter_max.max(block.jitter);
        if let Some(rtt) = rtt {
            self.rtt = Some(rtt);
            self.rtt_max = self.rtt_max.max(rtt);
        }
    }
}

/// Whether the numbers can be true of a stream of which we sent so much.
fn is_plausible(block: &Block, ours: Ours) -> bool {
    i64::from(block.lost) <= i64::from(ours.packets) && block.jitter <= JITTER_MAX
}

/// A time span as an NTP timestamp: seconds above, their fraction below.
fn ntp(span: Duration) -> u64 {
    let fraction = (u64::from(span.subsec_nanos()) << 32) / 1_000_000_000;
    span.as_secs() << 32 | fraction
}

/// The middle 32 bits of an NTP timestamp: 1/65536 s, wrapping every 18 hours.
const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}
