//! A kernel that gives smaller socket queues than asked for is not an error, but it is told, with the numbers.

mod common;

use common::{Bench, one_media_socket};
use shard::{Shard, ShardConfig};

#[test]
fn clamped_queues_are_told() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.media_socket_bytes = 1 << 30;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts all the same");
    let socket = shard.bound().clamped().next().expect("no machine gives a GiB");
    let clamped = socket.clamped.expect("it is among the clamped");
    assert_eq!(clamped.asked, 1 << 30);
    assert!((1..1 << 30).contains(&clamped.receive), "{clamped:?}");
    assert!((1..1 << 30).contains(&clamped.send), "{clamped:?}");

    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.media_socket_bytes = 64 << 10;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    assert_eq!(shard.bound().clamped().count(), 0);
}
