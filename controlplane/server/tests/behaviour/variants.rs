//! A campaign that compares scripts: each contact gets one of them and keeps it, and what came of it counts.

use std::collections::BTreeSet;

use crate::support::{Node, Plane, TENANT, answered, attempt, failed, set_up};
use common::Outcome;
use peal_core::{
    command::Command,
    model::{Best, Goal, RetryPolicy, RetryRule, Scripts, Variant},
};
use proto::v1::{Dialogue, event};

#[tokio::test]
async fn a_contact_keeps_its_script_and_answers_count() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[20], 12, "").await;
    let other = script::read(r#"{"name":"other","steps":[{"do":"wait","ms":2}]}"#).expect("a script");
    let other = plane.store().put_script(TENANT, &other).await.expect("created").id;
    let mut spec = plane.store().campaign(TENANT, setup.campaign).await.expect("kept").spec;
    let variant = |script| Variant { name: None, script, weight: 1 };
    spec.script = Scripts::Variants(vec![variant(setup.script), variant(other)]);
    spec.best = Some(Best { goal: Goal::Disposition("sold".into()), control_percent: 10, minimum: 1_000 });
    let rule = RetryRule { delay_s: 1, max: 1 };
    spec.retry = RetryPolicy { max_attempts: 2, rules: [(Outcome::Busy, rule)].into_iter().collect() };
    plane.store().update_campaign(TENANT, setup.campaign, &spec).await.expect("changed");
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;

    let mut orders = Vec::new();
    for _ in 0..12 {
        orders.push(node.order().await);
    }
    let got: BTreeSet<i64> = orders.iter().map(|order| order.script).collect();
    assert_eq!(got, [setup.script.0, other.0].into(), "12 contacts over two scripts of one weight");
    let mut end = answered();
    if let event::Event::Ended(ended) = &mut end {
        ended.dialogue = Some(Dialogue { disposition: "sold".into(), ..Dialogue::default() });
    }
    let last = node.end(&orders[0], end).await;
    node.acknowledged(last).await;
    let counts = plane.store().variant_counts(setup.campaign).await.expect("counts");
    let count = counts[&common::ScriptId(orders[0].script)];
    assert_eq!((count.tries, count.successes), (1, 1));

    node.end(&orders[1], failed(Outcome::Busy, 486, true)).await;
    let retry = node.order().await;
    assert_eq!((&retry.dial, retry.script), (&orders[1].dial, orders[1].script));
    assert_ne!(attempt(&retry), attempt(&orders[1]));
}
