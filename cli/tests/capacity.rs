//! `peal capacity`, and what a machine with limits that are too low is told.

mod common;

use std::process::{Command, Output};

use common::{carrier, run, said, text};
use loadtest::Behaviour;
use serde_json::Value;

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// Runs the program under limits that a shell sets first.
fn limited(limits: &str, arguments: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_peal"))
        .args(arguments)
        .env_remove("PEAL_CONFIG")
        .env_remove("RUST_LOG")
        .output()
        .expect("a shell")
}

#[test]
fn needs_are_computed() {
    let output = run(&["--json", "capacity", "--calls", "5000", "--cps", "200", "--ring", "15s", "--record"]);
    assert!(output.status.success(), "{}", said(&output));
    let told = json(&output);
    assert_eq!(told["calls"], 5_000);
    assert!(told["cores"].as_u64() >= Some(2) && told["disk_bytes_per_s"].as_f64() > Some(1e8), "{told}");
    let output = run(&["--json", "capacity", "--calls", "5000", "--cps", "200", "--ring", "15s", "--hear"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(json(&output)["voice_busy"].as_f64() > Some(1.0), "{}", said(&output));
    let output = run(&["capacity", "--calls", "5000"]);
    assert!(output.status.success() && said(&output).contains("file descriptors"), "{}", said(&output));
}

#[test]
fn this_machine_is_checked() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("peal.toml");
    let config = "[node]\nmax_calls = 100\nrtp_ports = { first = 20000, last = 20199 }\nrtp_own_ports = 10\n";
    std::fs::write(&file, config).expect("a file");
    let check = ["--json", "capacity", "--check", "--config", text(&file)];
    let output = run(&check);
    let told = json(&output);
    assert_eq!(output.status.success(), told["ok"] == true, "{told}");
    assert_eq!(told["ok"], true, "a machine that can build Peal carries 100 calls: {told}");
    assert!(told["findings"].as_array().is_some_and(|all| all.len() >= 5), "{told}");

    // More calls than this configuration has room for.
    let output = run(&[&check[..], &["--calls", "1000"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = json(&output);
    let refused = |finding: &&Value| finding["verdict"] == "refusal" && finding["what"] == "node.max_calls";
    assert!(told["findings"].as_array().is_some_and(|all| all.iter().any(|f| refused(&f))), "{told}");
}

#[test]
fn too_few_open_files_are_refused_before_anything_is_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["dial", "sip:100@127.0.0.1:9"][..],
        &["dataplane"],
        &["up", "--data", text(&dir.path().join("data"))],
    ] {
        let output = limited(&format!("cd {} && ulimit -n 64", text(dir.path())), arguments);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let said = said(&output);
        assert!(said.contains("open files (ulimit -n): 64, needed: "), "{arguments:?}: {said}");
        assert!(said.contains("`ulimit -n ") && said.contains("LimitNOFILE="), "{arguments:?}: {said}");
    }
    assert!(!dir.path().join("data/node").exists(), "the node's folder was made all the same");
    let output = limited("ulimit -n 64", &["--json", "capacity", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["findings"][0]["verdict"], "refusal");
}

#[test]
fn the_soft_limit_is_raised() {
    // A run that needs more than 48 descriptors gets them, and fails for want of an answer and of nothing else.
    let carrier = carrier(Behaviour::Busy);
    let output = limited("ulimit -S -n 48", &["dial", &format!("sip:100@{}", carrier.addresses()[0])]);
    assert!(said(&output).contains("no call was answered"), "{}", said(&output));
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, needle) in [
        (&["capacity"][..], "--calls"),
        (&["capacity", "--calls", "0"], "--calls"),
        (&["capacity", "--calls", "10", "--answer-rate", "1.5"], "at most 1"),
        (&["capacity", "--calls", "10", "--ring", "0s"], "above 0"),
    ] {
        let output = run(arguments);
        assert!(
            !output.status.success() && said(&output).contains(needle),
            "{arguments:?}: {}",
            said(&output)
        );
    }
}
