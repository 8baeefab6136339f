//! A node that does not take its events loses none: the machine keeps them, and the shard takes no new work meanwhile.

mod common;

use std::time::Instant;

use common::{Ask, Bench, PATIENCE, Told, far_end, one_media_socket};
use shard::{MailRefused, Shard, ShardConfig, Stop};

#[test]
fn events_wait_for_a_slow_node() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.events = 2;
    config.sizes.mail = 8;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");

    let mut taken = 0;
    let patience = Instant::now() + PATIENCE;
    let refused = loop {
        assert!(Instant::now() < patience, "{:?}", shard.counters().read());
        match shard.mail().try_send(Ask::Ping(taken)) {
            Ok(()) => taken += 1,
            // Only once the shard has stopped reading does the queue stay full.
            Err(MailRefused::Full(_)) if shard.counters().read().events_held > 0 => {
                break shard.mail().refused_full();
            }
            Err(_) => std::thread::yield_now(),
        }
    };
    assert!(refused > 0);

    // Calls in progress are served all the same.
    let far = far_end("127.0.0.1:0");
    far.send_to(b"media", shard.bound().sockets[0].local).expect("loopback takes it");
    far.recv(&mut [0; 16]).expect("an answer");

    for number in 0..taken {
        assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(number)));
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.mail_in, tally.events_out, tally.events_abandoned), (taken, taken, 0));
}
