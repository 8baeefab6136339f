//! The command line itself: help, completions, configuration, errors.

mod common;

use common::{run, said, text};

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && output.stdout.len() > 1_000, "{shell}");
    }
}

#[test]
fn the_printed_configuration_can_be_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("peal.toml");
    std::fs::write(&file, run(&["config"]).stdout).expect("a file");
    let output = run(&["config", "--check", text(&file)]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_wrong_key_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("peal.toml");
    std::fs::write(&file, "[node]\nshard = 2\n").expect("a file");
    for command in [
        &["config", "--check", text(&file)][..],
        &["dataplane", "--config", text(&file)],
        &["up", "--config", text(&file)],
    ] {
        let output = run(command);
        assert!(!output.status.success(), "{command:?}");
        assert!(said(&output).contains("shard") && said(&output).contains("peal.toml"), "{}", said(&output));
    }
}

#[test]
fn a_control_plane_that_is_not_there_is_said() {
    let output = run(&["--api", "http://127.0.0.1:9", "campaign", "ls"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("cannot reach the control plane"), "{}", said(&output));
}

#[test]
fn no_colour_where_none_is_wanted() {
    let output = common::peal().env("NO_COLOR", "1").arg("--help").output().expect("the program starts");
    assert!(!output.stdout.contains(&0x1b), "escape codes");
}
