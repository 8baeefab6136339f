//! `kill -9` of either plane in the middle of a campaign: nothing is dialled twice, every attempt gets its record.

mod common;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    time::Duration,
};

use common::{Background, count, line, peal, said, text, wait_for};
use loadtest::{Behaviour, Carrier, CarrierConfig, CarrierHandle, Mix};
use serde_json::{Value, json};

/// Contacts of the campaign.
const CONTACTS: usize = 60;

/// A port for processes that are started again: below those that the kernel gives to whoever asks for any, so that nobody takes it
/// meanwhile.
fn free_port() -> u16 {
    let seed = RandomState::new().build_hasher().finish();
    let ports = (0..12_000).map(|n| 20_000 + ((seed % 12_000 + n) % 12_000) as u16);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free port")
}

/// Two planes as two processes, with one data folder.
struct Planes {
    config: std::path::PathBuf,
    api: String,
}

impl Planes {
    fn new(dir: &Path) -> Self {
        let (api, link) = (free_port(), free_port());
        let data = dir.join("data");
        let data = text(&data);
        let config = dir.join("peal.toml");
        let toml = format!(
            "[node]\nsip_port = 0\nrtp_ports = {{ first = 0, last = 127 }}\nrtp_own_ports = 16\nmetrics = \"127.0.0.1:0\"\n\
             data = \"{data}/node\"\nrecordings = \"{data}/recordings\"\ncontrol_plane = \"http://127.0.0.1:{link}\"\ndrain_s = 1\n\
             [controlplane]\ndata = \"{data}/controlplane\"\napi = \"127.0.0.1:{api}\"\nlink = \"127.0.0.1:{link}\"\napi_key = \"k\"\n\
             [clickhouse]\ndata = \"{data}/clickhouse\"\n"
        );
        std::fs::write(&config, toml).expect("a configuration");
        Self { config, api: format!("http://127.0.0.1:{api}") }
    }

    fn start(&self, plane: &str) -> Background {
        let log = self.config.with_file_name(format!("{plane}.log"));
        Background::start(&[plane, "--config", text(&self.config)], &log)
    }

    fn admin(&self, arguments: &[&str]) -> Option<Value> {
        let output = peal()
            .args(["--json", "--api", &self.api, "--api-key", "k"])
            .args(arguments)
            .output()
            .expect("the program starts");
        if !output.status.success() {
            return None;
        }
        serde_json::from_slice(&output.stdout).ok()
    }

    fn must(&self, arguments: &[&str]) -> Value {
        wait_for(&format!("peal {arguments:?}"), Duration::from_secs(60), || self.admin(arguments))
    }

    fn add(&self, noun: &str, document: &Value) -> i64 {
        let file = self.config.with_file_name(format!("{noun}.json"));
        std::fs::write(&file, document.to_string()).expect("a file");
        self.must(&[noun, "add", text(&file)])["id"].as_i64().expect("an id")
    }

    /// Sets a campaign up and starts it.
    fn start_campaign(&self, dir: &Path, carrier: &CarrierHandle) -> i64 {
        self.must(&["line", "ls"]);
        let address = carrier.addresses()[0].to_string();
        let line = self.must(&["line", "add", "a", &address, "--max-calls", "20", "--max-cps", "15"]);
        let line = line["id"].to_string();
        let group = self.must(&["line", "group", "g", &line])["id"].clone();
        let script = self
            .add("script", &json!({"name": "s", "steps": [{"do": "wait", "ms": 800}, {"do": "hang_up"}]}));
        let numbers: String = (0..CONTACTS).map(|n| format!("+86138{n:08}\n")).collect();
        let csv = dir.join("numbers.csv");
        std::fs::write(&csv, format!("number\n{numbers}")).expect("a list");
        self.must(&["list", "import", "l", text(&csv)]);
        let list = self.must(&["list", "ls"])[0]["id"].clone();
        let campaign = self.add(
            "campaign",
            &json!({
                "name": "c", "lists": [list], "line_group": group, "script": script, "record": true,
                "max_ring_ms": 5000, "max_call_ms": 4000,
            }),
        );
        self.must(&["campaign", "start", &campaign.to_string()]);
        campaign
    }

