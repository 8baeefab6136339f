//! Packet memory is used again as soon as the kernel has taken a batch, although successful sends post no completion.
//! Every byte of every datagram must still be its own.

mod common;

use common::{Ask, Bench, far_end, one_media_socket, pattern};
use shard::{Shard, ShardConfig, Stop};

const BURSTS: u64 = 300;
/// What the far end's default receive queue holds, however long the datagrams are.
const BURST: u64 = 60;

#[test]
fn sends_are_over_when_submit_returns() {
    let mut config = ShardConfig::new(0, one_media_socket());
    // Two entries to a batch: memory is overwritten after every second datagram.
    config.sizes.submissions = 2;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    let to = far.local_addr().expect("bound");
    let mut datagram = [0; 2_048];
    for burst in 0..BURSTS {
        let len = 8 + (burst as usize * 37) % 1_400;
        shard.mail().try_send(Ask::Burst { count: BURST, to, len }).expect("fits");
        for number in 0..BURST {
            let mut expected = vec![0; len];
            pattern(number, &mut expected);
            let got = far.recv(&mut datagram).expect("the burst");
            assert_eq!(&datagram[..got], &expected[..]);
        }
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!(tally.packets_out, BURSTS * BURST);
    assert_eq!(tally.send_errors(), 0);
}

#[test]
fn a_batch_costs_few_system_calls() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.submissions = 256;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    let to = far.local_addr().expect("bound");
    for _ in 0..4 {
        shard.mail().try_send(Ask::Burst { count: 60, to, len: 172 }).expect("fits");
    }
    for _ in 0..240 {
        far.recv(&mut [0; 256]).expect("the bursts");
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!(tally.packets_out, 240);
    assert!(tally.enters < 40, "{} io_uring_enter for 240 datagrams", tally.enters);
}
