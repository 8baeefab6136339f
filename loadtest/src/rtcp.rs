//! RTCP of one call: our reports, and the account of the caller's (RFC 3550 section 6, RFC 5761).
//!
//! Owns what is written and what is thought of what is read: whether it is well formed, whether it is about us, whether what it
//! claims can be true. Never touches a socket.

mod compound;
mod report;

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use crate::ledger::RtcpRecord;
use crate::random::Random;
use crate::rtp::{Reception, Sender};
use compound::{Block, Compound, SenderInfo};

/// Packets that may be on their way while a report is written: a second of them.
const UNDER_WAY: u64 = 50;
/// From one packet to the next.
const PACKET_US: u64 = 20_000;
/// How long a datagram may have waited in a queue of ours: the queues of audio hold less.
const WAIT_US_MAX: u64 = 5_000_000;
/// Sender reports that an answer may echo: those of the last 20 s and more, however late a caller reads them.
const TOLD: usize = 8;
/// Units of the middle 32 bits of an NTP time, a second.
const SHORT_SECOND: u64 = 1 << 16;

/// RTCP of one call.
#[derive(Debug)]
pub(crate) struct Control {
    /// Where the caller listens for it.
    pub(crate) to: SocketAddrV4,
    /// Whether it shares the port of RTP.
    pub(crate) is_muxed: bool,
    /// When our next report is due; `None` before the answer.
    pub(crate) next_at: Option<Instant>,
    interval: Duration,
    random: Random,
    /// The first address that RTCP came from; from others it is strange.
    source: Option<SocketAddrV4>,
    /// The middle 32 bits of the NTP times of our last sender reports, the latest first.
    told: [Option<u32>; TOLD],
    /// The same of the caller's last one, and when it came.
    heard: Option<(u32, u64)>,
    /// Packets expected and received when we last reported.
    reported: (u64, u64),
    /// Whether a report of ours has answered one of the caller's.
    pub(crate) has_answered: bool,
    account: RtcpRecord,
}

impl Control {
    pub(crate) fn new(to: SocketAddrV4, is_muxed: bool, interval: Duration, random: Random) -> Self {
        Self {
            to,
            is_muxed,
            next_at: None,
            interval,
            random,
            source: None,
            told: [None; TOLD],
            heard: None,
            reported: (0, 0),
            has_answered: false,
            account: RtcpRecord::default(),
        }
    }

