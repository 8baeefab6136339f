//! High priority goes first, and low priority never starves.

mod support;

use std::collections::BTreeMap;

use common::CampaignId;
use support::{NODE, World};

/// Runs one line at 100 calls/s, whose calls end at once, for so many seconds, and counts the orders by campaign.
fn orders_on_one_line(world: &mut World, seconds: u64) -> BTreeMap<CampaignId, u32> {
    let mut stock: BTreeMap<i64, _> = (1..=5).map(|id| (id, 1..1_000_000)).collect();
    let mut count = BTreeMap::new();
    for _ in 0..seconds * 20 {
        world.supply(&mut stock);
        let (plan, attempts) = world.tick();
        for (order, attempt) in plan.orders.iter().zip(attempts) {
            *count.entry(order.campaign).or_insert(0) += 1;
            world.end(attempt, 1);
        }
        world.wait_ms(50);
    }
    count
}

#[test]
fn the_five_priorities_share_a_line_16_8_4_2_1() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 1_000, 100, "");
    world.group(1, &[1]);
    for priority in 1..=5 {
        world.campaign(priority.into(), 1, priority, "");
    }
    let count = orders_on_one_line(&mut world, 31);
    let total: u32 = count.values().sum();
    for (campaign, weight) in (1..=5).zip([16, 8, 4, 2, 1]) {
        let orders = count[&CampaignId(campaign)];
        assert!((orders * 31).abs_diff(total * weight) <= 31 * 2, "campaign {campaign}: {orders} of {total}");
    }
}

#[test]
fn the_first_slot_goes_to_the_highest() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 1, 1, "");
    world.group(1, &[1]);
    world.campaign(1, 1, 5, "");
    world.campaign(2, 1, 1, "");
    world.supply(&mut BTreeMap::from([(1, 1..9), (2, 1..9)]));
    assert_eq!(world.tick().0.orders[0].campaign, CampaignId(2));
}

#[test]
fn being_served_on_another_line_costs_no_turns_here() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 1_000, 10, "");
    world.line(2, 1_000, 1_000, "");
    world.group(1, &[1]);
    world.group(2, &[1, 2]);
    // Campaign 2 has line 2 for itself and takes thousands of calls there.
    world.campaign(1, 1, 3, "");
    world.campaign(2, 2, 3, "");
    orders_on_one_line(&mut world, 10);
    // Then line 2 goes away.
    world.line(2, 1_000, 1_000, r#","enabled":false"#);
    world.wait_ms(2_000);
    let count = orders_on_one_line(&mut world, 10);
    assert!(count[&CampaignId(1)].abs_diff(count[&CampaignId(2)]) <= 2, "{count:?}");
}

#[test]
fn a_late_comer_waits_no_longer_than_its_share() {
    let mut world = World::new();
    world.node("n1", NODE);
    world.line(1, 1_000, 100, "");
    world.group(1, &[1]);
    world.campaign(1, 1, 1, "");
    orders_on_one_line(&mut world, 60);
    world.campaign(2, 1, 5, "");
    // 17 turns make one round of the two; at most two rounds pass before the first.
    let count = orders_on_one_line(&mut world, 1);
    assert!(count[&CampaignId(2)] >= 100 / 17 - 1, "{count:?}");
}
