//! Who says in a call that they want no more is called no more, before the call is over.

use crate::support::{Node, Plane, TENANT, answered, attempt, failed, set_up, stage, until};
use common::{E164, Outcome};
use peal_core::{
    command::Command,
    model::{CampaignSpec, Move, SuppressionReason},
};
use proto::v1::{OptedOut, event, progress::Stage};

#[tokio::test]
async fn what_is_said_in_the_call_is_durable_when_it_is_acknowledged() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    node.tell(&order, stage(Stage::Answered)).await;
    let said = || event::Event::OptedOut(OptedOut { said: "别再打了".into() });
    let seq = node.tell(&order, said()).await;
    node.acknowledged(seq).await;
    let number = E164::from_u64(8_613_800_000_001).expect("a number");
    let known = plane.store().suppression(TENANT, number).await.expect("read").expect("already");
    assert_eq!((known.reason, known.words.as_str()), (SuppressionReason::OptedOut, "别再打了"));
    assert_eq!(known.attempt, Some(attempt(&order)));

    // Told again, and ended: once on the list, and another campaign leaves the number alone.
    node.tell_again(seq, &order, said()).await;
    let last = node.end(&order, failed(Outcome::Busy, 486, true)).await;
    node.acknowledged(last).await;
    assert_eq!(plane.store().suppressions(TENANT, None, 9).await.expect("page").items.len(), 1);
    let first = plane.store().campaign(TENANT, setup.campaign).await.expect("kept").spec;
    let spec = CampaignSpec { name: "second".into(), ..first };
    let second =
        plane.store().create_campaign(TENANT, &spec, crate::support::now()).await.expect("created").id;
    plane.store().move_campaign(TENANT, second, Move::Start).await.expect("started");
    plane.tell(Command::CampaignChanged(second)).await;
    until("the contact is settled", async || (plane.counts(second).await.suppressed == 1).then_some(()))
        .await;
    node.no_order_until_leases(1).await;
}

#[tokio::test]
async fn a_failed_try_goes_to_no_other_line_once_the_number_is_suppressed() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1, 1], 1, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    let number = [E164::from_u64(8_613_800_000_001).expect("a number")];
    let reason = SuppressionReason::Asked;
    plane.store().suppress(TENANT, &number, reason, "", crate::support::now()).await.expect("suppressed");
    node.end(&order, failed(Outcome::CarrierCongested, 503, false)).await;
    let end =
        until("the end", async || plane.store().attempt(attempt(&order)).await.expect("kept").end).await;
    assert_eq!(end.outcome, Outcome::CarrierCongested);
    let kept = plane.store().attempt(attempt(&order)).await.expect("kept");
    assert_eq!(kept.tries.len(), 1, "no second INVITE");
}

#[tokio::test]
async fn last_words_that_are_understood_after_the_end_reach_the_record() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    let ended = node.end(&order, answered()).await;
    node.acknowledged(ended).await;
    assert!(!plane.store().attempt(attempt(&order)).await.expect("kept").opted_out);
    let spooled = plane.running().spool().end();
    let said = event::Event::OptedOut(OptedOut { said: "stop calling me".into() });
    let seq = node.tell(&order, said).await;
    node.acknowledged(seq).await;
    assert!(plane.store().attempt(attempt(&order)).await.expect("kept").opted_out);
    assert!(plane.running().spool().end() > spooled, "the row goes out again");
}