    /// The call is answered: the first report comes after half an interval (RFC 3550 section 6.2).
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.next_at.is_none() {
            self.next_at = Some(now + self.pause() / 2);
        }
    }

    /// Half to one and a half intervals (RFC 3550 section 6.3.1), so that reports of many calls spread.
    fn pause(&mut self) -> Duration {
        self.interval.mul_f64(0.5 + self.random.below(1_000) as f64 / 1_000.0)
    }

    /// Our report, at `unix_us`.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        unix_us: u64,
        sender: &Sender,
        reception: &Reception,
    ) -> Vec<u8> {
        self.next_at = Some(now + self.pause());
        let block = reception.heard().map(|heard| {
            let (expected, received) = (heard.expected, heard.received);
            let new_expected = expected.saturating_sub(self.reported.0);
            let new_lost = new_expected.saturating_sub(received.saturating_sub(self.reported.1));
            self.reported = (expected, received);
            Block {
                ssrc: heard.ssrc,
                fraction_lost: (new_lost * 256).checked_div(new_expected).unwrap_or(0).min(255) as u8,
                lost: (expected as i64 - received as i64).clamp(-0x80_0000, 0x7F_FFFF) as i32,
                highest: heard.highest,
                jitter: (heard.jitter_us / 125) as u32,
                last_sender_report: self.heard.map_or(0, |(stamp, _)| stamp),
                delay: self.heard.map_or(0, |(_, at_us)| {
                    (unix_us.saturating_sub(at_us) * SHORT_SECOND / 1_000_000) as u32
                }),
            }
        });
        self.has_answered |= block.as_ref().is_some_and(|block| block.last_sender_report != 0);
        let info = (sender.sent > 0).then(|| {
            let ntp = report::ntp(unix_us);
            self.told.rotate_right(1);
            self.told[0] = Some((ntp >> 16) as u32);
            SenderInfo { ntp, timestamp: sender.timestamp(), packets: sender.sent, octets: sender.octets }
        });
        self.account.sent += 1;
        report::write(sender.ssrc(), info.as_ref(), block.as_ref(), &format!("{:08x}@carrier", sender.ssrc()))
    }

    /// A datagram that came to the call's RTCP address.
    pub(crate) fn hear(
        &mut self,
        bytes: &[u8],
        from: SocketAddrV4,
        at_us: u64,
        sender: &Sender,
        reception: &Reception,
    ) {
        if *self.source.get_or_insert(from) != from {
            self.account.strange += 1;
            return;
        }
        let Ok(compound) = Compound::read(bytes) else {
            self.account.malformed += 1;
            return;
        };
        self.account.received += 1;
        self.account.bye |= compound.has_bye;
        if let Some(info) = &compound.info {
            self.account.sender_reports += 1;
            self.heard = Some(((info.ntp >> 16) as u32, at_us));
            if !is_true_of_caller(compound.ssrc, info, at_us, reception) {
                self.account.implausible += 1;
            }
        }
        for block in &compound.blocks {
            self.account.blocks += 1;
            if self.is_true_of_us(block, at_us, sender) {
                self.account.lost_told = block.lost.max(0) as u32;
                self.account.jitter_told_us = block.jitter.saturating_mul(125);
            } else {
                self.account.implausible += 1;
            }
        }
    }

    /// Whether a report block can be about our stream: its source, a loss that is no more than we sent, a sequence number that
    /// we have reached, and the echo of a sender report that we sent, no earlier than light allows.
    fn is_true_of_us(&mut self, block: &Block, at_us: u64, sender: &Sender) -> bool {
        let ahead = (block.highest as u16).wrapping_sub(sender.last_sequence()) as i16;
        if block.ssrc != sender.ssrc()
            || sender.sent == 0
            || !(0..=i64::from(sender.sent)).contains(&i64::from(block.lost))
            || ahead > 0
        {
            return false;
        }
        if block.last_sender_report == 0 {
            return true;
        }
        if !self.told.contains(&Some(block.last_sender_report)) {
            return false;
        }
        let now = (report::ntp(at_us) >> 16) as u32;
        let trip = now.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay) as i32;
        // A millisecond is allowed for: the unit is 15 µs, and the kernel's stamp and the caller's clock are read apart.
        if trip < -(SHORT_SECOND as i32) / 1_000 {
            return false;
        }
        let trip_us = (i64::from(trip.max(0)) * 1_000_000 / SHORT_SECOND as i64) as u32;
        self.account.round_trip_max_us = self.account.round_trip_max_us.max(trip_us);
        true
    }

    /// The account so far.
    pub(crate) fn record(&self) -> RtcpRecord {
        self.account.clone()
    }
}

