//! A real engine as a child process, and rows to put into it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use embedded_clickhouse::{Child, Launch};
use peal_analytics::{
    Analytics, AttemptRow, ClickHouse, RouteTry, Secret, ShipperConfig, Spool, SpoolConfig, Turn,
};
use uuid::Uuid;

/// The program of `examples/` that Cargo built along with the tests.
pub fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    let path =
        tests.parent().and_then(Path::parent).expect("target/debug/deps/…").join("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build -p peal-analytics --examples", path.display());
    path
}

/// How an engine over `path` is started.
pub fn launch(path: &Path) -> Launch {
    Launch {
        program: example("engine"),
        arguments: Vec::new(),
        path: path.into(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        library: None,
        memory_bytes_max: Some(4 << 30),
    }
}

/// An engine over `path`.
pub async fn engine(path: &Path) -> Child {
    Child::start(launch(path)).await.expect("the engine starts; `make setup` installs it")
}

/// Its configuration.
pub fn config(engine: &Child) -> ClickHouse {
    ClickHouse::Embedded {
        address: engine.address(),
        user: engine.access().user.clone(),
        password: Secret::new(engine.access().password.clone()),
    }
}

/// Its URL with user and password.
pub fn url(engine: &Child) -> String {
    format!("http://{}:{}@{}", engine.access().user, engine.access().password, engine.address())
}

/// Its client.
pub fn analytics(engine: &Child) -> Analytics {
    Analytics::new(&config(engine))
}

/// A spool with small segments.
pub fn spool(path: &Path) -> std::sync::Arc<Spool> {
    let config = SpoolConfig { segment_bytes: 64 << 10, ..SpoolConfig::new(path) };
    Spool::open(config).expect("the spool opens")
}

/// Batches at once, short pauses.
pub fn hasty() -> ShipperConfig {
    ShipperConfig {
        batch_rows: 500,
        linger: Duration::ZERO,
        pause_min: Duration::from_millis(10),
        pause_max: Duration::from_millis(100),
        ..ShipperConfig::default()
    }
}

/// Rows `numbers`, each with bytes that break careless formats.
pub fn rows(numbers: std::ops::Range<u32>) -> Vec<AttemptRow> {
    numbers.map(row).collect()
}

/// Row `number`. Rows lie on both sides of the end of a month.
pub fn row(number: u32) -> AttemptRow {
    // 2026-10-01T00:00:00Z, minus and plus some hours.
    let planned_at = 1_790_812_800_000_000 + (i64::from(number) - 500) * 60_000_000;
    let answered = number.is_multiple_of(3);
    AttemptRow {
        attempt_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)),
        planned_at,
        tenant: "tenant".into(),
        campaign_id: format!("c{}", number % 2),
        campaign: "Früh\n\nling 春".into(),
        list_id: "\n\n".into(),
        contact_id: number.to_string(),
        number: format!("+49301{number:07}"),
        number_masked: "+4930****".into(),
        line_id: "l".into(),
        line: format!("line-{}", number % 2),
        line_group: "group".into(),
        caller_id: "+4930999".into(),
        node: "node".into(),
        shard: 0x0A0A,
        priority: 2,
        attempt_no: 1 + (number % 3) as u16,
        epoch: 0x0A0A_0A0A_0A0A_0A0A,
        verdicts: "a\0b\r\n\r\n'\"\\;".into(),
        route_tries: (0..number % 3)
            .map(|at| RouteTry {
                line: "x\n\ny".into(),
                sip_status: 503,
                q850: 10,
                started_at: planned_at + i64::from(at),
            })
            .collect(),
        outcome: if answered { "answered" } else { "busy" }.into(),
        answerable: "callee".into(),
        sip_status: if answered { 200 } else { 486 },
        q850: if answered { 16 } else { 17 },
        hangup_by: if answered { "caller" } else { "" }.into(),
        error: "x".repeat((number % 300) as usize),
        intent_at: planned_at + 1,
        invite_at: Some(planned_at + 2),
        first_response_at: Some(planned_at + 3),
        ringing_at: answered.then_some(planned_at + 4),
        early_media_at: None,
        answered_at: answered.then_some(planned_at + 5),
        ended_at: planned_at + 0x0A0A_0A0A,
        post_dial_delay_ms: answered.then_some(200),
        ring_ms: 2570,
        talk_ms: if answered { 30_000 } else { 0 },
        script_id: "s".into(),
        script_version: 10,
        variant: "b\n\n".into(),
        digits: "*#A".into(),
        recording: "r/\n\n.wav".into(),
        recording_bytes: u64::MAX,
        recording_ms: u32::MAX,
        rtp_sent: 10,
        rtp_received: 9,
        rtp_lost: 1,
        rtp_jitter_ms: 0.25,
        first_speech_at: Some(1_700_000_000_123_456),
        speech_ms: 4_200,
        speech_bursts: 3,
        far_lost: answered.then_some(0x0A0A),
        far_jitter_ms: answered.then_some(0.125),
        rtt_ms: number.is_multiple_of(2).then_some(40.5),
        disposition: "happy\n\n".into(),
        script_error: "x\0".into(),
        opted_out: answered,
        no_inputs: 1,
        no_matches: 0x0A0A_0A0A,
        barge_ins: 2,
        barge_in_ms_max: 50,
        recogniser_errors: 3,
        voice_errors: 4,
        server_errors: 5,
        heard_ms: 30_000,
        sent_ms: 4_000,
        dropped_ms: 100,
        holds: 1,
        hold_ms: 7_000,
        first_audio_ms: answered.then_some(40),
        turn_ms_max: answered.then_some(900),
        turn_own_ms_max: answered.then_some(30),
        turns: (0..number % 4).map(turn).collect(),
        version: 1,
    }
}

fn turn(number: u32) -> Turn {
    let callee = number.is_multiple_of(2);
    Turn {
        speaker: if callee { "callee" } else { "us" }.into(),
        step: "ask\n\n".into(),
        began_ms: number * 1_000,
        ended_ms: number * 1_000 + 500,
        text: "别再打了 \0\r\n".into(),
        intent: "opt_out".into(),
        value: "4".into(),
        interrupted: !callee,
        turn_ms: callee.then_some(900),
        endpointing_ms: 700,
        recogniser_ms: 100,
        understanding_ms: 10,
        speech_ms: 70,
        own_ms: 20,
        arousal: callee.then_some(0.5),
        valence: callee.then_some(-0.25),
        prosody_confidence: callee.then_some(0.75),
    }
}

/// How many rows lie in the table itself, replaced ones included.
pub async fn physical(analytics: &Analytics) -> u64 {
    analytics.client().query("SELECT count() FROM attempt").fetch_one().await.expect("a count")
}
