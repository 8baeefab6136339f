//! Rows in are rows out, byte for byte, through spool, shipper and the real engine.

mod common;

use common::{analytics, engine, hasty, rows, spool};
use peal_analytics::{Count, LineSummary, OutcomeSummary, Scope, Shipper};

#[tokio::test]
async fn rows_with_awkward_bytes_come_back_and_are_summed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder.path().join("clickhouse")).await;
    let (analytics, spool) = (analytics(&engine), spool(&folder.path().join("spool")));
    let shipper = Shipper::start(spool.clone(), analytics.clone(), hasty());
    let sent = rows(0..1000);
    for part in sent.chunks(77) {
        spool.append(part).expect("room");
    }
    shipper.shipped(spool.end()).await;
    assert_eq!(shipper.stats().rows, 1000);
    assert_eq!(shipper.stats().last_error, None);

    let read = analytics.attempts(&Scope::default(), 2000).await.expect("rows");
    assert!(read == sent, "{:?}", read.iter().zip(&sent).find(|(read, sent)| read != sent));

    // Migrating again changes nothing.
    analytics.migrate().await.expect("migrates");
    let scope = Scope { tenant: Some("tenant".into()), from: Some(sent[500].planned_at), ..Scope::default() };
    assert_eq!(analytics.count(&scope).await.expect("a count"), Count { rows: 500, attempts: 500 });
    let outcomes = analytics.by_outcome(&Scope::default()).await.expect("outcomes");
    let outcome = |outcome: &str, attempts| OutcomeSummary {
        outcome: outcome.into(),
        answerable: "callee".into(),
        attempts,
    };
    assert_eq!(outcomes, [outcome("busy", 666), outcome("answered", 334)]);
    let of_one = Scope { campaign_ids: vec!["c0".into(), "it's".into()], ..Scope::default() };
    assert_eq!(
        analytics.by_line(&of_one).await.expect("lines"),
        [LineSummary {
            line: "line-0".into(),
            seizures: 500,
            answered: 167,
            asr: 0.334,
            ner: 1.0,
            acd_s: Some(30.0),
            pdd_ms: Some(200.0),
            pdd_p95_ms: Some(200.0),
            talk_min: 83.5,
        }]
    );
    let turns = "SELECT n, speaker, text, assumeNotNull(turn_ms) FROM turn WHERE attempt_id = ? AND speaker = 'callee' ORDER BY n";
    let turns = analytics.client().query(turns).bind(sent[3].attempt_id.to_string());
    let turns: Vec<(u32, String, String, u32)> = turns.fetch_all().await.expect("turns");
    let callee = |n: u32| (n, "callee".to_owned(), sent[3].turns[0].text.clone(), 900);
    assert_eq!(turns, [callee(1), callee(3)]);
    for view in ["outcome_hourly", "line_hourly", "campaign_hourly", "turn"] {
        let mut result =
            analytics.query(&format!("SELECT * FROM {view} LIMIT 3"), "JSONCompact").await.expect("asks");
        let mut text = Vec::new();
        while let Some(piece) = result.next().await.expect("a piece") {
            text.extend_from_slice(&piece);
        }
        let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(json["data"].as_array().map(Vec::len), Some(3), "{view}");
    }
    let wrong = analytics.query("SELECT nothing", "CSV").await.err().expect("wrong").to_string();
    assert!(wrong.contains("Code: 47"), "{wrong}");

    shipper.stop().await;
    engine.stop().await;
}
