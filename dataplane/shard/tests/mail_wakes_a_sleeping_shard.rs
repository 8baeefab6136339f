//! A shard that has nothing to wait for sleeps without a deadline; mail wakes it through the ring.

mod common;

use std::time::Duration;

use common::{Ask, Bench, PATIENCE, Told, one_media_socket};
use shard::{Shard, ShardConfig, Stop};

#[test]
fn mail_is_answered_and_some_of_it_finds_the_shard_asleep() {
    for gather in [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(1)] {
        let mut config = ShardConfig::new(0, one_media_socket());
        config.turn.gather = gather;
        let shard = Shard::start(config, |_| Bench::default()).expect("starts");
        let mut asked = 0;
        while shard.counters().read().wakeups == 0 || asked < 200 {
            shard.mail().try_send(Ask::Ping(asked)).expect("one at a time fits");
            assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(asked)));
            asked += 1;
            // Now and then let it fall asleep: it has when its thread has used no CPU time between two looks.
            if asked % 20 == 0 {
                while shard.cpu_time() != {
                    std::thread::yield_now();
                    shard.cpu_time()
                } {}
            }
        }
        shard.stop(Stop::WhenIdle);
        let tally = shard.join().expect("no panic");
        assert_eq!((tally.mail_in, tally.events_out), (asked, asked));
    }
}
