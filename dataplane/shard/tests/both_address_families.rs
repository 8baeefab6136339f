//! IPv4 and IPv6 sockets of one shard, and addresses that come back as they went.

mod common;

use common::{Bench, far_end, loopback};
use shard::{Shard, ShardConfig, SocketSpec, Stop};

#[test]
fn both_address_families() {
    let v6 = "[::1]:0".parse().expect("an address");
    let specs = [loopback(), v6].map(SocketSpec::signalling);
    let specs = specs.into_iter().chain([loopback(), v6].map(SocketSpec::media)).collect();
    let shard = Shard::start(ShardConfig::new(0, specs), |_| Bench::default()).expect("starts");
    for socket in &shard.bound().sockets {
        assert_ne!(socket.local.port(), 0);
        let far = far_end(if socket.local.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
        for len in [0, 1, 172, 1_400] {
            far.send_to(&vec![0x5a; len], socket.local).expect("loopback takes it");
            let mut answer = [0; 1_500];
            let (got, from) = far.recv_from(&mut answer).expect("an answer");
            assert_eq!((got, from), (len, socket.local));
        }
    }
    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.packets_in, tally.packets_out), (16, 16));
    assert_eq!(tally.dropped_unreadable, 0);
}
