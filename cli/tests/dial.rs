//! `peal dial` against a carrier that counts for itself.

mod common;

use common::{carrier, run, said, text, tone_wav};
use loadtest::Behaviour;
use serde_json::Value;

#[test]
fn calls_play_record_and_are_told_about() {
    let dir = tempfile::tempdir().expect("a folder");
    let (prompt, record) = (dir.path().join("hello.wav"), dir.path().join("out.wav"));
    tone_wav(&prompt, 1_000);
    let carrier = carrier(Behaviour::Person);
    let to = format!("sip:+8613800138000@{}", carrier.addresses()[0]);
    let output = run(&[
        "--json",
        "dial",
        &to,
        "--play",
        text(&prompt),
        "--record",
        text(&record),
        "--count",
        "5",
        "--hold",
        "1s",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["calls"], 5);
    assert_eq!(told["outcomes"]["answered"], 5);
    assert_eq!(told["sip_retransmissions"], 0);
    assert!(told["rtp_received"].as_u64() > Some(100), "{told}");

    let summary = carrier.stop().expect("a ledger");
    assert_eq!((summary.invites, summary.answered), (5, 5));
    assert_eq!(summary.invite_retransmissions, 0);
    for n in 1..=5 {
        let file = dir.path().join(format!("out-{n}.wav"));
        let wav = hound::WavReader::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
        assert!(wav.duration() > 8_000, "more than a second of a call of a second's prompt and hold");
        let left: Vec<i16> = wav.into_samples::<i16>().step_by(2).map(|s| s.expect("a sample")).collect();
        assert!(left.iter().any(|s| s.unsigned_abs() > 4_000), "what we played is on the left");
    }
}

#[test]
fn tapped_audio_is_counted_and_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let heard = dir.path().join("heard.wav");
    let carrier = carrier(Behaviour::Person);
    let to = format!("sip:100@{}", carrier.addresses()[0]);
    let output = run(&["--json", "dial", &to, "--tap-to", text(&heard), "--hold", "1s"]);
    assert!(output.status.success(), "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // How many, and whether one was late, is up to the machine.
    assert!(told["tap_dropped"].is_u64() && told["tap_gaps"].is_u64(), "{told}");
    assert!(told["tap_chunks"].as_u64() >= Some(2), "{told}");
    let samples = hound::WavReader::open(&heard).expect("a WAV file").into_samples::<i16>();
    assert!(samples.map(|s| s.expect("a sample")).any(|s| s.unsigned_abs() > 500), "the callee is heard");

    let output = run(&["--json", "dial", &to, "--tap", "--count", "5", "--hold", "500ms"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(told["tap_chunks"].as_u64() >= Some(5), "each call's end is told: {told}");
    assert!(told["tap_delay_p99_ms"].as_u64() >= told["tap_delay_p50_ms"].as_u64(), "{told}");
}

#[test]
fn a_call_that_nobody_answers_fails_with_its_outcome() {
    let carrier = carrier(Behaviour::Busy);
    let to = format!("sip:100@{}", carrier.addresses()[0]);
    let output = run(&["dial", &to]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("busy") && said(&output).contains("no call was answered"),
        "{}",
        said(&output)
    );
    assert!(carrier.stop().expect("a ledger").holds());
}

#[test]
fn the_rate_is_kept_in_any_rolling_second() {
    let carrier = carrier(Behaviour::Busy);
    let to = format!("sip:100@{}", carrier.addresses()[0]);
    run(&["dial", &to, "--count", "60", "--cps", "20"]);
    let summary = carrier.stop().expect("a ledger");
    assert_eq!(summary.invites, 60);
    assert!(summary.lines[0].peak_cps.count <= 20, "{:?}", summary.lines[0].peak_cps);
}

#[test]
fn junk_from_the_carrier_harms_nothing() {
    let carrier = loadtest::Carrier::start(loadtest::CarrierConfig {
        mix: loadtest::Mix::only(Behaviour::Person),
        time_scale: 0.1,
        garbage_percent: 100,
        ..loadtest::CarrierConfig::new(vec![common::line("a", None, None)])
    })
    .expect("the carrier starts");
    let to = format!("sip:100@{}", carrier.addresses()[0]);
    let output = run(&["--json", "dial", &to, "--count", "10", "--cps", "50", "--hold", "500ms"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["outcomes"]["answered"], 10, "{}", said(&output));
    drop(carrier);
}

#[test]
fn what_cannot_be_done_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let not_audio = dir.path().join("x.wav");
    std::fs::write(&not_audio, "hello").expect("a file");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let cases: [(&[&str], &str); 8] = [
        (&["dial", "100"], "sip:"),
        (&["dial", "sip:100@no-such-host.invalid"], "no-such-host.invalid"),
        (&["dial", "sip:100@127.0.0.1", "--play", text(&not_audio)], "WAV"),
        (&["dial", "sip:100@127.0.0.1", "--play", "/nowhere/x.wav"], "/nowhere/x.wav"),
        (&["dial", "sip:100@127.0.0.1", "--cps", "0"], "cps"),
        (&["dial", "sip:100@127.0.0.1", "--tap-to", "/nowhere/x.wav"], "/nowhere/x.wav"),
        (&["dial", "sip:100@127.0.0.1", "--tap-to", "x.wav", "--count", "2"], "--count"),
        (&["dial", "sip:100@127.0.0.1", "--sip-port", &port], &port),
    ];
    for (arguments, needle) in cases {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said(&output).contains(needle), "{arguments:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{arguments:?}: {}", said(&output));
    }
}
