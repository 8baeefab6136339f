//! System calls are counted by the turn and not by the packet: at most 50 for 1,000 packets, sleeps included.

mod common;

use common::{Ask, Bench, far_end, one_media_socket};
use shard::{Shard, ShardConfig, Stop};

/// What comes within 4 ms at five hundred calls; two of them fit into the far end's queue.
const BATCH: u64 = 100;
const BATCHES: u64 = 50;

#[test]
fn a_thousand_packets_cost_few_system_calls() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    let to = far.local_addr().expect("bound");
    far.connect(shard.bound().sockets[0].local).expect("an address");
    let before = shard.counters().read();
    for _ in 0..BATCHES {
        shard.mail().try_send(Ask::Burst { count: BATCH, to, len: 172 }).expect("fits");
        for _ in 0..BATCH {
            far.send(&[0x80; 172]).expect("loopback takes it");
        }
        // The burst, and each of ours back.
        for _ in 0..2 * BATCH {
            far.recv(&mut [0; 256]).expect("the packets");
        }
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    let packets = tally.packets_in + tally.packets_out - before.packets_in - before.packets_out;
    assert_eq!(packets, 3 * BATCH * BATCHES);
    // Beside these a turn makes none, but ten times a second one to look at the thread's clock.
    let (enters, sleeps) = (tally.enters - before.enters, tally.sleeps - before.sleeps);
    assert!(
        (enters + sleeps) * 20 <= packets,
        "{enters} io_uring_enter, {sleeps} sleeps for {packets} packets"
    );
}
