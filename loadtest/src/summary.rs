//! What a ledger says: peaks against limits, endings, doubled calls, quality of the audio.
//!
//! A function of the ledger alone, so that `peal-carrier report` computes again from the file what the carrier said.

mod cast;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ledger::{CallRecord, Ending, Ledger, LineRecord, WindowRecord};
use crate::window::{self, Peak, SECOND_US};
pub use cast::{CastSummary, Spread};

/// The carrier's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Calls, that is INVITEs with a new Call-ID.
    pub invites: u64,
    /// Different numbers dialled.
    pub numbers: u64,
    /// Calls that we answered with 200.
    pub answered: u64,
    /// Calls that the ledger does not end.
    pub open: u64,
    /// From the first INVITE to the last message, seconds.
    pub elapsed_s: f64,
    /// Each line by itself.
    pub lines: Vec<LineSummary>,
    /// Numbers with two calls at the same time: nobody's telephone should ring twice.
    pub overlapping: Vec<Doubled>,
    /// Numbers with more calls than expected.
    pub excess: Vec<Doubled>,
    /// Attempt ids that were seen in more than one call. Fail-over to another line makes them honestly.
    pub attempts_repeated: u64,
    /// INVITEs that came again.
    pub invite_retransmissions: u64,
    /// Responses and BYEs that we had to send again.
    pub our_retransmissions: u64,
    /// Audio received, over all calls.
    pub rtp: RtpSummary,
    /// RTCP, over all calls that have it.
    pub rtcp: RtcpSummary,
    /// The measuring window.
    pub window: Option<WindowRecord>,
    /// Calls that one of the cast answered, if there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cast: Option<CastSummary>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineSummary {
    /// Its name.
    pub name: String,
    /// Calls.
    pub invites: u64,
    /// Calls that we answered.
    pub answered: u64,
    /// The limit sold.
    pub max_calls: Option<u32>,
    /// Most calls at once, from INVITE to the final message.
    pub peak_calls: Peak,
    /// The limit sold.
    pub max_cps: Option<u32>,
    /// Most new calls in any rolling second.
    pub peak_cps: Peak,
    /// Whether a limit was exceeded.
    pub exceeded: bool,
    /// Calls by how they ended.
    pub endings: BTreeMap<Ending, u64>,
    /// Calls by final status; those without one are left out.
    pub statuses: BTreeMap<u16, u64>,
}

/// A number that was called too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubled {
    /// The number.
    pub number: String,
    /// Its calls; in [`Summary::overlapping`] most at once.
    pub calls: u32,
}

/// Audio received, over all answered calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RtpSummary {
    /// Calls with at least one packet.
    pub calls: u64,
    /// Answered calls without one.
    pub silent: u64,
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Packets that belonged to no stream.
    pub strange: u64,
    /// Median over calls of the median deviation from the due time, microseconds.
    pub deviation_p50_us: u32,
    /// 99th percentile over calls of their 99th percentile, microseconds.
    pub deviation_p99_us: u32,
    /// Largest deviation of all, microseconds.
    pub deviation_max_us: u32,
}

impl Summary {
    /// Judges a ledger. `calls_per_number_max` is what one number may honestly get; more is [`Summary::excess`].
    pub fn of(ledger: &Ledger, calls_per_number_max: u32) -> Self {
        let calls = &ledger.calls;
        let first = calls.iter().map(|c| c.invite.at_us).min().unwrap_or(0);
        let last = calls.iter().map(|c| c.end.as_ref().map_or(c.invite.at_us, |e| e.released_us)).max();
        let ends = || calls.iter().filter_map(|c| c.end.as_ref());

        let mut by_number: HashMap<&str, Vec<&CallRecord>> = HashMap::new();
        let mut attempts: HashMap<&str, u32> = HashMap::new();
        for call in calls {
            by_number.entry(&call.invite.number).or_default().push(call);
            if let Some(attempt) = &call.invite.attempt {
                *attempts.entry(attempt).or_default() += 1;
            }
        }
        let doubled = |calls_of: &dyn Fn(&[&CallRecord]) -> u32, max: u32| {
            let mut found: Vec<Doubled> = by_number
                .iter()
                .map(|(number, calls)| Doubled { number: (*number).to_owned(), calls: calls_of(calls) })
                .filter(|d| d.calls > max)
                .collect();
            found.sort_by(|a, b| a.number.cmp(&b.number));
            found
        };

        Self {
            invites: calls.len() as u64,
            numbers: by_number.len() as u64,
            answered: ends().filter(|e| e.answered_us.is_some()).count() as u64,
            open: calls.iter().filter(|c| c.end.is_none()).count() as u64,
            elapsed_s: last.unwrap_or(0).saturating_sub(first) as f64 / 1e6,
            lines: ledger.lines.iter().map(|line| LineSummary::of(line, calls)).collect(),
            overlapping: doubled(&|calls| window::peak_open(&spans(calls.iter().copied())).count, 1),
            excess: doubled(&|calls| calls.len() as u32, calls_per_number_max),
            attempts_repeated: attempts.values().filter(|n| **n > 1).count() as u64,
            invite_retransmissions: ends().map(|e| u64::from(e.invite_retransmissions)).sum(),
            our_retransmissions: ends().map(|e| u64::from(e.our_retransmissions)).sum(),
            rtp: RtpSummary::of(calls),
            rtcp: RtcpSummary::of(calls),
            window: ledger.window.clone(),
            cast: CastSummary::of(calls),
        }
    }

