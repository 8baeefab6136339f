//! 1. More datagrams wait in the socket than there are receive buffers.
//! 2. The kernel ends the multishot receive with ENOBUFS.
//! 3. The shard must return its buffers and arm the receive again, or it is deaf from then on.

mod common;

use common::{Ask, Bench, far_end, one_media_socket};
use shard::{Shard, ShardConfig, Stop};

const BURST: usize = 64;

#[test]
fn receive_goes_on_after_buffers_ran_out() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.sizes.media_buffers.count = 4;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    far.connect(shard.bound().sockets[0].local).expect("loopback");
    let mut rounds = 0;
    while shard.counters().read().receive_no_buffers < 10 {
        rounds += 1;
        for number in 0..BURST {
            far.send(&[number as u8; 20]).expect("loopback takes it");
        }
        for number in 0..BURST {
            let mut answer = [0; 32];
            let len = far.recv(&mut answer).expect("an answer");
            assert_eq!(answer[..len], [number as u8; 20]);
        }
    }
    shard.mail().try_send(Ask::Expect(0)).expect("fits");
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!(tally.packets_in, (rounds * BURST) as u64);
    assert!(tally.receive_armed > 10);
    assert_eq!(tally.receive_errors, 0);
}
