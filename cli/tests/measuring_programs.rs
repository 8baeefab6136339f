//! The measuring programs work: a short run of each gives a result of the right shape. How fast anything was, and whether
//! packets were lost, is counted but not judged: tests run on busy machines.
//!
//! They start `peal`, `peal-carrier` and `floor` from the folder of the program under test; `make test` builds all three.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a program of `benches/` and reads its result.
fn measure(program: &str, arguments: &[&str]) -> Value {
    let programs = Path::new(env!("CARGO_BIN_EXE_peal")).parent().expect("it is in a folder");
    for name in ["peal-carrier", "floor"] {
        let needed = programs.join(name);
        assert!(needed.exists(), "{} is missing: cargo build --workspace --bins", needed.display());
    }
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("result.json");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches").join(program);
    let run = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(arguments)
        .arg("--bin")
        .arg(programs)
        .arg("--out")
        .arg(&out)
        .output()
        .expect("python3 is installed");
    // A soak that found something says so in its status too; what it found is in the result.
    let text =
        std::fs::read(&out).unwrap_or_else(|_| panic!("no result: {}", String::from_utf8_lossy(&run.stderr)));
    serde_json::from_slice(&text).expect("it is JSON")
}

#[test]
fn density_counts_the_packets_of_every_call() {
    let told = measure("density.py", &["--quick"]);
    let rows = told["rows"].as_array().expect("rows");
    let calls: Vec<u64> = rows.iter().map(|row| row["calls"].as_u64().expect("a number")).collect();
    assert!(!calls.is_empty() && calls.iter().all(|calls| [50, 100].contains(calls)), "{told}");
    for row in rows {
        assert!(row["failed"].is_null(), "{row}");
        assert!(row["far"]["dropped"].is_u64(), "{row}");
        // Nearly every packet of 3 s came, or is counted as lost.
        let packets = |name: &str| row["window"][name].as_u64().expect("a number");
        assert!(packets("expected") > 0 && packets("received") > 0, "{row}");
        for name in [
            "lost",
            "us_per_call_s",
            "user_us",
            "sys_us",
            "ratio",
            "floor_us",
            "due_p50_ms",
            "due_p99_ms",
            "due_max_ms",
            "bytes_per_call",
        ] {
            assert!(row[name].is_number(), "{name}: {row}");
        }
        assert!(
            row["holds"].is_boolean() && row["features"] == "+vad+dtmf" && row["codec"] == "PCMA",
            "{row}"
        );
    }
}

#[test]
fn set_ups_are_counted_beside_sipp() {
    let told = measure("cps.py", &["--quick"]);
    for name in ["cpu_ms_per_call", "sipp_cpu_ms_per_call"] {
        assert!(told[name].is_null() || told[name].as_f64() > Some(0.0), "{told}");
    }
    for caller in ["peal", "sipp"] {
        assert_eq!(
            (&told[caller][0]["calls"], &told[caller][0]["failed"]),
            (&100.into(), &0.into()),
            "{told}"
        );
    }
}

#[test]
fn a_short_soak_finds_nothing_that_is_stuck() {
    let told = measure(
        "soak.py",
        &["--calls", "30", "--seconds", "6", "--talk", "3", "--every", "1", "--cps", "30", "--contacts", "0"],
    );
    assert!(told["calls_in_all"].as_u64() > Some(30), "those that hung up were replaced: {told}");
    assert!(told["lost"].is_u64() && told["trends"]["rss_bytes"]["highest"].is_u64(), "{told}");
    assert_eq!(told["stuck"].as_f64(), Some(0.0), "{told}");
    // Too short for a trend, and a machine that is held up loses packets; all else that fails a soak is wrong at any speed.
    let failed = told["failed"].as_array().expect("a list").iter().map(|why| why.as_str().expect("a reason"));
    let wrong: Vec<_> =
        failed.filter(|why| !why.contains(" grows: ") && !why.ends_with(" packets lost")).collect();
    assert_eq!(wrong, [] as [&str; 0], "{told}");
}
