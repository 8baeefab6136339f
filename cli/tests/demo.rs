//! The demo, small: the whole road from a CSV to ClickHouse, judged by the carrier's ledger.

mod common;

use common::{run, said, text};
use serde_json::Value;

#[test]
fn a_small_demo_holds_every_limit_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("demo");
    let output = run(&["--json", "demo", "--dir", text(&folder), "--contacts", "150", "--limit-s", "120"]);
    let log = std::fs::read_to_string(folder.join("peal.log")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{log}", said(&output));

    let summary = std::fs::read(folder.join("summary.json")).expect("the summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let count = |field: &str| summary[field].as_u64().unwrap_or_else(|| panic!("{field} in {summary}"));
    assert_eq!((count("lost"), count("doubled")), (0, 0));
    assert_eq!(count("attempts"), count("clickhouse_attempts"));
    assert!(count("rejected_rows") > 0 && count("contacts") > 100, "{summary}");
    assert!(count("carrier_invites") >= count("contacts"), "{summary}");
    assert!(count("recordings") > 0 && count("recordings") <= count("answered"), "{summary}");
    for line in summary["lines"].as_array().expect("lines") {
        assert!(line["peak_calls"].as_u64() <= line["max_calls"].as_u64(), "{line}");
        assert!(line["peak_cps"].as_u64() <= line["max_cps"].as_u64(), "{line}");
    }
    assert!(!log.contains("panicked"), "{log}");
    // No number of the list stands in the log in full.
    let list = std::fs::read_to_string(folder.join("contacts.csv")).expect("the list");
    for number in
        list.lines().filter_map(|row| row.split(',').next()).filter(|n| n.starts_with("+86") && n.len() == 14)
    {
        assert!(!log.contains(&number[1..]), "{number} is in the log");
    }
}
