//! Bites of a turn that are too small are noted, cost nothing but turns, and the law holds across turns: the machine of
//! these tests panics when it is changed before it was drained.

mod common;

use common::{Ask, Bench, PATIENCE, Told, far_end, one_media_socket, pattern};
use shard::{Shard, ShardConfig, Stop};

#[test]
fn a_turn_takes_bounded_bites() {
    let mut config = ShardConfig::new(0, one_media_socket());
    config.turn.completions = 4;
    config.turn.mail = 2;
    config.turn.timeouts = 3;
    config.turn.transmits = 10;
    config.sizes.submissions = 4;
    let shard = Shard::start(config, |_| Bench::default()).expect("starts");
    let far = far_end("127.0.0.1:0");
    let to = far.local_addr().expect("bound");
    let near = shard.bound().sockets[0].local;

    // All before the first look, so that more waits than a bite takes.
    let mut asked = 0;
    while shard.counters().read().bite_mail == 0 {
        for _ in 0..100 {
            shard.mail().try_send(Ask::Ping(asked)).expect("fits");
            asked += 1;
        }
        for number in asked - 100..asked {
            assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(number)));
        }
    }

    shard.mail().try_send(Ask::Timeouts(50)).expect("fits");
    assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::TimeoutsOver));

    shard.mail().try_send(Ask::Burst { count: 105, to, len: 64 }).expect("fits");
    shard.mail().try_send(Ask::Ping(0)).expect("fits");
    let mut datagram = [0; 128];
    for number in 0..105 {
        let mut expected = [0; 64];
        pattern(number, &mut expected);
        let len = far.recv(&mut datagram).expect("the burst");
        assert_eq!(datagram[..len], expected);
    }
    assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(0)));

    while shard.counters().read().bite_completions == 0 {
        for _ in 0..50 {
            far.send_to(b"many", near).expect("loopback takes it");
        }
        for _ in 0..50 {
            far.recv(&mut datagram).expect("an answer");
        }
    }

    shard.stop(Stop::WhenIdle);
    let tally = shard.join().expect("the law was kept");
    assert!(tally.bite_timeouts >= 50 / 3, "{tally:?}");
    assert!(tally.bite_transmits >= 10, "{tally:?}");
    assert!(tally.submission_full > 0, "{tally:?}");
    assert_eq!(tally.mail_abandoned, 0);
}
