//! The program: tells when it is ready, ends on SIGTERM with a summary, and leaves whole lines when it is killed.

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::Caller;
use loadtest::{Ledger, Summary};

fn start(folder: &Path) -> (Child, Caller) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_peal-carrier"))
        .current_dir(folder)
        .args(["serve", "--line", "a=127.0.0.1:0,max_calls=5", "--rule", "*=busy", "--time-scale", "0.1"])
        .args(["--ready-file", "ready"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    let mut bound = String::new();
    output.read_line(&mut bound).unwrap();
    let address = bound.trim().strip_prefix("a=").unwrap().parse().unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("ready")).unwrap(), bound);
    (child, Caller::new(address))
}

fn refused(caller: &Caller, number: &str) {
    caller.invite(number);
    caller.until("SIP/2.0 486");
    caller.request("ACK", number, 1, "", "");
}

#[test]
fn sigterm_writes_the_summary_and_report_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, caller) = start(folder.path());
    refused(&caller, "1");
    // SAFETY: the process is our child and has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    assert!(child.wait().unwrap().success());
    let written = std::fs::read(folder.path().join("summary.json")).unwrap();
    let summary: Summary = serde_json::from_slice(&written).unwrap();
    assert_eq!((summary.invites, summary.open), (1, 0));

    let report = Command::new(env!("CARGO_BIN_EXE_peal-carrier"))
        .args(["report", "--json"])
        .arg(folder.path().join("ledger.jsonl"))
        .output()
        .unwrap();
    assert!(report.status.success());
    assert_eq!(serde_json::from_slice::<Summary>(&report.stdout).unwrap(), summary);
}

#[test]
fn a_killed_carrier_leaves_a_ledger_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, caller) = start(folder.path());
    let ledger = folder.path().join("ledger.jsonl");
    for number in 0.. {
        refused(&caller, &number.to_string());
        if Ledger::open(&ledger).unwrap().calls.iter().any(|call| call.end.is_some()) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!Ledger::open(&ledger).unwrap().truncated);
}

#[test]
fn a_report_of_a_broken_promise_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let invite = |call: u32, at_us: u32| {
        format!(
            r#"{{"kind":"invite","call":{call},"at_us":{at_us},"line":"a","number":"{call}","from":"","call_id":"{call}","source":"127.0.0.1:9"}}"#
        )
    };
    let line = r#"{"kind":"line","name":"a","address":"127.0.0.1:5070","max_calls":null,"max_cps":1}"#;
    let report = |second: u32| {
        std::fs::write(&path, format!("{line}\n{}\n{}\n", invite(1, 0), invite(2, second))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peal-carrier"));
        command.arg("report").arg(&path).output().unwrap().status.code()
    };
    assert_eq!(report(1_000_000), Some(0));
    assert_eq!(report(999_999), Some(1));
}

#[test]
fn bad_arguments_are_named() {
    for (arguments, said) in [
        (&["serve", "--line", "a=nowhere"][..], "nowhere"),
        (&["serve", "--line", "a=127.0.0.1:0", "--mix", "sloth=1"], "sloth"),
        (&["serve", "--line", "a=127.0.0.1:0", "--rule", "5=busy:colour=red"], "rule"),
        (&["serve", "--line", "a=192.0.2.1:0", "--media", "own=1"], "192.0.2.1"),
        (&["serve", "--line", "a=127.0.0.1:0", "--cast", "nobody.yaml"], "nobody.yaml"),
        (&["serve", "--line", "a=127.0.0.1:0", "--cast-recordings", "folder"], "--cast"),
        (&["report", "absent.jsonl"], "ledger"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peal-carrier"));
        let run = command.current_dir(folder.path()).args(arguments).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(error.contains(said), "{error}");
    }
}
