//! Sends that the kernel refuses are counted by kind and end nothing else.

mod common;

use std::time::Instant;

use common::{Ask, Bench, PATIENCE, far_end, one_media_socket};
use shard::{Shard, ShardConfig, Stop};

#[test]
fn refused_sends_are_counted() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let burst = |to: &str| {
        let to = to.parse().expect("an address");
        shard.mail().try_send(Ask::Burst { count: 5, to, len: 20 }).expect("fits");
    };
    burst("255.255.255.255:9"); // Broadcast is not permitted on our sockets.
    burst("[::1]:9"); // Not of the socket's family.
    let patience = Instant::now() + PATIENCE;
    while shard.counters().read().send_errors() < 10 {
        assert!(Instant::now() < patience, "{:?}", shard.counters().read());
        std::thread::yield_now();
    }
    let far = far_end("127.0.0.1:0");
    far.send_to(b"on we go", shard.bound().sockets[0].local).expect("loopback takes it");
    far.recv(&mut [0; 16]).expect("an answer");
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.send_forbidden, tally.send_other), (5, 5));
    assert_eq!(tally.packets_out, 11);
}

#[test]
fn datagrams_longer_than_a_buffer_are_dropped_and_counted() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.media_buffers.bytes = 200;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    let near = shard.bound().sockets[0].local;
    far.send_to(&[1; 201], near).expect("loopback takes it");
    far.send_to(&[2; 200], near).expect("loopback takes it");
    let mut answer = [0; 256];
    let len = far.recv(&mut answer).expect("an answer");
    assert_eq!(answer[..len], [2; 200]);
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.dropped_truncated, tally.packets_in), (1, 1));
}
