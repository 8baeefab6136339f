//! A node against a real link, real shards and a carrier: however often the link breaks, every call is made once and
//! every event arrives once.

mod controlplane;

use controlplane::{ControlPlane, attempt};
use loadtest::{Behaviour, Carrier, CarrierConfig, LineConfig, Mix};
use proto::v1::Line;

#[test]
fn no_event_is_lost_or_doubled() {
    const CALLS: u32 = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let mut line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    (line.max_calls, line.max_cps) = (Some(20), Some(25));
    let carrier =
        Carrier::start(CarrierConfig { mix: Mix::only(Behaviour::Busy), ..CarrierConfig::new(vec![line]) })
            .expect("a carrier");
    let address = carrier.addresses()[0].to_string();
    let controlplane = ControlPlane::start(vec![Line {
        id: 1,
        name: "a".to_owned(),
        address,
        max_calls: 20,
        max_cps: 25,
        ..Default::default()
    }]);
    let node = controlplane::start_node(&controlplane::node_config(controlplane.address, folder.path()));
    controlplane.wait_for("the node", |state| !state.hellos.is_empty());
    let attempts: Vec<_> = (0..CALLS).map(attempt).collect();
    for (n, attempt) in attempts.iter().enumerate() {
        controlplane.order(*attempt, &format!("2{n:03}"));
    }
    for part in 1..=4_usize {
        controlplane.wait_for("more ends", |state| state.count("ended") >= part * 5);
        controlplane.break_link();
        controlplane.wait_for("the node again", |state| state.hellos.len() > part);
        // And not a word of acknowledgement for a while, so that much is sent again.
        controlplane.state().acks = part % 2 == 0;
    }
    controlplane.state().acks = true;
    controlplane.wait_for("every release", |state| state.count("released") == CALLS as usize);
    {
        let state = controlplane.state();
        for attempt in &attempts {
            assert_eq!(state.of(*attempt), ["begun", "ended", "released"]);
        }
        let last = *state.events.last_key_value().expect("events").0;
        assert_eq!(state.events.len() as u64, last, "numbers have no gaps");
    }
    node.stop();
    node.wait().expect("a clean end");
    let summary = carrier.stop().expect("a summary");
    assert_eq!(summary.invites, u64::from(CALLS));
    assert!(summary.holds(), "{summary:?}");
}
