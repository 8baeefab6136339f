//! A campaign played at random, with restarts: the counters always say what the rows say, and nobody is called twice.

use std::collections::{BTreeMap, HashSet};

use common::Outcome;
use peal_core::model::SuppressionReason;
use peal_store::{AttemptFilter, CampaignCounts, Intent};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::world::{NOW, TENANT, World, after, lease, number};

#[tokio::test]
async fn counters_are_what_the_rows_say() {
    for seed in 1..=4 {
        play(seed).await;
    }
}

async fn play(seed: u64) {
    let mut random = Random(seed);
    let mut world = World::new().await;
    let first = world.list("l1", 0..60).await;
    let second = world.list("l2", 40..90).await;
    let campaign = world.running("c", &[first, second]).await;
    let mut up: Vec<Intent> = Vec::new();
    for step in 0..60 {
        let now = after(step * 20);
        match random.below(7) {
            0 | 1 => up.extend(world.dial(campaign, now, 1 + random.below(8) as u32).await),
            2 | 3 => {
                let outcomes = [Outcome::Answered, Outcome::Busy, Outcome::Declined, Outcome::Shed];
                let ended: Vec<_> = up.split_off(up.len() - up.len().min(random.below(8)));
                world.end(&ended, outcomes[random.below(4)], now).await;
            }
            4 => world.add(second, [100 + step, 40]).await,
            5 => {
                let numbers: Vec<_> = (0..3).map(|_| number(random.below(100) as u64)).collect();
                let reason = SuppressionReason::Operator;
                world.store.suppress(TENANT, &numbers, reason, "", now).await.expect("suppressed");
            }
            _ => {
                world.store.clone().close().await;
                world.store = world.reopened().await;
                world.epoch = lease(&world.store, "here", now).await;
            }
        }
        let numbers: HashSet<_> = up.iter().map(|intent| intent.number).collect();
        assert_eq!(numbers.len(), up.len(), "seed {seed}: a number is called once at a time");
        let counts = world.store.campaign_counts(campaign).await.expect("counts");
        assert_eq!(counts, recount(&world).await, "seed {seed}, step {step}");
    }
    world.end(&up, Outcome::Answered, NOW).await;
    let open = AttemptFilter { open: Some(true), ..AttemptFilter::default() };
    assert_eq!(world.store.attempts(&open, None, 9).await.expect("attempts").items, []);
}

/// The same numbers without the counters.
async fn recount(world: &World) -> CampaignCounts {
    let mut raw = SqliteConnectOptions::new()
        .filename(world.options().path)
        .read_only(true)
        .connect()
        .await
        .expect("raw");
    let mut one = async |sql: &'static str| {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut raw).await.expect(sql) as u64
    };
    let contacts = one("SELECT count(*) FROM contact").await;
    let drawn =
        one("SELECT count(*) FROM contact c JOIN campaign_list l ON l.list = c.list AND c.id <= l.drawn_to")
            .await;
    let rows = one("SELECT count(*) FROM progress").await;
    let in_flight = one("SELECT count(*) FROM attempt WHERE outcome IS NULL").await;
    let retry =
        one("SELECT count(*) FROM progress WHERE state IN ('waiting', 'queued') AND attempts > 0").await;
    let reached = one("SELECT count(*) FROM progress WHERE state = 'reached'").await;
    let exhausted = one("SELECT count(*) FROM progress WHERE state = 'exhausted'").await;
    let suppressed = one("SELECT count(*) FROM progress WHERE state = 'suppressed'").await;
    let mut outcomes = BTreeMap::new();
    for outcome in Outcome::ALL {
        let ended: i64 = sqlx::query_scalar("SELECT count(*) FROM attempt WHERE outcome = ?")
            .bind(outcome.as_str())
            .fetch_one(&mut raw)
            .await
            .expect("attempts");
        if ended > 0 {
            outcomes.insert(outcome, ended as u64);
        }
    }
    raw.close().await.expect("close");
    let duplicates = drawn - rows;
    let contacts = contacts - duplicates;
    let new = contacts - in_flight - retry - reached - exhausted - suppressed;
    CampaignCounts { contacts, duplicates, new, in_flight, retry, reached, exhausted, suppressed, outcomes }
}

/// xorshift64*: the same seed, the same campaign.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}
