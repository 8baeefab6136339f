//! 1. Each tick leaves more to send than a turn takes, as when another process has most of the core.
//! 2. The drain is cut short in every turn.
//! 3. The shard must still hear what arrives, read its mail and fire its timers, each after a drain that came to its end.

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{PATIENCE, far_end, one_media_socket};
use shard::{Machine, Shard, ShardConfig, SocketIndex, Stop, Transmit};

const TRANSMITS: usize = 16;
const DATAGRAMS: u64 = 200;

/// At every tick it wants to send twice what a turn takes, and a timer is always due.
struct Talker {
    to: SocketAddr,
    owed: usize,
    due: Instant,
    told: VecDeque<Told>,
    heard: u64,
    timeouts: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Heard,
    Read,
    Fired,
}

impl Talker {
    fn change(&self) {
        assert_eq!(self.owed, 0, "drained before the next change");
    }
}

impl Machine for Talker {
    type Mail = ();
    type Event = Told;

    fn handle_tick(&mut self, _: Instant) {
        self.change();
        self.owed = 2 * TRANSMITS;
    }

    fn handle_datagram(&mut self, _: Instant, _: SocketIndex, _: SocketAddr, _: &[u8]) {
        self.change();
        self.heard += 1;
        if self.heard == DATAGRAMS {
            self.told.push_back(Told::Heard);
        }
    }

    fn handle_mail(&mut self, _: Instant, (): ()) {
        self.change();
        self.told.push_back(Told::Read);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.change();
        self.due = now + Duration::from_millis(1);
        self.timeouts += 1;
        if self.timeouts == 10 {
            self.told.push_back(Told::Fired);
        }
    }

    fn poll_transmit(&mut self, _: Instant, slot: &mut [u8]) -> Option<Transmit> {
        self.owed = self.owed.checked_sub(1)?;
        slot[..20].fill(7);
        Some(Transmit { socket: SocketIndex(0), to: self.to, len: 20 })
    }

    fn poll_event(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn is_idle(&self) -> bool {
        true
    }
}

#[test]
fn sending_does_not_starve_hearing() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.turn.transmits = TRANSMITS;
    let (far, hole) = (far_end("127.0.0.1:0"), far_end("127.0.0.1:0"));
    let to = hole.local_addr().expect("bound");
    let shard = Shard::start(config, move |_| Talker {
        to,
        owed: 0,
        due: Instant::now(),
        told: VecDeque::new(),
        heard: 0,
        timeouts: 0,
    })
    .expect("starts");
    shard.mail().try_send(()).expect("fits");
    for _ in 0..DATAGRAMS {
        far.send_to(&[1; 20], shard.bound().sockets[0].local).expect("loopback takes it");
    }
    let mut told: Vec<_> =
        (0..3).map(|_| shard.events().recv_timeout(PATIENCE).expect("not starved")).collect();
    told.sort_by_key(|told| format!("{told:?}"));
    assert_eq!(told, [Told::Fired, Told::Heard, Told::Read]);
    shard.stop(Stop::Now);
    let tally = shard.join().expect("no panic");
    assert!(tally.bite_transmits > 10, "the drain was cut short: {tally:?}");
}
