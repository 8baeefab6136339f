//! The carrier's own record of every call, as JSON lines.
//!
//! A file begins with a `line` record for each line. Every call then gets an `invite` record when its first INVITE arrives
//! and an `end` record when it is over, so that a carrier that was killed has still told of every call that it saw.
//! Only whole lines are written. Numbers are in full: a ledger is evidence of a test, not a log.
//!
//! Owns the format, the writer and the reader. Judges nothing: that is [`summary`](crate::summary).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddrV4;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// A line that the carrier serves.
    Line(LineRecord),
    /// A call has begun.
    Invite(InviteRecord),
    /// A call is over.
    End(EndRecord),
    /// The measuring window, at the end of the file.
    Window(WindowRecord),
}

/// A line that the carrier serves, with the limits to judge it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRecord {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Most calls at once that it sells.
    pub max_calls: Option<u32>,
    /// Most new calls in any rolling second that it sells.
    pub max_cps: Option<u32>,
}

/// The first INVITE of a Call-ID. One that comes again, as a retransmission or with credentials, is the same call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRecord {
    /// Counts the calls of this ledger from 1; joins the two records.
    pub call: u64,
    /// Unix microseconds at which the kernel received it.
    pub at_us: u64,
    /// Name of the line.
    pub line: String,
    /// User part of the Request-URI.
    pub number: String,
    /// The From header.
    pub from: String,
    /// The Call-ID header.
    pub call_id: String,
    /// Where it came from.
    pub source: SocketAddrV4,
    /// The first header whose name begins with `X-` and contains `attempt`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<String>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The caller hung up.
    ByeFromCaller,
    /// The callee hung up, and the caller confirmed.
    ByeFromCallee,
    /// The caller cancelled: 487.
    Cancelled,
    /// We refused with another final status.
    Refused,
    /// The caller never came back with (right) credentials.
    Unauthenticated,
    /// No ACK to the answer or refusal, or no response to our BYE, within 64 × T1.
    Lost,
    /// We never responded, as planned.
    Ignored,
    /// The carrier was stopped first.
    CarrierStopped,
}

/// A call is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndRecord {
    /// The [`InviteRecord::call`] that it ends.
    pub call: u64,
    /// What the callee was to do.
    pub behaviour: String,
    /// When we sent the first 180 or 183, Unix microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ringing_us: Option<u64>,
    /// When we first sent the 200.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answered_us: Option<u64>,
    /// When its end was decided: BYE or CANCEL received, BYE or refusal sent.
    pub ended_us: u64,
    /// When it gave its place on the line back: at the caller's BYE, ACK of a refusal or response to our BYE; where that
    /// never came, at the last message of the call in either direction.
    pub released_us: u64,
    /// How.
    pub how: Ending,
    /// Final status of the INVITE that we sent; 0 for none.
    pub status: u16,
    /// INVITEs that came again without anything new.
    pub invite_retransmissions: u32,
    /// Responses and BYEs that we had to send again.
    pub our_retransmissions: u32,
    /// Keys that the callee pressed (RFC 4733).
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub pressed: String,
    /// What was heard from the caller; only for calls that had media.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtp: Option<RtpRecord>,
    /// RTCP both ways; only for calls that were answered and have it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtcp: Option<RtcpRecord>,
    /// What a customer did and heard; only for calls that one of the cast answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cast: Option<Box<CastRecord>>,
}