/// Whether a sender report that came at `at_us` can be about the stream that we hear. The two wait in queues of their own, so we
/// may have read more or less of the stream: as many packets as fit between the two.
fn is_true_of_caller(ssrc: u32, info: &SenderInfo, at_us: u64, reception: &Reception) -> bool {
    let Some(heard) = reception.heard() else { return info.packets == 0 };
    let apart_us = at_us.abs_diff(heard.last_us).min(WAIT_US_MAX);
    ssrc == heard.ssrc && u64::from(info.packets).abs_diff(heard.expected) <= UNDER_WAY + apart_us / PACKET_US
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Law, Tracks};

    const START_US: u64 = 1_700_000_000_000_000;

    /// Both ends of a call, each having sent `packets`, and the caller's RTCP.
    fn pair(packets: u64) -> [(Control, Sender, Reception); 2] {
        let address = "127.0.0.1:9".parse().unwrap();
        let mut ends = [1u64, 2].map(|seed| {
            let control = Control::new(address, false, Duration::from_secs(5), Random::keyed(seed, b""));
            let sender = Sender::new(Law::A, None, &Tracks::shared().person, seed << 32 | 7 << 16 | 65_530);
            (control, sender, Reception::default())
        });
        for n in 0..packets {
            let sent = [0, 1].map(|end: usize| ends[end].1.next().unwrap());
            for end in [0, 1] {
                let bytes = [sent[1 - end].header(), sent[1 - end].payload].concat();
                ends[end].2.on_packet(&bytes, START_US + n * 20_000, None);
            }
        }
        ends
    }

    fn hears(
        (control, sender, reception): &mut (Control, Sender, Reception),
        bytes: &[u8],
        at_us: u64,
    ) -> RtcpRecord {
        control.hear(bytes, "127.0.0.1:9".parse().unwrap(), at_us, sender, reception);
        control.record()
    }

    #[test]
    fn honest_reports_are_believed_and_give_the_round_trip() {
        let now = Instant::now();
        let [mut ours, mut theirs] = pair(250);
        let at_us = START_US + 5_000_000;
        let first = ours.0.report(now, at_us, &ours.1, &ours.2);
        assert_eq!(hears(&mut theirs, &first, at_us + 300).implausible, 0);
        // The caller answers two seconds later; its report takes half a millisecond.
        let second = theirs.0.report(now, at_us + 2_000_300, &theirs.1, &theirs.2);
        let record = hears(&mut ours, &second, at_us + 2_000_800);
        assert_eq!((record.received, record.sender_reports, record.blocks), (1, 1, 1));
        assert_eq!((record.malformed, record.implausible, record.lost_told), (0, 0, 0));
        assert!((700..=900).contains(&record.round_trip_max_us), "{}", record.round_trip_max_us);
    }

    #[test]
    fn what_cannot_be_true_is_counted() {
        let now = Instant::now();
        let spoil: [fn(&mut Block); 5] = [
            |block| block.ssrc ^= 1,
            |block| block.lost = 251,
            |block| block.lost = -1,
            |block| block.highest += 1,
            |block| block.last_sender_report = 77,
        ];
        for spoil in spoil {
            let [mut ours, mut theirs] = pair(250);
            let at_us = START_US + 5_000_000;
            let report = theirs.0.report(now, at_us, &theirs.1, &theirs.2);
            let mut compound = Compound::read(&report).unwrap();
            spoil(&mut compound.blocks[0]);
            let spoilt = report::write(compound.ssrc, compound.info.as_ref(), compound.blocks.first(), "x");
            assert_eq!(hears(&mut ours, &spoilt, at_us).implausible, 1);
        }
    }

    #[test]
    fn a_sender_counts_what_we_have_not_read_yet() {
        let now = Instant::now();
        let [mut ours, mut theirs] = pair(250);
        // The caller's next three seconds wait unread while its report is.
        for _ in 0..150 {
            theirs.1.next();
        }
        let report = theirs.0.report(now, START_US + 8_000_000, &theirs.1, &theirs.2);
        assert_eq!(hears(&mut ours, &report, START_US + 8_000_000).implausible, 0);
        let [mut ours, _] = pair(250);
        assert_eq!(hears(&mut ours, &report, START_US + 5_000_000).implausible, 1, "no time for so many");
        // A caller that counts what it does not send.
        let [mut ours, mut theirs] = pair(250);
        for _ in 0..1_000 {
            theirs.1.next();
        }
        let report = theirs.0.report(now, START_US + 25_000_000, &theirs.1, &theirs.2);
        assert_eq!(
            hears(&mut ours, &report, START_US + 25_000_000).implausible,
            1,
            "nothing waits for so long"
        );
    }

    #[test]
    fn an_answer_may_echo_an_older_report_of_ours() {
        let now = Instant::now();
        for (since, implausible) in [(TOLD - 1, 0), (TOLD, 1)] {
            let [mut ours, mut theirs] = pair(250);
            let at_us = START_US + 5_000_000;
            let first = ours.0.report(now, at_us, &ours.1, &ours.2);
            hears(&mut theirs, &first, at_us);
            for n in 1..=since as u64 {
                ours.0.report(now, at_us + n * 1_000, &ours.1, &ours.2);
            }
            let answer = theirs.0.report(now, at_us + 10_000, &theirs.1, &theirs.2);
            assert_eq!(hears(&mut ours, &answer, at_us + 10_000).implausible, implausible);
        }
    }

    #[test]
    fn a_report_of_somebody_else_is_strange() {
        let [mut ours, mut theirs] = pair(1);
        let report = theirs.0.report(Instant::now(), START_US, &theirs.1, &theirs.2);
        hears(&mut ours, &report, START_US);
        ours.0.hear(&report, "127.0.0.1:10".parse().unwrap(), START_US, &ours.1, &ours.2);
        assert_eq!((ours.0.record().received, ours.0.record().strange), (1, 1));
    }

    #[test]
    fn reports_come_every_five_seconds_or_so() {
        let (mut control, sender, reception) = pair(0).into_iter().next().unwrap();
        let mut now = Instant::now();
        control.begin(now);
        assert!(control.next_at.unwrap() - now <= Duration::from_millis(3_750));
        for _ in 0..100 {
            control.report(now, START_US, &sender, &reception);
            let pause = control.next_at.unwrap() - now;
            assert!((2_500..7_500).contains(&(pause.as_millis() as u64)), "{pause:?}");
            now += pause;
        }
    }
}
