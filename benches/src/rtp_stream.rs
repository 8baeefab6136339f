//! A machine that streams: one G.711 packet to each call every 20 ms, calls spread over the milliseconds of the tick,
//! and the sequence of what arrives checked. Both ends of the exchange can run it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use shard::{Machine, SocketIndex, Transmit};

/// Bytes of an RTP packet with 20 ms of G.711.
pub const PACKET_BYTES: usize = 172;
/// Phases of the 20 ms tick, one millisecond each.
pub const PHASES: usize = 20;
/// Length of a phase.
pub const PHASE: Duration = Duration::from_millis(1);

/// How a packet finds its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demux {
    /// Few sockets: by the far end's port, all far ends being on one address.
    FarPort,
    /// A socket a call.
    Socket,
}

/// What can be asked of the machine.
#[derive(Debug)]
pub enum Ask {
    /// Begin to stream; call `i` sends from socket `i` modulo their number to the `i`th address.
    Begin(Vec<SocketAddr>),
    /// Say how it went.
    Report,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Packets sent.
    pub sent: u64,
    /// Packets that arrived.
    pub received: u64,
    /// Gaps in the sequences of what arrived, in packets.
    pub lost: u64,
    /// Calls of which nothing arrived.
    pub silent: u64,
    /// Packets of nobody's call.
    pub stray: u64,
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
    demux: Demux,
    sockets: usize,
    calls: Vec<Call>,
    /// By far port; `u32::MAX` where there is none.
    by_port: Vec<u32>,
    /// One second of audio that all calls play.
    prompt: Vec<u8>,
    due: Option<Instant>,
    phase: usize,
    /// The next call of the present phase; beyond the last one when the phase is sent.
    cursor: usize,
    sent: u64,
    stray: u64,
    report: Option<Report>,
}

impl RtpStream {
    /// A machine over `sockets` sockets.
    pub fn new(demux: Demux, sockets: usize) -> Self {
        Self {
            demux,
            sockets,
            calls: Vec::new(),
            by_port: vec![u32::MAX; 1 << 16],
            prompt: (0..8_000_u32).map(|i| (i * 37) as u8).collect(),
            due: None,
            phase: 0,
            cursor: usize::MAX,
            sent: 0,
            stray: 0,
            report: None,
        }
    }

    fn begin(&mut self, now: Instant, far: Vec<SocketAddr>) {
        self.calls = far
            .into_iter()
            .enumerate()
            .map(|(index, to)| Call {
                socket: SocketIndex((index % self.sockets) as u16),
                to,
                sequence: index as u16,
                timestamp: index as u32,
                ssrc: index as u32,
                next_in: None,
                received: 0,
                lost: 0,
            })
            .collect();
        for (index, call) in self.calls.iter().enumerate() {
            self.by_port[usize::from(call.to.port())] = index as u32;
        }
        self.due = Some(now);
    }

    fn report(&self) -> Report {
        Report {
            sent: self.sent,
            received: self.calls.iter().map(|call| call.received).sum(),
            lost: self.calls.iter().map(|call| call.lost).sum(),
            silent: self.calls.iter().filter(|call| call.received == 0).count() as u64,
            stray: self.stray,
        }
    }
}

impl Machine for RtpStream {
    type Mail = Ask;
    type Event = Report;

    fn handle_datagram(&mut self, _: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]) {
        let index = match self.demux {
            Demux::Socket => usize::from(socket.0),
            Demux::FarPort => self.by_port[usize::from(from.port())] as usize,
        };
        let Some(call) =
            self.calls.get_mut(index).filter(|call| call.to == from && bytes.len() == PACKET_BYTES)
        else {
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
            Ask::Report => self.report = Some(self.report()),
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
        self.sent += 1;
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
