//! The network between the two sides.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::Dice;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What the link does to datagrams. The default delivers everything at once and in order.
#[derive(Debug)]
pub struct Link {
    /// Every datagram is under way for so long.
    pub delay: Duration,
    /// And for up to so much longer, which is what reorders them.
    pub jitter: Duration,
    /// So many of a thousand never come.
    pub loss: u64,
    /// So many of a thousand come twice.
    pub duplication: u64,
    dice: Dice,
    under_way: BinaryHeap<Reverse<(Instant, u64, Datagram)>>,
    count: u64,
}

impl Link {
    pub fn perfect() -> Self {
        Self::with_seed(0)
    }

    pub fn with_seed(seed: u64) -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0,
            duplication: 0,
            dice: Dice(seed),
            under_way: BinaryHeap::new(),
            count: 0,
        }
    }

    /// Loses, doubles, delays and reorders.
    pub fn bad(seed: u64) -> Self {
        let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(60));
        Self { delay, jitter, loss: 80, duplication: 40, ..Self::with_seed(seed) }
    }

    pub fn send(&mut self, now: Instant, datagram: Datagram) {
        if self.dice.permille(self.loss) {
            return;
        }
        if self.dice.permille(self.duplication) {
            self.put(now, datagram.clone());
        }
        self.put(now, datagram);
    }

    pub fn next(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((at, ..))| *at)
    }

    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        self.next().filter(|at| *at <= now)?;
        self.under_way.pop().map(|Reverse((_, _, datagram))| datagram)
    }

    fn put(&mut self, now: Instant, datagram: Datagram) {
        let jitter = self.dice.below(self.jitter.as_micros() as u64 + 1);
        self.count += 1;
        self.under_way.push(Reverse((
            now + self.delay + Duration::from_micros(jitter),
            self.count,
            datagram,
        )));
    }
}