    fn settled(&self, campaign: i64) -> Option<u64> {
        let progress = self.admin(&["campaign", "progress", &campaign.to_string()])?;
        let count = |name: &str| progress["contacts"][name].as_u64().unwrap_or(0);
        Some(count("reached") + count("exhausted"))
    }
}

fn carrier() -> CarrierHandle {
    Carrier::start(CarrierConfig {
        mix: Mix::only(Behaviour::Person),
        time_scale: 0.1,
        call_limit: Duration::from_secs(10),
        ..CarrierConfig::new(vec![line("a", Some(20), Some(15))])
    })
    .expect("the carrier starts")
}

/// Runs a campaign, kills `victim` in the middle, starts it again, and compares all accounts.
fn kill_in_the_middle(victim: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let planes = Planes::new(dir.path());
    let carrier = carrier();
    let mut control = Some(planes.start("controlplane"));
    let mut node = Some(planes.start("dataplane"));
    let campaign = planes.start_campaign(dir.path(), &carrier);

    wait_for("calls in progress", Duration::from_secs(60), || (carrier.stats().invites >= 15).then_some(()));
    match victim {
        "controlplane" => {
            control.take().expect("it runs").kill();
            control = Some(planes.start("controlplane"));
        }
        _ => {
            node.take().expect("it runs").kill();
            node = Some(planes.start("dataplane"));
        }
    }
    wait_for("every contact settled", Duration::from_secs(150), || {
        (planes.settled(campaign)? == CONTACTS as u64).then_some(())
    });
    let calls = planes.must(&["calls", "ls", "--limit", "1000", "--state", "ended"]);
    let calls = calls.as_array().expect("rows");
    let recorded = wait_for("every record in ClickHouse", Duration::from_secs(60), || {
        let answer =
            planes.admin(&["sql", "SELECT (SELECT count() FROM attempt_final) AS n, uniqExact(tenant, planned_at, campaign_id, attempt_id) AS ids FROM attempt"])?;
        let row = &answer["data"][0];
        (count(&row["n"])? == calls.len() as u64).then(|| count(&row["ids"]))?
    });
    assert_eq!(recorded, calls.len() as u64, "one record for each attempt");

    let logs = [&control, &node].map(|plane| plane.as_ref().map(Background::log).unwrap_or_default());
    for plane in [control, node].into_iter().flatten() {
        plane.stop();
    }
    let (summary, ledger) = carrier.stop_with_ledger().expect("a ledger");
    assert!(summary.holds(), "{summary:#?}\n{logs:?}");
    // At most one call for each attempt, and for each number: nobody was called again because something had crashed.
    let mut attempts: Vec<_> =
        ledger.calls.iter().map(|call| call.invite.attempt.clone().expect("our header")).collect();
    let invites = attempts.len();
    attempts.sort();
    attempts.dedup();
    assert_eq!(attempts.len(), invites, "an attempt was dialled twice");
    let known: Vec<_> = calls.iter().filter_map(|call| call["attempt"].as_str()).collect();
    for attempt in &attempts {
        assert!(known.contains(&attempt.as_str()), "{attempt} was dialled and is not known");
    }
    let unknown = calls.iter().filter(|call| call["outcome"] == "unknown").count();
    match victim {
        "controlplane" => {
            assert_eq!(unknown, 0, "calls go on without a control plane and tell their ends later")
        }
        _ => assert!(unknown <= 20, "at most the calls that were up"),
    }
    assert!(!logs.iter().any(|log| log.contains("panicked")), "{logs:?}");
}

#[test]
fn a_killed_control_plane_loses_and_doubles_nothing() {
    kill_in_the_middle("controlplane");
}

#[test]
fn a_killed_data_plane_loses_and_doubles_nothing() {
    kill_in_the_middle("dataplane");
}

#[test]
fn the_folder_of_a_running_control_plane_is_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let planes = Planes::new(dir.path());
    let _first = planes.start("controlplane");
    planes.must(&["line", "ls"]);
    let second =
        peal().args(["controlplane", "--config", text(&planes.config)]).output().expect("the program starts");
    assert!(!second.status.success());
    assert!(said(&second).contains("another control plane"), "{}", said(&second));
}
