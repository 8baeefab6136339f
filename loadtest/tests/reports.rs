//! RTCP goes where it was agreed to go, and what the caller reports is held against what it got.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::{Caller, audio_address, carrier, wait_until};
use loadtest::ledger::RtcpRecord;
use loadtest::{CarrierHandle, RtcpMode};

/// A carrier that reports ten times a second.
fn reporting(mode: RtcpMode) -> CarrierHandle {
    carrier(|c| {
        c.rtcp = mode;
        c.rtcp_interval = Duration::from_millis(100);
        c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()];
    })
}

/// Dials with these lines added to the description. Returns the answer and where the callee's audio is.
fn dial(caller: &Caller, lines: &str) -> (String, SocketAddr) {
    let description = caller.description() + lines;
    caller.request("INVITE", "1", 1, "Content-Type: application/sdp\r\n", &description);
    let answer = caller.until("SIP/2.0 200");
    caller.request("ACK", "1", 1, "", "");
    let far = audio_address(&answer);
    (answer, far)
}

fn hang_up(caller: &Caller, carrier: CarrierHandle) -> Option<RtcpRecord> {
    caller.request("BYE", "1", 2, "", "");
    wait_until(&carrier, "over", |s| s.ended == 1);
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    let record = ledger.calls[0].end.clone().unwrap().rtcp;
    assert_eq!(summary.rtcp.received, record.as_ref().map_or(0, |record| u64::from(record.received)));
    record
}

/// A receiver report about the stream of the sender report `about`, with that many packets lost.
fn receiver_report(about: &[u8], highest: u16, lost: u8) -> Vec<u8> {
    let mut bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 7];
    bytes.extend_from_slice(&about[4..8]);
    bytes.extend_from_slice(&[0, 0, 0, lost, 0, 0]);
    bytes.extend_from_slice(&highest.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    // The middle of the NTP time of the sender report, answered at once.
    bytes.extend_from_slice(&about[10..14]);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[0x81, 202, 0, 3, 0, 0, 0, 7, 1, 4, b'p', b'e', b'e', b'r', 0, 0]);
    bytes
}

/// The next RTCP at a socket, and the sequence number of the last RTP before it.
fn report_at(socket: &UdpSocket) -> (Vec<u8>, SocketAddr, u16) {
    let (mut buffer, mut sequence) = ([0; 2048], 0);
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("the carrier reports");
        if (192..224).contains(&buffer[1]) {
            return (buffer[..length].to_vec(), from, sequence);
        }
        sequence = u16::from_be_bytes([buffer[2], buffer[3]]);
    }
}

#[test]
fn muxed_reports_share_the_port_of_audio() {
    let carrier = reporting(RtcpMode::Mux);
    let caller = Caller::new(carrier.addresses()[0]);
    let (answer, far) = dial(&caller, "a=rtcp-mux\r\n");
    assert!(answer.contains("a=rtcp-mux\r\n"), "{answer}");
    let (report, from, heard) = report_at(&caller.rtp);
    assert_eq!((from, report[1]), (far, 200));
    // One honest report, one that claims more than was sent.
    caller.rtp.send_to(&receiver_report(&report, heard, 0), far).unwrap();
    caller.rtp.send_to(&receiver_report(&report, heard, 255), far).unwrap();
    caller.rtp.send_to(&report[..20], far).unwrap();
    wait_until(&carrier, "the reports are heard", |s| s.packets_received == 3);
    let record = hang_up(&caller, carrier).expect("the call had RTCP");
    assert_eq!((record.received, record.blocks, record.implausible, record.malformed), (2, 2, 1, 1));
    assert!(record.sent >= 1);
}

#[test]
fn by_default_reports_go_to_the_next_port_though_mux_is_offered() {
    let carrier = reporting(RtcpMode::Next);
    let caller = Caller::new(carrier.addresses()[0]);
    let control = UdpSocket::bind("127.0.0.1:0").unwrap();
    control.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let port = control.local_addr().unwrap().port();
    let (answer, far) = dial(&caller, &format!("a=rtcp-mux\r\na=rtcp:{port}\r\n"));
    assert!(!answer.contains("rtcp"), "{answer}");
    assert_eq!(far.port() % 2, 0);
    let (report, from, _) = report_at(&control);
    assert_eq!(from, SocketAddr::new(far.ip(), far.port() + 1));
    let (_, _, heard) = {
        let mut buffer = [0; 2048];
        caller.rtp.recv_from(&mut buffer).expect("the callee talks");
        (0, 0, u16::from_be_bytes([buffer[2], buffer[3]]))
    };
    control.send_to(&receiver_report(&report, heard, 0), from).unwrap();
    wait_until(&carrier, "the report is heard", |s| s.packets_received == 1);
    let record = hang_up(&caller, carrier).expect("the call had RTCP");
    assert_eq!((record.received, record.implausible, record.strange), (1, 0, 0));
}

#[test]
fn without_rtcp_there_is_nothing_at_the_next_port() {
    let carrier = reporting(RtcpMode::Off);
    let caller = Caller::new(carrier.addresses()[0]);
    let (answer, far) = dial(&caller, "a=rtcp-mux\r\n");
    assert!(!answer.contains("rtcp"), "{answer}");
    let control = UdpSocket::bind("127.0.0.1:0").unwrap();
    control.connect(SocketAddr::new(far.ip(), far.port() + 1)).unwrap();
    control.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    control.send(&[0; 8]).unwrap();
    assert_eq!(control.recv(&mut [0; 64]).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(hang_up(&caller, carrier), None);
}
