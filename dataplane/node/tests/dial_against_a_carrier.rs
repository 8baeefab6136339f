//! `dial`, which is the whole data plane without a control plane, against a carrier that counts for itself.

mod controlplane;
mod dialling;
mod exchange;

use std::time::Duration;

use common::Outcome;
use dialling::dial;
use loadtest::{Algorithm, Behaviour, Carrier, CarrierConfig, LineAuth, LineConfig, Mix, RtcpMode};
use peal_node::dial::{Dial, DialEvent, DialStage, DialTap};

fn carrier(behaviour: Behaviour, change: impl Fn(&mut LineConfig)) -> (loadtest::CarrierHandle, String) {
    let mut line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    (line.max_calls, line.max_cps) = (Some(10), Some(20));
    change(&mut line);
    let config =
        CarrierConfig { mix: Mix::only(behaviour), time_scale: 0.02, ..CarrierConfig::new(vec![line]) };
    let carrier = Carrier::start(config).expect("a carrier");
    let address = carrier.addresses()[0].to_string();
    (carrier, address)
}

#[test]
fn many_calls_keep_the_lines_limits() {
    let (carrier, address) = carrier(Behaviour::Silent, |_| {});
    let dial = Dial::start(dial(address)).expect("it starts");
    let report = dial.wait().expect("a report");
    assert_eq!(report.results.len(), 40);
    assert!(report.results.iter().all(|result| result.outcome == Outcome::Answered), "{:?}", report.results);
    assert_eq!(report.retransmissions, 0);
    assert!(report.call_seconds >= 40.0 * 0.25, "{}", report.call_seconds);
    assert!(report.usage.cpu > Duration::ZERO && report.usage.peak_memory > 0);
    let summary = carrier.stop().expect("a summary");
    assert_eq!((summary.invites, summary.answered, summary.open), (40, 40, 0));
    assert!(summary.holds(), "{summary:?}");
}

#[test]
fn what_callees_say_is_heard_while_they_say_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard.wav");
    let (carrier, address) = carrier(Behaviour::Person, |_| {});
    let mut config = dial(address);
    (config.count, config.line.max_calls) = (1, 1);
    config.hold = Duration::from_millis(1_500);
    config.tap = Some(DialTap::Wav(file.clone()));
    let report = Dial::start(config).expect("it starts").wait().expect("a report");
    let ended = report.results[0].ended.as_ref().expect("the call was made");
    assert!(ended.first_speech_at_us > ended.answered_at_us, "{ended:?}");
    assert!(ended.media.as_ref().is_some_and(|media| media.speech_bursts >= 1 && media.speech_ms > 100));

    let tap = report.tap.expect("it was tapped");
    assert_eq!(tap.error, None);
    let samples = hound::WavReader::open(&file).expect("a WAV file").into_samples::<i16>();
    let samples: Vec<i16> = samples.map(|sample| sample.expect("16 bits")).collect();
    let length = samples.len() as u128 / 8;
    assert!(length == tap.audio.as_millis() || (tap.gaps > 0 && length > tap.audio.as_millis()), "{tap:?}");
    // The person waits for 0.3 s, and then says "hello?" for 0.6 s; a machine that is held up may lose some of it.
    let loud = samples.iter().filter(|sample| sample.unsigned_abs() > 500).count();
    assert!((1..5_000).contains(&loud), "{loud} samples of 4,800 that swing");
    drop(carrier);
}

#[test]
fn many_calls_are_tapped_at_once() {
    let (carrier, address) = carrier(Behaviour::Machine, |_| {});
    let mut config = dial(address);
    config.tap = Some(DialTap::Count);
    let report = Dial::start(config).expect("it starts").wait().expect("a report");
    let tap = report.tap.expect("they were tapped");
    let answered = report.results.iter().filter(|result| result.outcome == Outcome::Answered).count();
    assert!(answered == 40 && tap.chunks >= 40, "{answered} answered, and each call's end is told: {tap:?}");
    assert!(tap.audio > tap.silence && tap.delay_p50 <= tap.delay_p99, "{tap:?}");
    drop(carrier);
}