    /// Whether every line kept its limits and no number was called too often.
    pub fn holds(&self) -> bool {
        self.overlapping.is_empty() && self.excess.is_empty() && !self.lines.iter().any(|l| l.exceeded)
    }
}

fn spans<'a>(calls: impl Iterator<Item = &'a CallRecord>) -> Vec<(u64, Option<u64>)> {
    calls.map(|c| (c.invite.at_us, c.end.as_ref().map(|e| e.released_us))).collect()
}

impl LineSummary {
    fn of(line: &LineRecord, calls: &[CallRecord]) -> Self {
        let own = || calls.iter().filter(|c| c.invite.line == line.name);
        let times: Vec<u64> = own().map(|c| c.invite.at_us).collect();
        let peak_calls = window::peak_open(&spans(own()));
        let peak_cps = window::peak_in_window(&times, SECOND_US);
        let (mut endings, mut statuses) = (BTreeMap::new(), BTreeMap::new());
        for end in own().filter_map(|c| c.end.as_ref()) {
            *endings.entry(end.how).or_default() += 1;
            if end.status != 0 {
                *statuses.entry(end.status).or_default() += 1;
            }
        }
        let over = |peak: Peak, max: Option<u32>| max.is_some_and(|max| peak.count > max);
        Self {
            name: line.name.clone(),
            invites: times.len() as u64,
            answered: own().filter(|c| c.end.as_ref().is_some_and(|e| e.answered_us.is_some())).count()
                as u64,
            max_calls: line.max_calls,
            peak_calls,
            max_cps: line.max_cps,
            peak_cps,
            exceeded: over(peak_calls, line.max_calls) || over(peak_cps, line.max_cps),
            endings,
            statuses,
        }
    }
}

impl RtpSummary {
    fn of(calls: &[CallRecord]) -> Self {
        let mut sum = Self::default();
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for end in calls.iter().filter_map(|c| c.end.as_ref()) {
            let Some(rtp) = &end.rtp else { continue };
            sum.sent += u64::from(rtp.sent);
            sum.strange += u64::from(rtp.strange);
            if rtp.received == 0 {
                sum.silent += u64::from(end.answered_us.is_some());
                continue;
            }
            sum.calls += 1;
            sum.received += u64::from(rtp.received);
            sum.lost += u64::from(rtp.lost);
            sum.deviation_max_us = sum.deviation_max_us.max(rtp.deviation_max_us);
            p50.push(rtp.deviation_p50_us);
            p99.push(rtp.deviation_p99_us);
        }
        sum.deviation_p50_us = quantile(&mut p50, 50);
        sum.deviation_p99_us = quantile(&mut p99, 99);
        sum
    }
}

/// RTCP, over all calls that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RtcpSummary {
    /// Calls.
    pub calls: u64,
    /// Calls without a report of the caller's that could be read.
    pub unreported: u64,
    /// Compound packets that we sent.
    pub sent: u64,
    /// Compound packets received.
    pub received: u64,
    /// Sender reports received.
    pub sender_reports: u64,
    /// Report blocks received.
    pub blocks: u64,
    /// Packets that are not as RFC 3550 wants them.
    pub malformed: u64,
    /// Reports and blocks that cannot be true.
    pub implausible: u64,
    /// Packets of another source than the first.
    pub strange: u64,
    /// Of our packets, those that callers last said they lost.
    pub lost_told: u64,
    /// Longest round trip, microseconds.
    pub round_trip_max_us: u32,
}

