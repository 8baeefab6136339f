//! What `dial` is told to do, for tests to change.

use std::time::Duration;

use common::CallsPerSecond;
use peal_node::PortRange;
use peal_node::config::RecordingFormat;
use peal_node::dial::{DialConfig, DialLine, Local};

/// 40 calls of 0.3 s to a carrier at `address`, ten at once and 20 a second, on two shards.
pub fn dial(address: String) -> DialConfig {
    DialConfig {
        local: Local {
            address: "127.0.0.1".parse().expect("an address"),
            sip_port: 0,
            rtp_ports: PortRange { first: 0, last: 127 },
            rtp_own_ports: 0,
            shards: 2,
            cores: Vec::new(),
            send_silence: true,
            user_agent: "Peal".to_owned(),
        },
        line: DialLine {
            address,
            domain: String::new(),
            username: String::new(),
            password: String::new(),
            caller_id: "100".to_owned(),
            max_calls: 10,
            rate: CallsPerSecond::new(20).expect("1 to 10,000"),
            codecs: Vec::new(),
            own_ports: false,
        },
        destinations: (0..40).map(|n| format!("4{n:03}")).collect(),
        count: 40,
        play: None,
        hold: Duration::from_millis(300),
        script: None,
        record: None,
        record_format: RecordingFormat::Pcm,
        tap: None,
        max_ring: Duration::from_secs(30),
        max_call: Duration::from_secs(60),
    }
}
