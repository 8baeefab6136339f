//! All calls of a shard on one side, a scripted carrier on the other, and a link between them, in one thread with a
//! clock that moves when it is told to.

mod books;
mod callee;
mod carrier;
mod link;
mod orders;
mod pair;
mod rtp;

pub use callee::{Act, Body, Callee, offer, press};
pub use link::Link;
pub use orders::{asks, collect, hang_up, play, plays, prompt, script, wait, whole_script};
pub use pair::Pair;
pub use rtp::EVENTS;

use std::net::SocketAddr;
use std::time::Duration;

/// Our signalling address.
pub const OURS: &str = "10.0.0.1:5060";
/// The carrier's.
pub const LINE: &str = "10.0.0.2:5060";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Our RTP socket of this number.
pub fn rtp_socket(number: u16) -> SocketAddr {
    SocketAddr::new(addr(OURS).ip(), 40_000 + 2 * number)
}

/// The RTCP socket beside it.
pub fn rtcp_socket(number: u16) -> SocketAddr {
    SocketAddr::new(addr(OURS).ip(), 40_001 + 2 * number)
}

/// A stream of numbers from a seed (splitmix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// True so often out of a thousand.
    pub fn permille(&mut self, rate: u64) -> bool {
        self.below(1000) < rate
    }
}
