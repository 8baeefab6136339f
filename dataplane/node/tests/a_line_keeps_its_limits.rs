//! Promise P2 at the node: whatever shards, disk and control plane do, no rolling second of a line sees more new calls
//! than it may, and never are more calls up.

mod world;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use call::Mail;
use peal_node::dispatch::Input;
use proptest::prelude::*;
use world::World;

/// Most events in any rolling second.
fn peak(mut times: Vec<Instant>) -> usize {
    times.sort();
    let within = |first: usize| {
        times[first..].iter().take_while(|t| **t < times[first] + Duration::from_secs(1)).count()
    };
    (0..times.len()).map(within).max().unwrap_or(0)
}

/// How the shard treats the order after it: it comes so late to its turn, and the call lasts so long.
#[derive(Clone, Copy, Debug)]
struct Fate {
    pause_ms: u64,
    late_us: u64,
    lasts_ms: u64,
}

fn fate() -> impl Strategy<Value = Fate> {
    // Most turns are quick; some come too late for the slot.
    let late = prop_oneof![8 => 0u64..15_000, 2 => 15_000u64..60_000];
    (0u64..60, late, 1u64..3_000).prop_map(|(pause_ms, late_us, lasts_ms)| Fate {
        pause_ms,
        late_us,
        lasts_ms,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn under_any_lateness(
        rate in 1u32..40,
        max_calls in 1u32..30,
        disk_ms in 0u64..30,
        fates in prop::collection::vec(fate(), 1..150),
    ) {
        let mut world = World::ready();
        world.lines(&[world::line(1, max_calls, rate)]);
        world.disk = Some(Duration::from_millis(disk_ms));
        let (mut emitted, mut up, mut most_up) = (Vec::new(), HashMap::new(), 0);
        let mut read = world.mailed.len();
        for (n, fate) in (1u32..).zip(&fates) {
            world.order(n);
            let end = world.now.at + Duration::from_millis(fate.pause_ms);
            while world.now.at < end {
                world.run(Duration::from_millis(1).min(end - world.now.at));
                serve(&mut world, &mut read, fate, &mut emitted, &mut up);
                up.retain(|_, until: &mut Instant| *until > world.now.at);
                most_up = most_up.max(up.len());
            }
        }
        for _ in 0..900 {
            world.run(Duration::from_millis(20));
            serve(&mut world, &mut read, &fates[0], &mut emitted, &mut up);
            up.retain(|_, until: &mut Instant| *until > world.now.at);
            most_up = most_up.max(up.len());
        }
        prop_assert!(peak(emitted) <= rate as usize);
        prop_assert!(most_up <= max_calls as usize);
        prop_assert_eq!(world.dispatch.active_calls(), 0);
    }
}

/// The shards: each order leaves `late_us` after its time, or is handed back.
fn serve(
    world: &mut World,
    read: &mut usize,
    fate: &Fate,
    emitted: &mut Vec<Instant>,
    up: &mut HashMap<u32, Instant>,
) {
    while *read < world.mailed.len() {
        let (at, shard, mail) = world.mailed[*read].clone();
        *read += 1;
        let Mail::Order(order) = mail else { continue };
        let n = number(&order);
        let leaves = order.send_at.max(at) + Duration::from_micros(fate.late_us);
        if leaves > order.send_by {
            world.schedule(leaves, Input::Shard { shard, event: call::Event::Missed(order) });
            continue;
        }
        emitted.push(leaves);
        let ends = leaves + Duration::from_millis(fate.lasts_ms);
        up.insert(n, ends);
        world.schedule(leaves, Input::Shard { shard, event: world::invited(n, leaves) });
        world.schedule(ends, Input::Shard { shard, event: world::ended(n, ends) });
        let released = call::Event::Released { call: world::name(n) };
        world.schedule(ends, Input::Shard { shard, event: released });
    }
}

fn number(order: &call::Order) -> u32 {
    u32::from_be_bytes(order.attempt.as_bytes()[12..].try_into().expect("four bytes"))
}

#[test]
fn a_busy_line_is_used_to_the_full() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 20)]);
    world.acks = true;
    let start = world.now.at + world::GATES_OPEN;
    let (mut read, mut emitted, mut up) = (0, Vec::new(), HashMap::new());
    for n in 1..=400 {
        world.order_as(proto::v1::Order {
            expires_at_us: world.now.wall.saturating_add(Duration::from_secs(60)).0,
            ..world::order(n)
        });
    }
    let fate = Fate { pause_ms: 0, late_us: 2_000, lasts_ms: 50 };
    while world.now.at < start + Duration::from_secs(10) {
        world.run(Duration::from_millis(5));
        serve(&mut world, &mut read, &fate, &mut emitted, &mut up);
    }
    let sent = emitted.iter().filter(|at| **at < start + Duration::from_secs(10)).count();
    assert!(sent >= 180, "{sent} of 200 in ten seconds at 20/s");
    assert!(peak(emitted) <= 20);
}

#[test]
fn a_process_that_stood_still_starts_again_slowly() {
    let mut world = World::ready();
    world.lines(&[world::line(1, 1_000, 5)]);
    world.run(Duration::from_secs(2));
    for n in 1..=5 {
        world.order_as(proto::v1::Order {
            expires_at_us: world.now.wall.saturating_add(Duration::from_secs(120)).0,
            ..world::order(n)
        });
    }
    world.run(Duration::from_millis(100));
    let before = world.orders().len();
    world.stand_still(Duration::from_secs(30));
    let woken = world.now.at;
    world.run(Duration::from_secs(5));
    let after: Vec<_> = world.orders()[before..].iter().map(|order| order.send_at).collect();
    assert!(!after.is_empty());
    // What a frozen shard had in its hands may have left when it woke.
    assert!(after.iter().all(|at| *at >= woken + world::GATES_OPEN), "{after:?} after {woken:?}");
}
