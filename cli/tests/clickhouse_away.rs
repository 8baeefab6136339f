//! A ClickHouse that is away: calls do not notice, and the records arrive when it comes.

mod common;

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Up, carrier, count, peal, said, text, wait_for};
use loadtest::Behaviour;
use serde_json::json;

/// Ends the engine with the test.
struct Engine(std::process::Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn records_wait_for_clickhouse() {
    let dir = tempfile::tempdir().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let mut command = peal();
    command.env("CLICKHOUSE_URL", format!("http://127.0.0.1:{port}/peal"));
    let up = Up::start_with(command, dir.path());

    let carrier = carrier(Behaviour::Busy);
    let address = carrier.addresses()[0].to_string();
    let line =
        up.admin(&["line", "add", "a", &address, "--max-calls", "50", "--max-cps", "50"])["id"].to_string();
    let group = up.admin(&["line", "group", "g", &line])["id"].clone();
    let script = up.add("script", &json!({"name": "s", "steps": [{"do": "hang_up"}]}))["id"].clone();
    let csv = dir.path().join("numbers.csv");
    let rows: String = (0..40).map(|n| format!("+86139{n:08}\n")).collect();
    std::fs::write(&csv, format!("number\n{rows}")).expect("a list");
    up.admin(&["list", "import", "l", text(&csv)]);
    let list = up.admin(&["list", "ls"])[0]["id"].clone();
    let campaign =
        up.add("campaign", &json!({"name": "c", "lists": [list], "line_group": group, "script": script}));
    let id = campaign["id"].to_string();
    up.admin(&["campaign", "start", &id]);
    wait_for("the campaign's end", Duration::from_secs(60), || {
        (up.admin(&["campaign", "show", &id])["state"] == "completed").then_some(())
    });
    let refused = up.admin_output(&["sql", "SELECT 1"]);
    assert!(!refused.status.success(), "there is nobody to ask");

    let mut engine = Command::new(env!("CARGO_BIN_EXE_peal"));
    engine.args(["embedded-clickhouse", "--path", text(&dir.path().join("clickhouse"))]);
    engine
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _engine = Engine(engine.spawn().expect("the engine starts"));
    wait_for("the records", Duration::from_secs(120), || {
        let output =
            up.admin_output(&["sql", "SELECT count() AS n FROM attempt_final WHERE outcome = 'busy'"]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        (count(&answer["data"][0]["n"]) == Some(40)).then_some(())
    });
    // People may read; nothing that they ask can write, or reach files and other hosts.
    for statement in [
        "DROP TABLE attempt",
        "INSERT INTO attempt (attempt_id) VALUES (generateUUIDv4())",
        "ALTER TABLE attempt DELETE WHERE 1",
        "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'CSV', 'a String')",
        "SELECT 1 SETTINGS readonly = 0; DROP TABLE attempt",
    ] {
        let output = up.admin_output(&["sql", statement]);
        assert!(!output.status.success(), "{statement}: {}", said(&output));
    }
    let left = up.admin(&["sql", "SELECT count() AS n FROM attempt_final"]);
    assert_eq!(count(&left["data"][0]["n"]), Some(40));
    up.process.stop();
    assert_eq!(carrier.stop().expect("a ledger").invites, 40);
}
