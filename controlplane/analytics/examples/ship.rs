//! A shipper as a process: ships a spool until it is killed, or until it is empty, and says how fast.
//!
//! ```text
//! cargo run --release -p peal-analytics --example engine -- --path DIR --listen 127.0.0.1:8123 --nice 0
//! cargo run --release -p peal-analytics --example ship -- --spool DIR --embedded 127.0.0.1:8123 --fill 500000
//! ```

use std::{net::SocketAddr, path::PathBuf, time::Instant};

use clap::Parser;
use peal_analytics::{
    Analytics, AttemptRow, ClickHouse, RouteTry, Secret, Shipper, ShipperConfig, Spool, SpoolConfig,
};
use uuid::Uuid;

#[derive(Parser)]
struct Options {
    /// Folder of the spool.
    #[arg(long)]
    spool: PathBuf,
    /// A ClickHouse server, with user and password.
    #[arg(long, required_unless_present = "embedded")]
    url: Option<String>,
    /// An embedded engine without a password.
    #[arg(long)]
    embedded: Option<SocketAddr>,
    /// Rows that are appended first.
    #[arg(long, default_value_t = 0)]
    fill: usize,
    /// Rows of a batch.
    #[arg(long, default_value_t = 50_000)]
    batch_rows: u64,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let spool = Spool::open(SpoolConfig::new(&options.spool)).expect("the spool opens");
    let filled = Instant::now();
    for first in (0..options.fill).step_by(1000) {
        let rows: Vec<_> = (first..options.fill.min(first + 1000)).map(row).collect();
        spool.append(&rows).expect("room");
    }
    println!(
        "appended {} rows in {:.3} s, {} bytes",
        options.fill,
        filled.elapsed().as_secs_f64(),
        spool.bytes()
    );

    let clickhouse = match (options.embedded, options.url) {
        (Some(address), _) => {
            ClickHouse::Embedded { address, user: "default".into(), password: Secret::default() }
        }
        (None, url) => ClickHouse::from_url(&url.expect("required")).expect("a URL"),
    };
    let analytics = Analytics::new(&clickhouse);
    analytics.migrate().await.expect("ClickHouse answers");
    let config = ShipperConfig {
        batch_rows: options.batch_rows,
        linger: std::time::Duration::ZERO,
        ..Default::default()
    };
    let shipping = Instant::now();
    let shipper = Shipper::start(spool.clone(), analytics, config);
    shipper.shipped(spool.end()).await;
    let (stats, took) = (shipper.stats(), shipping.elapsed().as_secs_f64());
    println!("shipped {} rows in {took:.3} s: {:.0} rows/s", stats.rows, stats.rows as f64 / took);
    shipper.stop().await;
}

/// An attempt as they are on an ordinary day.
fn row(number: usize) -> AttemptRow {
    let planned_at = 1_790_000_000_000_000 + number as i64 * 5_000;
    let answered = number.is_multiple_of(3);
    let line = format!("carrier-{}", number % 3);
    AttemptRow {
        attempt_id: Uuid::from_u64_pair(planned_at as u64, number as u64),
        planned_at,
        tenant: "default".into(),
        campaign_id: format!("campaign-{}", number % 2),
        campaign: "Spring".into(),
        list_id: "list-1".into(),
        contact_id: number.to_string(),
        number: format!("+86138{number:08}"),
        number_masked: "+86138****1234".into(),
        line_id: line.clone(),
        line: line.clone(),
        line_group: "all".into(),
        caller_id: "+861088886666".into(),
        node: "node-1".into(),
        priority: 3,
        attempt_no: 1,
        epoch: 7,
        route_tries: vec![RouteTry { line, sip_status: 200, q850: 16, started_at: planned_at + 900 }],
        outcome: if answered { "answered" } else { "no_answer" }.into(),
        answerable: "callee".into(),
        sip_status: if answered { 200 } else { 487 },
        intent_at: planned_at + 300,
        invite_at: Some(planned_at + 900),
        first_response_at: Some(planned_at + 2_000),
        ringing_at: Some(planned_at + 1_200_000),
        answered_at: answered.then_some(planned_at + 9_000_000),
        ended_at: planned_at + 29_000_000,
        post_dial_delay_ms: Some(1_199),
        ring_ms: 7_800,
        talk_ms: if answered { 20_000 } else { 0 },
        script_id: "script-1".into(),
        script_version: 2,
        digits: "1".into(),
        recording: if answered { format!("recordings/2026/{number}.wav") } else { String::new() },
        rtp_sent: 1000,
        rtp_received: 990,
        version: planned_at as u64,
        ..AttemptRow::default()
    }
}
