//! Every port of a node is sprayed from a foreign address while it carries calls (P14): nothing is heard, learned or
//! answered, and the exchange of reports with the carrier, who counts for himself, goes on.

mod dialling;
mod exchange;

use std::net::UdpSocket;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use common::{CallsPerSecond, Outcome};
use exchange::wait_for_reports;
use loadtest::{Carrier, CarrierConfig, LineConfig, RtcpMode};
use peal_node::PortRange;
use peal_node::dial::{Dial, DialConfig, DialEvent, DialStage};

const CALLS: usize = 8;

fn dial(local: &str, address: String) -> DialConfig {
    let mut config = dialling::dial(address);
    config.local.address = local.parse().expect("an address");
    config.local.rtp_ports = PortRange { first: 0, last: 31 };
    (config.local.rtp_own_ports, config.local.shards) = (8, 1);
    config.line.max_calls = CALLS as u32;
    config.line.rate = CallsPerSecond::new(100).expect("1 to 10,000");
    // Until the test ends them.
    (config.hold, config.max_call) = (Duration::from_secs(3_600), Duration::from_secs(3_600));
    config.count = CALLS;
    config
}

/// The UDP ports of this machine that are bound to a loopback address.
fn ports_of(local: &str) -> Vec<u16> {
    let ip: std::net::Ipv4Addr = local.parse().expect("an address");
    let prefix = format!("{:08X}:", u32::from_le_bytes(ip.octets()));
    let table = std::fs::read_to_string("/proc/net/udp").expect("Linux");
    let ports = table.lines().filter_map(|line| line.split_whitespace().nth(1)?.strip_prefix(&prefix));
    ports.map(|port| u16::from_str_radix(port, 16).expect("hexadecimal")).collect()
}

/// Audio, a key, and a report with a BYE, in sequence.
fn sprayed(n: u16) -> [Vec<u8>; 3] {
    let head = |payload_type: u8| {
        let mut head = vec![0x80, payload_type];
        head.extend(n.to_be_bytes());
        head.extend((u32::from(n) * 160).to_be_bytes());
        head.extend([6; 4]);
        head
    };
    let (mut audio, mut key) = (head(8), head(101));
    audio.extend([0x66; 160]);
    key.extend([9, 0x8A, 3, 0x20]);
    let mut report = vec![0x81, 201, 0, 7];
    report.extend([6; 28]);
    report.extend([0x81, 203, 0, 1, 6, 6, 6, 6]);
    [audio, key, report]
}

fn check(local: &str, rtcp: RtcpMode) {
    let line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    let carrier = Carrier::start(CarrierConfig {
        // They send no audio: whatever is heard is a stranger's.
        rules: vec!["4*=silent:ring=0.1:talk=3600".parse().expect("a rule")],
        rtcp,
        rtcp_interval: Duration::from_millis(200),
        ..CarrierConfig::new(vec![line])
    })
    .expect("a carrier");
    let dial = Dial::start(dial(local, carrier.addresses()[0].to_string())).expect("it starts");
    let ports = ports_of(local);
    assert!(ports.len() > 2 * 32, "SIP, RTP and RTCP: {ports:?}");

    let (stop, stopped) = mpsc::channel::<()>();
    let node: std::net::IpAddr = local.parse().expect("an address");
    let stranger = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.66:0").expect("another address of loopback");
        let mut rounds = 0;
        while stopped.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            for packet in sprayed(rounds) {
                for port in &ports {
                    let _ = socket.send_to(&packet, (node, *port));
                }
            }
            rounds += 1;
        }
        rounds
    });
    wait_for_reports(&carrier, CALLS as u64);
    dial.stop();
    let digits = dial
        .events()
        .iter()
        .filter(|e| matches!(e, DialEvent::Stage { stage: DialStage::Digit(_), .. }))
        .count();
    drop(stop);
    assert!(stranger.join().expect("no panic") > 10);
    let report = dial.wait().expect("a report");
    let summary = carrier.stop().expect("a summary");

    assert_eq!((digits, report.rtp_packets.1), (0, 0), "nothing was heard");
    assert_eq!(report.results.len(), CALLS);
    for result in &report.results {
        assert_eq!(result.outcome, Outcome::Answered, "{result:?}");
        let ended = result.ended.as_ref().expect("it was answered");
        assert_eq!(ended.hung_up_by, "drain", "nothing ended the call before its time");
        let media = ended.media.expect("a session");
        assert_eq!((media.packets_received, media.far_lost), (0, Some(0)), "{media:?}");
        assert!(media.rtt_ms.is_some(), "{media:?}");
    }
    let rtcp = &summary.rtcp;
    assert_eq!((rtcp.calls, rtcp.unreported), (CALLS as u64, 0), "{rtcp:?}");
    assert_eq!((rtcp.malformed, rtcp.implausible, rtcp.strange), (0, 0, 0), "{rtcp:?}");
    assert_eq!(rtcp.received, rtcp.sender_reports, "{rtcp:?}");
    assert!(rtcp.received <= report.rtcp_packets.0 && report.rtcp_packets.1 <= rtcp.sent, "{rtcp:?}");
    assert_eq!((summary.rtp.strange, summary.answered, summary.open), (0, CALLS as u64, 0));
    assert!(summary.holds());
}

#[test]
fn with_reports_on_the_rtp_port() {
    check("127.0.0.77", RtcpMode::Mux);
}

#[test]
fn with_reports_beside_it() {
    check("127.0.0.78", RtcpMode::Next);
}
