//! A machine that streams: one G.711 packet to each call every 20 ms, calls spread over the milliseconds of the tick,
//! and what arrives told apart by its far address and checked for its sequence.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use shard::{Machine, SocketIndex, Transmit};

/// Bytes of an RTP packet with 20 ms of G.711.
const PACKET_BYTES: usize = 172;
/// Phases of the 20 ms tick, one millisecond each.
const PHASES: usize = 20;
/// Length of a phase.
const PHASE: Duration = Duration::from_millis(1);

/// What can be asked of the machine.
#[derive(Debug)]
pub enum Ask {
    /// Begin to stream; call `i` sends from socket `i` modulo their number to the `i`th address.
    Begin(Vec<SocketAddrV4>),
    /// Say what arrived.
    Report,
}

/// What arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Packets of calls.
    pub received: u64,
    /// Gaps in their sequences, in packets.
    pub lost: u64,
    /// Packets of nobody's call.
    pub stray: u64,
}

/// Multiplies: far addresses of a bench are nobody's attack.
#[derive(Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

struct Call {
    socket: SocketIndex,
    to: SocketAddr,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    next_in: Option<u16>,
    received: u64,
    lost: u64,
}

/// The machine.
pub struct RtpStream {
    sockets: usize,
    calls: Vec<Call>,
    /// By far address.
    by_address: HashMap<u64, u32, BuildHasherDefault<Multiply>>,
    /// One second of audio that all calls play.
    prompt: Vec<u8>,
    due: Option<Instant>,
    phase: usize,
    /// The next call of the present phase; beyond the last one when the phase is sent.
    cursor: usize,
    stray: u64,
    report: Option<Report>,
}

impl RtpStream {
    /// A machine over `sockets` sockets.
    pub fn new(sockets: usize) -> Self {
        Self {
            sockets,
            calls: Vec::new(),
            by_address: HashMap::default(),
            prompt: (0..8_000_u32).map(|i| (i * 37) as u8).collect(),
            due: None,
            phase: 0,
            cursor: usize::MAX,
            stray: 0,
            report: None,
        }
    }

    fn begin(&mut self, now: Instant, far: Vec<SocketAddrV4>) {
        self.by_address = far.iter().enumerate().map(|(index, to)| (key(*to), index as u32)).collect();
        self.calls = far
            .into_iter()
            .enumerate()
            .map(|(index, to)| Call {
                socket: SocketIndex((index % self.sockets) as u16),
                to: to.into(),
                sequence: index as u16,
                timestamp: index as u32,
                ssrc: index as u32,
                next_in: None,
                received: 0,
                lost: 0,
            })
            .collect();
        self.due = Some(now);
    }
}

fn key(address: SocketAddrV4) -> u64 {
    u64::from(u32::from(*address.ip())) << 16 | u64::from(address.port())
}

impl Machine for RtpStream {
    type Mail = Ask;
    type Event = Report;

    fn handle_datagram(&mut self, _: Instant, _: SocketIndex, from: SocketAddr, bytes: &[u8]) {
        let SocketAddr::V4(address) = from else { return };
        let index = self.by_address.get(&key(address)).copied();
        let call = index.and_then(|index| self.calls.get_mut(index as usize));
        let Some(call) = call.filter(|call| call.to == from && bytes.len() == PACKET_BYTES) else {
            self.stray += 1;
            return;
        };
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        if let Some(expected) = call.next_in {
            call.lost += u64::from(sequence.wrapping_sub(expected).min(1_000));
        }
        call.next_in = Some(sequence.wrapping_add(1));
        call.received += 1;
    }

    fn handle_mail(&mut self, now: Instant, mail: Ask) {
        match mail {
            Ask::Begin(far) => self.begin(now, far),
            Ask::Report => {
                self.report = Some(Report {
                    received: self.calls.iter().map(|call| call.received).sum(),
                    lost: self.calls.iter().map(|call| call.lost).sum(),
                    stray: self.stray,
                });
            }
        }
    }

    fn handle_timeout(&mut self, _: Instant) {
        self.cursor = self.phase;
        self.phase = (self.phase + 1) % PHASES;
        self.due = self.due.map(|due| due + PHASE);
    }

    fn poll_transmit(&mut self, _: Instant, slot: &mut [u8]) -> Option<Transmit> {
        let call = self.calls.get_mut(self.cursor)?;
        self.cursor += PHASES;
        let audio = call.timestamp as usize % (self.prompt.len() - 160);
        slot[0] = 0x80;
        slot[1] = 0;
        slot[2..4].copy_from_slice(&call.sequence.to_be_bytes());
        slot[4..8].copy_from_slice(&call.timestamp.to_be_bytes());
        slot[8..12].copy_from_slice(&call.ssrc.to_be_bytes());
        slot[12..PACKET_BYTES].copy_from_slice(&self.prompt[audio..audio + 160]);
        call.sequence = call.sequence.wrapping_add(1);
        call.timestamp = call.timestamp.wrapping_add(160);
        Some(Transmit { socket: call.socket, to: call.to, len: PACKET_BYTES })
    }

    fn poll_event(&mut self) -> Option<Report> {
        self.report.take()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn is_idle(&self) -> bool {
        true
    }
}
