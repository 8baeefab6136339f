//! A hundred thousand datagrams there and back, with a window of outstanding ones: none lost, none changed.

mod common;

use common::{Bench, far_end, one_media_socket, pattern};
use shard::{Shard, ShardConfig, Stop};

const PACKETS: u64 = 100_000;
const WINDOW: u64 = 200;
const LEN: usize = 172;

#[test]
fn echo_loses_nothing() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    far.connect(shard.bound().sockets[0].local).expect("loopback");
    let (mut sent, mut received) = (0, 0);
    let (mut ours, mut theirs) = ([0; LEN], [0; 2 * LEN]);
    while received < PACKETS {
        while sent < PACKETS && sent - received < WINDOW {
            pattern(sent, &mut ours);
            far.send(&ours).expect("loopback takes it");
            sent += 1;
        }
        let len = far.recv(&mut theirs).expect("an answer");
        pattern(received, &mut ours);
        assert_eq!(&theirs[..len], &ours[..], "one socket keeps the order");
        received += 1;
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.packets_in, tally.packets_out), (PACKETS, PACKETS));
    assert_eq!(tally.bytes_out, PACKETS * LEN as u64);
    assert_eq!(tally.send_errors(), 0);
    assert_eq!(tally.completion_overflow, 0);
}
