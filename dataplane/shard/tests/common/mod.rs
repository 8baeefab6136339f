//! Machines and far ends shared by the tests.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use shard::{Machine, SocketIndex, SocketSpec, Transmit};

/// Longest wait for something that is to happen; reaching it fails the test.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

pub fn one_media_socket() -> Vec<SocketSpec> {
    vec![SocketSpec::media(loopback())]
}

/// A far end that gives up rather than hang.
pub fn far_end(local: &str) -> UdpSocket {
    let socket = UdpSocket::bind(local).expect("loopback has free ports");
    socket.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    socket
}

#[derive(Debug)]
/// What a test can ask of a [`Bench`] machine.
pub enum Ask {
    /// Answer with `Told::Pong` of the number.
    Ping(u64),
    /// Send this many datagrams to the address, each filled by [`pattern`].
    Burst { count: u64, to: SocketAddr, len: usize },
    /// Be busy until this many datagrams have come.
    Expect(u64),
    /// Want a timeout this far ahead of the mail, so many times in a row, each due at once.
    Timeouts(u64),
}

/// What a [`Bench`] machine tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Pong(u64),
    TimeoutsOver,
}

/// Echoes datagrams, and does what it is asked. Panics when the shard breaks the law, which ends the shard.
#[derive(Default)]
pub struct Bench {
    echoes: VecDeque<(SocketIndex, SocketAddr, Vec<u8>)>,
    bursts: VecDeque<(u64, u64, SocketAddr, usize)>,
    events: VecDeque<Told>,
    expected: u64,
    timeouts: u64,
    due: Option<Instant>,
}

impl Bench {
    fn change(&self) {
        assert!(self.echoes.is_empty() && self.bursts.is_empty(), "drained before the next change");
    }
}

impl Machine for Bench {
    type Mail = Ask;
    type Event = Told;

    fn handle_datagram(&mut self, _: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]) {
        self.change();
        self.expected = self.expected.saturating_sub(1);
        self.echoes.push_back((socket, from, bytes.to_vec()));
    }

    fn handle_mail(&mut self, now: Instant, mail: Ask) {
        self.change();
        match mail {
            Ask::Ping(number) => self.events.push_back(Told::Pong(number)),
            Ask::Burst { count, to, len } => self.bursts.push_back((0, count, to, len)),
            Ask::Expect(count) => self.expected = count,
            Ask::Timeouts(count) => {
                self.timeouts = count;
                self.due = Some(now);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.change();
        assert!(self.due.is_some_and(|due| due <= now), "called when due");
        self.timeouts -= 1;
        if self.timeouts == 0 {
            self.due = None;
            self.events.push_back(Told::TimeoutsOver);
        }
    }

    fn poll_transmit(&mut self, _: Instant, slot: &mut [u8]) -> Option<Transmit> {
        if let Some((socket, to, bytes)) = self.echoes.pop_front() {
            slot[..bytes.len()].copy_from_slice(&bytes);
            return Some(Transmit { socket, to, len: bytes.len() });
        }
        let (sent, count, to, len) = self.bursts.front_mut()?;
        pattern(*sent, &mut slot[..*len]);
        let transmit = Transmit { socket: SocketIndex(0), to: *to, len: *len };
        *sent += 1;
        if sent == count {
            self.bursts.pop_front();
        }
        Some(transmit)
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn is_idle(&self) -> bool {
        self.expected == 0 && self.timeouts == 0
    }
}

/// The content of datagram `number` of a burst: its number, then bytes that follow from it.
pub fn pattern(number: u64, slot: &mut [u8]) {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for byte in slot.iter_mut() {
        state = state.wrapping_mul(0xd129_0d3f_2a5b_7c35).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    slot[..8].copy_from_slice(&number.to_be_bytes());
}
