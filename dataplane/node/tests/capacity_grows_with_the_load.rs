//! The capacity model: more of anything never needs less, and its figures are those of `docs/capacity.md`.

use peal_node::capacity::{Capacity, Load};

const DOCUMENT: &str = include_str!("../../../docs/capacity.md");

/// Loads of the table, as the document names its rows.
const LOADS: [u32; 5] = [1_000, 5_000, 10_000, 50_000, 100_000];

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn row(load: &Load) -> String {
    let c = Capacity::of(load);
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.2} | {} | {:.2} | {:.0} |",
        thousands(c.calls.into()),
        thousands(c.cps),
        thousands(c.max_calls.into()),
        c.cores,
        c.nodes,
        thousands(c.sockets.into()),
        thousands(c.descriptors.into()),
        gib(c.memory.total()),
        thousands(c.packets_per_s),
        c.bits_per_s / 1e9,
        c.disk_bytes_per_s / 1e6,
    )
}

#[test]
fn the_document_has_the_models_figures() {
    let plain = LOADS.map(|calls| row(&Load::new(calls)));
    let recorded = LOADS.map(|calls| row(&Load { record: true, ..Load::new(calls) }));
    let hearing = LOADS.map(|calls| row(&Load { hear: true, ..Load::new(calls) }));
    let rows = plain.iter().chain(&recorded).chain(&hearing);
    let missing: Vec<_> = rows.filter(|row| !DOCUMENT.contains(*row)).collect();
    assert!(
        missing.is_empty(),
        "docs/capacity.md should say\n{plain:#?}\nand with recording\n{recorded:#?}\nand hearing\n{hearing:#?}"
    );
}

/// Everything that a load needs, as numbers that may be compared.
fn figures(load: &Load) -> [f64; 13] {
    let c = Capacity::of(load);
    [
        c.setting_up.into(),
        c.max_calls.into(),
        c.nodes.into(),
        c.shards.into(),
        c.cores.into(),
        c.sockets.into(),
        c.descriptors.into(),
        c.memory.total() as f64,
        c.locked_bytes as f64,
        c.packets_per_s,
        c.bits_per_s,
        c.heard_bits_per_s,
        c.disk_bytes_per_s,
    ]
}

#[track_caller]
fn grows(less: &Load, more: &Load) {
    for (less, more) in figures(less).into_iter().zip(figures(more)) {
        assert!(less <= more, "{less} is needed for less, {more} for more");
    }
    assert_ne!(figures(less), figures(more), "it makes no difference");
}

#[test]
fn more_needs_no_less() {
    let base = Load::new(3_000);
    for calls in (0..20).map(|step| 1 << step) {
        grows(&Load::new(calls), &Load::new(2 * calls));
    }
    grows(&base, &Load { cps: Some(500.0), ..base });
    grows(&base, &Load { answer_rate: 0.1, ..base });
    grows(&base, &Load { talk_s: 20.0, ..base });
    grows(&base, &Load { ring_s: 40.0, ..base });
    grows(&base, &Load { early_media: true, ..base });
    grows(&base, &Load { record: true, ..base });
    grows(&base, &Load { tap: true, ..base });
    grows(&base, &Load { hear: true, ..base });
    grows(&base, &Load { own_ports: true, ..base });
    grows(&base, &Load { call_us: 500.0, ..base });
}

#[test]
fn figures_that_can_be_checked_by_hand() {
    let c = Capacity::of(&Load { cps: Some(10.0), ring_s: 9.0, ..Load::new(1_000) });
    // 10 a second that take 9 s and a settling one: 100, and three deviations of 10.
    assert_eq!((c.setting_up, c.max_calls, c.shared_rtp_ports), (130, 1_130, 130));
    // 1,000 × 250 µs are 0.25 of a core.
    assert_eq!((c.shards, c.cores, c.nodes), (1, 2, 1));
    assert_eq!(c.sockets, 261);
    // 50 of RTP, a report in 5 s, and 4 messages for each new call.
    assert_eq!(c.packets_per_s, 1_000.0 * 50.2 + 40.0);
    // 238 bytes on the wire 50 times a second are 95.2 kbit/s a call.
    assert!((95.2e6..96.0e6).contains(&c.bits_per_s), "{}", c.bits_per_s);
    let hearing = Capacity::of(&Load { hear: true, ..Load::new(5_000) });
    // 5,000 × 350 µs are 1.75 cores, 5,000 × 375 µs are 1.875: three of each at 85 %.
    assert_eq!((hearing.shards, hearing.cores), (3, 6));
    assert_eq!(hearing.memory.hearing, 600_000_000);
}
