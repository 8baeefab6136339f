//! A campaign over many contacts: imported from CSV, drawn in bites, dialled by a node that answers everything at once.
//!
//! With `PEAL_CONTACTS=1000000` in a release build it measures, and prints, what a large campaign costs.

use std::{fmt::Write as _, time::Instant};

use peal_core::{command::Command, import::Rows};
use proto::v1::to_node;

use crate::support::{Node, Plane, TENANT, answered, now, set_up};

/// Calls that are made, of however many contacts there are.
const CALLS: usize = 300;

#[tokio::test]
async fn the_planner_does_not_care_how_many_wait() {
    let contacts: u64 = std::env::var("PEAL_CONTACTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[100, 100, 100], 0, "").await;
    let mut csv = "number,name\n".to_owned();
    for n in 0..contacts {
        writeln!(csv, "+{},person {n}", 8_613_800_000_000 + n).expect("into a string");
    }

    let begun = Instant::now();
    let mut import = plane.store().import(setup.list, now()).await.expect("a list");
    let mut chunk = Vec::new();
    for row in Rows::open(csv.as_bytes(), None).expect("a file") {
        chunk.push(row.expect("readable"));
        if chunk.len() == 10_000 {
            import.push(&chunk).await.expect("pushed");
            chunk.clear();
        }
    }
    import.push(&chunk).await.expect("pushed");
    let report = import.finish(now()).await.expect("finished");
    let import_s = begun.elapsed().as_secs_f64();
    assert_eq!(report.imported, contacts);
    drop(csv);

    plane.tell(Command::CampaignChanged(setup.campaign)).await;
    plane.tell(Command::ContactsAdded(setup.list)).await;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;
    let begun = Instant::now();
    for _ in 0..CALLS {
        let order = node.order().await;
        node.end(&order, answered()).await;
    }
    let calls_s = begun.elapsed().as_secs_f64();
    let last = node.next_seq - 1;
    node.wait_for("the last acknowledgement", |message| match message {
        to_node::Message::Ack(ack) if ack.seq >= last => Some(()),
        _ => None,
    })
    .await;
    let counts = plane.counts(setup.campaign).await;
    assert_eq!(counts.contacts, contacts);
    assert!(counts.reached >= CALLS as u64);
    assert_eq!(plane.store().list(TENANT, setup.list).await.expect("kept").contacts, contacts);

    let ticks = &plane.running().metrics().planner_tick;
    let mean_ms = ticks.get_sample_sum() / ticks.get_sample_count() as f64 * 1e3;
    println!(
        "{contacts} contacts: imported in {import_s:.1} s; {} ticks, mean {mean_ms:.3} ms; {CALLS} calls in {calls_s:.1} s; \
         peak memory {} MiB",
        ticks.get_sample_count(),
        peak_memory_mib()
    );
    for family in plane.running().metrics().text().lines().filter(|line| {
        line.starts_with("peal_controlplane_planner_tick_seconds_bucket")
            || line.starts_with("peal_controlplane_intent_commit_seconds_bucket")
    }) {
        println!("{family}");
    }
}

fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1_024
}
