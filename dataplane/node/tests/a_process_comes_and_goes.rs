//! A node from start to drain with everything real: calls with audio and recordings, metrics, a drain that lets them
//! end, and a second process on the same folders.

mod controlplane;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use controlplane::{ControlPlane, attempt};
use loadtest::{Behaviour, Carrier, CarrierConfig, LineConfig, Mix};
use proto::v1::{Line, event, refused};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn calls_end_and_a_successor_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    let carrier = Carrier::start(CarrierConfig {
        mix: Mix::only(Behaviour::Person),
        time_scale: 0.05,
        ..CarrierConfig::new(vec![line])
    })
    .expect("a carrier");
    let controlplane = ControlPlane::start(vec![Line {
        id: 1,
        name: "a".to_owned(),
        address: carrier.addresses()[0].to_string(),
        max_calls: 20,
        max_cps: 50,
        ..Default::default()
    }]);
    let config = controlplane::node_config(controlplane.address, folder.path());
    let node = controlplane::start_node(&config);
    let metrics = node.metrics_address().expect("it listens");
    controlplane.wait_for("the node", |state| !state.hellos.is_empty());
    let attempts: Vec<_> = (0..5).map(attempt).collect();
    for (n, attempt) in attempts.iter().enumerate() {
        controlplane.order(*attempt, &format!("300{n}"));
    }
    let answered = |event: &proto::v1::Event| matches!(&event.event, Some(event::Event::Progress(p)) if p.stage() == proto::v1::progress::Stage::Answered);
    controlplane.wait_for("answers", |state| state.events.values().filter(|e| answered(e)).count() == 5);
    assert!(get(metrics, "/healthz").starts_with("HTTP/1.1 200"));
    let text = get(metrics, "/metrics");
    assert!(text.contains("peal_dataplane_invites_sent_total{line=\"a\"} 5"), "{text}");
    assert!(text.contains("peal_dataplane_lease_valid 1"), "{text}");
    assert!(text.contains("peal_dataplane_link_connects_total 1"), "{text}");

    node.stop();
    let late = attempt(99);
    controlplane.order(late, "3099");
    node.wait().expect("a clean end");
    {
        let state = controlplane.state();
        for attempt in &attempts {
            let mut kinds = state.of(*attempt);
            kinds.retain(|kind| *kind != "recorded");
            assert_eq!(kinds, ["begun", "ended", "released"]);
            assert_eq!(state.of(*attempt).len(), 4, "each is recorded");
        }
        let ends = state.events.values().filter_map(|event| match &event.event {
            Some(event::Event::Ended(ended)) => Some(ended),
            _ => None,
        });
        for ended in ends {
            assert_eq!(ended.outcome, "answered");
            assert!(ended.media.as_ref().is_some_and(|media| media.packets_received > 0));
            let file = config.recordings.join(&ended.recording);
            assert!(file.metadata().is_ok_and(|file| file.len() > 44), "{}", file.display());
        }
        let refused = state.events.values().find_map(|event| match &event.event {
            Some(event::Event::Refused(refused)) => Some(refused.reason()),
            _ => None,
        });
        assert!(refused.is_none_or(|reason| reason == refused::Reason::Draining));
    }

    let node = controlplane::start_node(&config);
    controlplane.wait_for("its successor", |state| state.hellos.len() == 2);
    let boots: Vec<_> = controlplane.state().hellos.iter().map(|hello| hello.boot.clone()).collect();
    assert_ne!(boots[0], boots[1]);
    controlplane.order(attempts[0], "3000");
    let again = attempt(100);
    controlplane.order(again, "3100");
    controlplane.wait_for("a new call", |state| state.of(again).contains(&"released"));
    assert_eq!(
        controlplane.state().of(attempts[0]).last(),
        Some(&"refused"),
        "an old attempt is not begun again"
    );
    node.stop();
    node.wait().expect("a clean end");
    let summary = carrier.stop().expect("a summary");
    assert_eq!((summary.invites, summary.answered), (6, 6));
    assert!(summary.holds(), "{summary:?}");
}