/// A call with a customer of the cast, as he saw it. The caller talks for as long as his audible packets (-50 dB and above) are not
/// more than 400 ms apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CastRecord {
    /// Who answered.
    pub customer: String,
    /// Acts that he has.
    pub acts: u32,
    /// Those that he did: the words, the keys, `hang up`.
    pub did: Vec<String>,
    /// From the 200 to the first audible packet, microseconds. `None`: there was none.
    pub first_audio_us: Option<u64>,
    /// For everything that he said and the caller answered: from its last packet to the first audible one of the answer,
    /// microseconds.
    pub turns_us: Vec<u64>,
    /// For every time that he interrupted the caller: from the first packet of what he said to the last audible one of the speech
    /// that he interrupted, microseconds; 0 if there was none after it.
    pub barge_ins_us: Vec<u64>,
    /// Things said that the caller never answered.
    pub unanswered: u32,
    /// Things said while the caller began to speak.
    pub talked_over: u32,
    /// Slots of 20 ms in which the caller talked.
    pub slots: u64,
    /// Of these, those that would have been silent for a listener who holds the stream back by 60 ms.
    pub slots_missing: u64,
    /// Longest time between two packets while he talked, microseconds.
    pub gap_max_us: u64,
}

/// RTCP of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RtcpRecord {
    /// Compound packets that we sent.
    pub sent: u32,
    /// Compound packets received that are as RFC 3550 wants them.
    pub received: u32,
    /// Those that begin with or contain a sender report.
    pub sender_reports: u32,
    /// Report blocks received.
    pub blocks: u32,
    /// Packets that are not as RFC 3550 wants them.
    pub malformed: u32,
    /// Sender reports and blocks that cannot be true: a stream that nobody sends, more lost than was sent, the echo of a report
    /// that was never made.
    pub implausible: u32,
    /// Packets of another source than the first.
    pub strange: u32,
    /// Of our packets, those that the caller last said it lost.
    pub lost_told: u32,
    /// The jitter that the caller last told, microseconds.
    pub jitter_told_us: u32,
    /// Longest round trip that the caller's reports give, microseconds.
    pub round_trip_max_us: u32,
    /// Whether the caller said good-bye.
    pub bye: bool,
}

/// What the measuring window saw. See [`measure`](crate::MeasureConfig) for how it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowRecord {
    /// Calls that were up when it began.
    pub calls: u32,
    /// When it began, Unix microseconds.
    pub begin_us: u64,
    /// When it ended.
    pub end_us: u64,
    /// Packets received in it, doubled ones left out.
    pub received: u64,
    /// Packets that calls owed in it, 50 a second each.
    pub expected: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Of these at most so many were dropped at our own queues.
    pub lost_here: u64,
    /// The rest.
    pub lost_by_caller: u64,
    /// Calls of which nothing came.
    pub silent: u32,
    /// Calls that were over before the window was.
    pub ended_early: u32,
    /// Calls that began another stream or timeline in it, and were not measured from there on.
    pub restarted: u32,
    /// Packets that there was no room to note.
    pub unnoted: u64,
    /// How late packets were against the soonest of their call: median over all, microseconds.
    pub due_p50_us: u32,
    /// 99th percentile of the same.
    pub due_p99_us: u32,
    /// Largest of the same.
    pub due_max_us: u32,
    /// Largest 99th percentile of a single call.
    pub due_p99_worst_call_us: u32,
    /// Deviation of the time between two packets of a call from what their timestamps say: 99th percentile over all.
    pub gap_p99_us: u32,
    /// Largest of the same.
    pub gap_max_us: u32,
    /// Whether this is a load that holds: gap deviation p99 at most 10 ms, sequence loss at most 0.1 %, received at least 99.9 %
    /// of what was owed, no call silent, ended or begun anew, every packet noted.
    pub holds: bool,
    /// Packets that we sent in it.
    pub sent: u64,
    /// Datagrams that the kernel dropped at our queues, because we did not read in time.
    pub dropped_here: u64,
    /// Datagrams to the address of no call.
    pub stray: u64,
    /// CPU time of our thread in it, microseconds.
    pub carrier_cpu_us: u64,
    /// How late our own thread played its phases: 99th percentile, microseconds, to within a fifth.
    pub carrier_late_p99_us: u32,
    /// Largest of the same, exact.
    pub carrier_late_max_us: u32,
}