#[test]
fn one_call_with_password_prompt_and_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let (carrier, address) = carrier(Behaviour::Person, |line| {
        line.auth = Some(LineAuth {
            user: "peal".to_owned(),
            password: "secret".to_owned(),
            realm: "127.0.0.1".to_owned(),
            algorithm: Algorithm::Sha256,
            challenge: 407,
            stale: false,
        });
    });
    let mut config = dial(address);
    (config.count, config.line.max_calls) = (1, 1);
    (config.line.username, config.line.password) = ("peal".to_owned(), "secret".to_owned());
    config.play = Some(controlplane::wav(1_600));
    config.record = Some((folder.path().to_owned(), "out".to_owned()));
    let dial = Dial::start(config).expect("it starts");
    let events: Vec<_> = dial.events().iter().collect();
    let report = dial.wait().expect("a report");
    let stages: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            DialEvent::Stage { call: 0, stage } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(stages.first(), Some(&DialStage::Invited));
    assert!(stages.contains(&DialStage::Ringing) && stages.contains(&DialStage::Answered), "{stages:?}");
    let recorded = events.iter().find_map(|event| match event {
        DialEvent::Recorded { call: 0, path, error } => Some((path.clone(), error.clone())),
        _ => None,
    });
    assert_eq!(recorded, Some((folder.path().join("out.wav"), String::new())));
    assert!(folder.path().join("out.wav").metadata().is_ok_and(|file| file.len() > 44));
    let ended = report.results[0].ended.as_ref().expect("the call was made");
    assert_eq!(ended.sip_status, 200);
    assert!(ended.media.as_ref().is_some_and(|media| media.packets_sent >= 10), "{ended:?}");
    assert!(carrier.stop().expect("a summary").holds());
}

#[test]
fn each_end_tells_what_it_hears() {
    let line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    let carrier = Carrier::start(CarrierConfig {
        rules: vec!["4*=person:ring=0.1:talk=3600:digits=".parse().expect("a rule")],
        rtcp: RtcpMode::Mux,
        rtcp_interval: Duration::from_millis(200),
        ..CarrierConfig::new(vec![line])
    })
    .expect("a carrier");
    let mut config = dial(carrier.addresses()[0].to_string());
    // Until the reports have gone both ways.
    (config.count, config.hold, config.max_call) =
        (4, Duration::from_secs(3_600), Duration::from_secs(3_600));
    let dial = Dial::start(config).expect("it starts");
    exchange::wait_for_reports(&carrier, 4);
    dial.stop();
    let report = dial.wait().expect("a report");
    let rtcp = carrier.stop().expect("a summary").rtcp;
    for result in &report.results {
        let media = result.ended.as_ref().and_then(|ended| ended.media).expect("it was answered");
        assert!(media.packets_received > 0, "{media:?}");
        assert!(
            media.far_lost == Some(0) && media.far_jitter_ms.is_some() && media.rtt_ms.is_some(),
            "{media:?}"
        );
    }
    assert_eq!((rtcp.calls, rtcp.unreported, rtcp.malformed, rtcp.implausible), (4, 0, 0, 0), "{rtcp:?}");
    assert!(rtcp.blocks >= 4 && rtcp.round_trip_max_us > 0, "ours were answers to theirs: {rtcp:?}");
    assert!(report.rtcp_packets.0 >= 4 && report.rtcp_packets.1 >= 8, "{:?}", report.rtcp_packets);
}

#[test]
fn each_refusal_has_its_outcome() {
    for (behaviour, outcome) in [
        (Behaviour::Busy, Outcome::Busy),
        (Behaviour::Decline, Outcome::Declined),
        (Behaviour::Overload, Outcome::CarrierCongested),
        (Behaviour::NotFound, Outcome::InvalidNumber),
    ] {
        let (carrier, address) = carrier(behaviour, |_| {});
        let mut config = dial(address);
        config.count = 1;
        let report = Dial::start(config).expect("it starts").wait().expect("a report");
        assert_eq!(report.results[0].outcome, outcome);
        carrier.stop().expect("a summary");
    }
    let mut config = dial("no-such-host.invalid".to_owned());
    config.count = 1;
    let report = Dial::start(config).expect("it starts").wait().expect("a report");
    assert_eq!(report.results[0].outcome, Outcome::LineUnusable);
    assert!(report.results[0].ended.is_none() && !report.results[0].detail.is_empty());
}

#[test]
fn a_stop_hangs_up() {
    let (carrier, address) = carrier(Behaviour::Silent, |_| {});
    let mut config = dial(address);
    (config.count, config.hold) = (5, Duration::from_secs(3_600));
    let dial = Dial::start(config).expect("it starts");
    let answered = |event: &DialEvent| matches!(event, DialEvent::Stage { stage: DialStage::Answered, .. });
    assert_eq!(dial.events().iter().filter(answered).take(5).count(), 5);
    dial.stop();
    let report = dial.wait().expect("a report");
    assert_eq!(report.results.len(), 5);
    let summary = carrier.stop().expect("a summary");
    assert_eq!((summary.answered, summary.open), (5, 0));
}
