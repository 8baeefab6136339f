//! A hundred thousand datagrams there and back, with a window of outstanding ones: none lost, none changed.

mod common;

use common::{Bench, far_end, one_media_socket, pattern};
use shard::{Shard, ShardConfig, Stop};

const PACKETS: u64 = 100_000;
/// Small enough for the default receive queue of the far end, which is not what is tested: of its 208 KiB the kernel
/// charges 832 bytes a datagram, and it lends back what was read with a lag of a quarter.
const WINDOW: u64 = 100;
const LEN: usize = 172;

#[test]
fn echo_loses_nothing() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    far.connect(shard.bound().sockets[0].local).expect("loopback");
    let (mut sent, mut received) = (0, 0);
    let (mut ours, mut theirs) = ([0; LEN], [0; 2 * LEN]);
    let mut arrived = vec![false; PACKETS as usize];
    while received < PACKETS {
        while sent < PACKETS && sent - received < WINDOW {
            pattern(sent, &mut ours);
            far.send(&ours).expect("loopback takes it");
            sent += 1;
        }
        let len = far.recv(&mut theirs).expect("an answer");
        // Neither thread is pinned: as they move between cores, loopback may change the order.
        let number = u64::from_be_bytes(theirs[..8].try_into().expect("eight bytes"));
        pattern(number, &mut ours);
        assert_eq!(&theirs[..len], &ours[..], "each byte as it was sent");
        assert!(!std::mem::replace(&mut arrived[number as usize], true), "each datagram once");
        if number != received {
            eprintln!("order: {number} at {received}");
        }
        received += 1;
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.packets_in, tally.packets_out), (PACKETS, PACKETS));
    assert_eq!(tally.bytes_out, PACKETS * LEN as u64);
    assert_eq!(tally.send_errors(), 0);
    assert_eq!(tally.completion_overflow, 0);
}
