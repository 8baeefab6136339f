//! A call's media and a far end in one thread, with a clock that moves when it is told to.

#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod sound;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use peal_media::rtp::Header;
use peal_media::*;

pub const TICK: Duration = Duration::from_millis(20);
pub const EVENTS: u8 = 101;

pub fn far() -> SocketAddr {
    "192.0.2.7:30000".parse().unwrap()
}

pub fn far_rtcp() -> SocketAddr {
    "192.0.2.7:30001".parse().unwrap()
}

pub fn plan() -> MediaPlan {
    MediaPlan {
        remote: far(),
        remote_rtcp: far_rtcp(),
        rtcp_mux: false,
        wants_rtcp: true,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(EVENTS),
        direction: Direction::SendReceive,
        latching: Latching::SameHost,
    }
}

pub fn session() -> MediaSession {
    MediaSession::new(SessionConfig {
        ssrc: 0x5EA1,
        sequence: 100,
        timestamp: 5000,
        rtcp: 0xC0FFEE,
        send_silence: true,
    })
}

/// A session that is negotiated and answered.
pub fn answered() -> MediaSession {
    let mut session = session();
    session.set_remote(plan());
    session.answer();
    session
}

/// A prompt of `frames` frames, each sample of frame `n` at a level that only it has.
pub fn stairs(frames: usize) -> Arc<Prompt> {
    let samples: Vec<i16> = (0..frames * FRAME_SAMPLES).map(|n| stair(n / FRAME_SAMPLES)).collect();
    Prompt::from_pcm(&samples, SAMPLE_RATE).unwrap()
}

/// Level of frame `n`: exact in A-law, and no two of 60 neighbours alike.
pub fn stair(n: usize) -> i16 {
    Codec::Pcma.decode((n % 60) as u8 ^ 0xD5)
}

/// The far end's stream.
#[derive(Clone)]
pub struct FarEnd {
    pub header: Header,
    pub from: SocketAddr,
}

impl FarEnd {
    pub fn new() -> FarEnd {
        let header =
            Header { marker: false, payload_type: 8, sequence: 7000, timestamp: 90_000, ssrc: 0xFA2 };
        FarEnd { header, from: far() }
    }

    /// The next audio packet.
    pub fn audio(&mut self, payload: &[u8]) -> Vec<u8> {
        let packet = packet(self.header, payload);
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(payload.len() as u32);
        packet
    }

    /// A telephone-event packet of the event that began at `timestamp`.
    pub fn event(&mut self, timestamp: u32, code: u8, end: bool, duration: u16) -> Vec<u8> {
        let header = Header { payload_type: EVENTS, timestamp, ..self.header };
        let [high, low] = duration.to_be_bytes();
        self.header.sequence = self.header.sequence.wrapping_add(1);
        packet(header, &[code, if end { 0x8A } else { 0x0A }, high, low])
    }
}

pub fn packet(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; rtp::HEADER_LEN];
    header.write(&mut bytes);
    bytes.extend(payload);
    bytes
}

pub fn events(session: &mut MediaSession) -> Vec<MediaEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

pub fn digits(session: &mut MediaSession) -> Vec<Digit> {
    events(session)
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::Digit(digit) => Some(digit),
            _ => None,
        })
        .collect()
}

pub fn symbols(session: &mut MediaSession) -> String {
    digits(session).into_iter().map(|digit| digit.symbol).collect()
}

/// Runs one tick and gives the packet it sent.
pub fn tick(session: &mut MediaSession, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
    let mut out = [0; MAX_PACKET_LEN];
    let transmit = session.tick(now, &mut out)?;
    Some((transmit.to, out[..transmit.len].to_vec()))
}
