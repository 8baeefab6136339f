//! `make demo-voice`, small: customers who speak are heard, understood and answered, from a contact list to ClickHouse. What is judged is
//! that every call has its transcript and most are understood; how fast is not: tests run on busy machines.
//!
//! Needs what `setup/run.sh test` installs (flite, espeak-ng, `.deps/voice`), and the programs that `make test` builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs Python with the demo's packages.
fn python(arguments: &[&str]) -> Output {
    let program = root().join(".deps/voice/bin/python");
    assert!(program.exists(), "{} is missing: setup/run.sh test", program.display());
    Command::new(program).arg("-B").args(arguments).current_dir(root()).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn calls_hear_understand_and_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("demo");
    let folder = folder.to_str().expect("it has a plain name");
    let programs = Path::new(env!("CARGO_BIN_EXE_peal")).parent().expect("it is in a folder");
    let programs = programs.to_str().expect("it has a plain name");
    let options = ["--calls", "15", "--at-once", "8", "--right-min", "0.5", "--limit-s", "120"];
    let run = ["demos/voice/run.py", "--programs", programs, "--folder", folder];
    let run = python(&[&run[..], &options].concat());
    assert!(run.status.success(), "{}", said(&run));

    let summary = std::fs::read(Path::new(folder).join("summary.json")).expect("the summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!((&summary["calls"], &summary["with_transcript"]), (&15.into(), &15.into()), "{summary}");
    assert!(summary["intent_right"].as_u64() >= Some(8), "{summary}");
    let [said_so, suppressed] = ["opt_outs_said", "opt_outs_suppressed"].map(|name| summary[name].as_u64());
    assert!(said_so >= suppressed && suppressed >= Some(1), "{summary}");
    for name in ["first_audio_ms_p95", "turn_own_ms_p95", "barge_in_ms_p95"] {
        assert!(summary[name].is_number(), "{name}: {summary}");
    }
    assert!(said(&run).contains("peal calls show"), "{}", said(&run));
}

#[test]
fn the_recogniser_hears_the_customers_and_refuses_what_it_cannot_do() {
    let run = python(&["-m", "unittest", "discover", "--start-directory", "demos/voice/tests"]);
    assert!(run.status.success(), "{}", said(&run));
}
