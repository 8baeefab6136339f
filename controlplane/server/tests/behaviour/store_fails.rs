//! A store that takes nothing for a while: nothing is lost, and nothing is done twice.

use std::path::Path;

use crate::support::{Node, Plane, answered, set_up, until};
use common::Outcome;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

async fn execute(data: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(data.join("peal.db"));
    let mut database = SqliteConnection::connect_with(&options).await.expect("a database");
    sqlx::raw_sql(statement).execute(&mut database).await.expect("executed");
    database.close().await.expect("closed");
}

#[tokio::test]
async fn a_row_is_spooled_once_however_often_the_store_refuses_the_end() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let order = node.order().await;
    execute(
        data.path(),
        "CREATE TRIGGER away BEFORE UPDATE OF outcome ON attempt BEGIN SELECT RAISE(ABORT, 'away'); END",
    )
    .await;
    let spool = plane.running().spool();
    let empty = spool.bytes();
    let seq = node.tell(&order, answered()).await;
    until("the row in the spool", async || (spool.bytes() > empty).then_some(())).await;
    let once = spool.bytes();
    // Many ticks.
    node.no_order_until_leases(3).await;
    assert_eq!(spool.bytes(), once);

    execute(data.path(), "DROP TRIGGER away").await;
    node.acknowledged(seq).await;
    assert_eq!(spool.bytes(), once);
    let attempts = plane.attempts(setup.campaign).await;
    assert_eq!(attempts[0].end.as_ref().map(|end| end.outcome), Some(Outcome::Answered));
}

#[tokio::test]
async fn intents_that_may_be_durable_end_the_term() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let epoch = node.epoch;
    plane.status("the node", |status| !status.nodes.is_empty()).await;
    execute(
        data.path(),
        "CREATE TRIGGER away BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'away'); END",
    )
    .await;
    let setup = set_up(plane.store(), &[1], 1, "").await;
    plane.tell(peal_core::command::Command::CampaignChanged(setup.campaign)).await;
    while node.message().await.is_some() {}

    execute(data.path(), "DROP TRIGGER away").await;
    // Without a node the next term orders nothing, so nothing ends that one.
    plane.status("no node", |status| status.nodes.is_empty()).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    assert!(node.epoch > epoch, "the next term has an epoch of its own");
    node.order().await;
    assert_eq!(plane.attempts(setup.campaign).await.len(), 1);
}