impl RtcpSummary {
    fn of(calls: &[CallRecord]) -> Self {
        let mut sum = Self::default();
        for rtcp in calls.iter().filter_map(|c| c.end.as_ref()?.rtcp.as_ref()) {
            sum.calls += 1;
            sum.unreported += u64::from(rtcp.received == 0);
            sum.sent += u64::from(rtcp.sent);
            sum.received += u64::from(rtcp.received);
            sum.sender_reports += u64::from(rtcp.sender_reports);
            sum.blocks += u64::from(rtcp.blocks);
            sum.malformed += u64::from(rtcp.malformed);
            sum.implausible += u64::from(rtcp.implausible);
            sum.strange += u64::from(rtcp.strange);
            sum.lost_told += u64::from(rtcp.lost_told);
            sum.round_trip_max_us = sum.round_trip_max_us.max(rtcp.round_trip_max_us);
        }
        sum
    }
}

/// The value that `percent` of the values do not exceed; 0 of none.
fn quantile<T: Ord + Copy + Default>(values: &mut [T], percent: usize) -> T {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |max: Option<u32>| max.map_or("-".to_owned(), |n| n.to_string());
        writeln!(
            f,
            "{} calls to {} numbers in {:.1} s, {} answered, {} open; {} INVITEs came again, {} of ours went again",
            self.invites,
            self.numbers,
            self.elapsed_s,
            self.answered,
            self.open,
            self.invite_retransmissions,
            self.our_retransmissions,
        )?;
        writeln!(
            f,
            "{:<16} {:>8} {:>8} {:>13} {:>13}",
            "line", "calls", "answered", "most at once", "most a second"
        )?;
        for line in &self.lines {
            writeln!(
                f,
                "{:<16} {:>8} {:>8} {:>13} {:>13}{}",
                line.name,
                line.invites,
                line.answered,
                format!("{} of {}", line.peak_calls.count, limit(line.max_calls)),
                format!("{} of {}", line.peak_cps.count, limit(line.max_cps)),
                if line.exceeded { "  EXCEEDED" } else { "" },
            )?;
        }
        let rtp = &self.rtp;
        writeln!(
            f,
            "audio: {} calls, {} silent, {} packets heard, {} lost, deviation {} us (p50) {} us (p99) {} us (max)",
            rtp.calls,
            rtp.silent,
            rtp.received,
            rtp.lost,
            rtp.deviation_p50_us,
            rtp.deviation_p99_us,
            rtp.deviation_max_us,
        )?;
        let rtcp = &self.rtcp;
        if rtcp.calls > 0 {
            writeln!(
                f,
                "RTCP: {} calls, {} without a report, {} reports sent, {} heard, {} malformed, {} implausible, {} lost as told",
                rtcp.calls,
                rtcp.unreported,
                rtcp.sent,
                rtcp.received,
                rtcp.malformed,
                rtcp.implausible,
                rtcp.lost_told,
            )?;
        }
        if let Some(window) = &self.window {
            writeln!(
                f,
                "window: {} calls for {} s {}; {} lost by the caller, {} here, {} silent; late by {} us (p50) {} us (p99) {} us (max), \
                 gaps off by {} us (p99)",
                window.calls,
                (window.end_us - window.begin_us) / 1_000_000,
                if window.holds { "hold" } else { "DO NOT HOLD" },
                window.lost_by_caller,
                window.lost_here,
                window.silent,
                window.due_p50_us,
                window.due_p99_us,
                window.due_max_us,
                window.gap_p99_us,
            )?;
        }
        if let Some(cast) = &self.cast {
            writeln!(f, "{cast}")?;
        }
        write!(
            f,
            "doubled: {} numbers called twice at once, {} called too often",
            self.overlapping.len(),
            self.excess.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lines, one call each, and one call to the first number again that overlaps.
    const LEDGER: &str = r#"{"kind":"line","name":"a","address":"127.0.0.1:5070","max_calls":1,"max_cps":2}
{"kind":"line","name":"b","address":"127.0.0.1:5071","max_calls":null,"max_cps":1}
{"kind":"invite","call":1,"at_us":1000000,"line":"a","number":"+15551","from":"f","call_id":"x","source":"127.0.0.1:9"}
{"kind":"invite","call":2,"at_us":1500000,"line":"b","number":"+15552","from":"f","call_id":"y","source":"127.0.0.1:9"}
{"kind":"invite","call":3,"at_us":2000000,"line":"a","number":"+15551","from":"f","call_id":"z","source":"127.0.0.1:9"}
{"kind":"end","call":2,"behaviour":"busy","ended_us":1600000,"released_us":1600100,"how":"refused","status":486,"invite_retransmissions":2,"our_retransmissions":0}
{"kind":"end","call":1,"behaviour":"person","answered_us":1700000,"ended_us":2600000,"released_us":2600100,"how":"bye-from-caller","status":200,"invite_retransmissions":0,"our_retransmissions":1}
"#;

    #[test]
    fn a_ledger_is_judged_line_by_line() {
        let summary = Summary::of(&Ledger::read(LEDGER.as_bytes()).unwrap(), 1);
        assert_eq!((summary.invites, summary.numbers, summary.answered, summary.open), (3, 2, 1, 1));
        let [a, b] = &summary.lines[..] else { panic!("two lines") };
        assert_eq!((a.peak_calls.count, a.peak_cps.count, a.exceeded), (2, 1, true));
        assert_eq!((b.peak_calls.count, b.peak_cps.count, b.exceeded), (1, 1, false));
        assert_eq!(summary.overlapping, [Doubled { number: "+15551".into(), calls: 2 }]);
        assert_eq!(summary.excess.len(), 1);
        assert_eq!((summary.invite_retransmissions, summary.our_retransmissions), (2, 1));
        assert!(!summary.holds());
    }

    #[test]
    fn retries_that_were_allowed_are_not_excess() {
        assert!(Summary::of(&Ledger::read(LEDGER.as_bytes()).unwrap(), 2).excess.is_empty());
    }

    #[test]
    fn a_ledger_cut_in_its_last_line_is_read_up_to_there() {
        let cut = &LEDGER[..LEDGER.len() - 20];
        let ledger = Ledger::read(cut.as_bytes()).unwrap();
        assert!(ledger.truncated);
        assert_eq!(Summary::of(&ledger, 1).open, 2);
    }

    #[test]
    fn damage_elsewhere_is_named_by_its_line() {
        let damaged = LEDGER.replacen("\"call\":2", "\"call\":\"two\"", 1);
        assert!(Ledger::read(damaged.as_bytes()).unwrap_err().to_string().starts_with("line 4 "));
        let orphan = LEDGER.replace("\"kind\":\"end\",\"call\":2", "\"kind\":\"end\",\"call\":9");
        assert!(Ledger::read(orphan.as_bytes()).unwrap_err().to_string().contains("call 9"));
    }

    #[test]
    fn what_customers_measured_is_put_together() {
        let cast = |turns: &str, did: &str| {
            format!(
                r#","cast":{{"customer":"a","acts":1,"did":[{did}],"first_audio_us":40000,"turns_us":[{turns}],"barge_ins_us":[],
                "unanswered":1,"talked_over":0,"slots":500,"slots_missing":1,"gap_max_us":30000}}}}"#
            )
            .replace('\n', "")
        };
        let [mut turns, mut did] = [["300000,500000", ""], ["\"yes\"", ""]].map(|of| of.into_iter());
        let lines = LEDGER.lines().map(|line| match line.strip_prefix(r#"{"kind":"end""#) {
            Some(_) => {
                let end = cast(turns.next().unwrap(), did.next().unwrap());
                format!("{}{end}\n", line.strip_suffix('}').unwrap())
            }
            None => format!("{line}\n"),
        });
        let ledger = Ledger::read(lines.collect::<String>().as_bytes()).unwrap();
        let summary = Summary::of(&ledger, 1);
        let cast = summary.cast.unwrap();
        assert_eq!((cast.calls, cast.done, cast.mute, cast.unanswered), (2, 1, 0, 2));
        assert_eq!(cast.turn, Spread { count: 2, p50_us: 300_000, p95_us: 500_000, max_us: 500_000 });
        assert_eq!((cast.first_audio.count, cast.barge_in.count, cast.audio_gap), (2, 0, 0.002));
    }

    #[test]
    fn nothing_gives_an_empty_summary() {
        let summary = Summary::of(&Ledger::default(), 1);
        assert!(summary.holds());
        assert_eq!(summary.rtp, RtpSummary::default());
    }
}