/// Audio of one call as it arrived, by the kernel's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RtpRecord {
    /// Packets that we sent.
    pub sent: u32,
    /// RTP packets received.
    pub received: u32,
    /// Payload bytes received.
    pub bytes: u64,
    /// Sequence numbers that never came.
    pub lost: u32,
    /// Packets that came after a later one.
    pub reordered: u32,
    /// Packets that came again, or more than 64 packets late.
    pub duplicated: u32,
    /// Packets that are not RTP of this call: too short, wrong version, RTCP, another source.
    pub strange: u32,
    /// Synchronisation sources, one after the other: more than one may be another call's audio.
    pub sources: u32,
    /// Kernel time of the first packet, Unix microseconds; 0 for none.
    pub first_us: u64,
    /// Kernel time of the last packet.
    pub last_us: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1) at the end, microseconds.
    pub jitter_us: u32,
    /// Deviation of a packet from its due time, which is the one before it plus what its timestamp advanced: median,
    /// microseconds, to within a fifth.
    pub deviation_p50_us: u32,
    /// 99th percentile of the same.
    pub deviation_p99_us: u32,
    /// Largest of the same, exact.
    pub deviation_max_us: u32,
    /// Keys that the caller pressed (RFC 4733).
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub keys: String,
}

/// Writes records, whole lines only.
pub(crate) struct Writer {
    buffer: Vec<u8>,
    /// `None`: everything stays in `buffer`.
    file: Option<File>,
}

/// Buffered bytes at which a file is written to: one large write costs the carrier less than many small ones.
const BUFFER_BYTES: usize = 64 * 1024;

impl Writer {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        Ok(Self { buffer: Vec::with_capacity(2 * BUFFER_BYTES), file: path.map(File::create).transpose()? })
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, record)?;
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Hands everything to the kernel, which keeps it if we are killed.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// The ledger that was kept in memory; empty if there is a file.
    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.buffer
    }
}

/// One call: its two records, joined.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// How it began.
    pub invite: InviteRecord,
    /// How it ended; `None` if the ledger ends first.
    pub end: Option<EndRecord>,
}

/// A ledger that was read back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// The lines, in the order of the configuration.
    pub lines: Vec<LineRecord>,
    /// The calls, in the order of their first INVITEs.
    pub calls: Vec<CallRecord>,
    /// The measuring window, if there was one and it ended.
    pub window: Option<WindowRecord>,
    /// Whether the last line was cut short, as by a full disk.
    pub truncated: bool,
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not a record.
    #[error("line {line} of the ledger is not a record: {source}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// An `end` record without its `invite`.
    #[error("line {line} of the ledger ends call {call}, which never began or has ended before")]
    Orphan {
        /// Counted from 1.
        line: usize,
        /// The call's number.
        call: u64,
    },
}

impl Ledger {
    /// Reads a ledger file.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::read(BufReader::new(File::open(path)?))
    }

    /// Reads a ledger. A last line without its line end is left out and noted.
    pub fn read(mut input: impl BufRead) -> Result<Self, LedgerError> {
        let mut ledger = Self::default();
        let mut open: HashMap<u64, usize> = HashMap::new();
        let mut text = String::new();
        for line in 1.. {
            text.clear();
            if input.read_line(&mut text)? == 0 {
                break;
            }
            if !text.ends_with('\n') {
                ledger.truncated = true;
                break;
            }
            match serde_json::from_str(&text).map_err(|source| LedgerError::Malformed { line, source })? {
                Record::Line(record) => ledger.lines.push(record),
                Record::Invite(invite) => {
                    open.insert(invite.call, ledger.calls.len());
                    ledger.calls.push(CallRecord { invite, end: None });
                }
                Record::Window(record) => ledger.window = Some(record),
                Record::End(end) => {
                    let call = end.call;
                    let index = open.remove(&call).ok_or(LedgerError::Orphan { line, call })?;
                    ledger.calls[index].end = Some(end);
                }
            }
        }
        Ok(ledger)
    }
}
