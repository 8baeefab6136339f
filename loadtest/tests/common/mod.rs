//! A small caller, and SIPp.

#![allow(dead_code, reason = "every test uses a part of it")]

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use loadtest::{Carrier, CarrierConfig, CarrierHandle, CarrierStats, LineConfig};

/// Longer than anything here takes: reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A carrier with one line, `a`, at a free port; human times are a tenth.
pub fn carrier(change: impl FnOnce(&mut CarrierConfig)) -> CarrierHandle {
    let mut config = CarrierConfig::new(vec![LineConfig::new("a", "127.0.0.1:0".parse().unwrap())]);
    config.time_scale = 0.1;
    change(&mut config);
    Carrier::start(config).unwrap()
}

/// Waits until the carrier's counters are as they should be.
pub fn wait_until(carrier: &CarrierHandle, what: &str, is_so: impl Fn(CarrierStats) -> bool) {
    let begun = Instant::now();
    while !is_so(carrier.stats()) {
        assert!(begun.elapsed() < PATIENCE, "never so: {what}: {:?}", carrier.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs SIPp with a scenario of `tests/scenarios`, or a built-in one, and fails with its output if a call failed.
pub fn sipp(carrier: SocketAddrV4, scenario: &str, number: &str, calls: u32, options: &[&str]) {
    let work = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(format!("{scenario}.xml"));
    let port = free_port().to_string();
    let mut command = Command::new("sipp");
    command.current_dir(work.path());
    if file.exists() {
        command.arg("-sf").arg(file);
    } else {
        command.args(["-sn", scenario]);
    }
    command.args([&carrier.to_string(), "-s", number, "-i", "127.0.0.1", "-p", &port, "-r", "20"]);
    command.args(["-m", &calls.to_string(), "-nostdin", "-trace_err", "-timeout", "25s", "-timeout_error"]);
    let run = command.args(options).output().expect("SIPp is installed (Debian: sip-tester)");
    if !run.status.success() {
        let errors: String = std::fs::read_dir(work.path())
            .unwrap()
            .filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok())
            .collect();
        panic!("SIPp: {}\n{}\n{errors}", run.status, String::from_utf8_lossy(&run.stdout));
    }
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder of the corpora that tests share.
pub fn corpus(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora").join(name);
    assert!(folder.is_dir(), "the corpus {} is missing", folder.display());
    folder
}

/// A caller that says what it is told to, and nothing by itself.
pub struct Caller {
    sip: UdpSocket,
    pub rtp: UdpSocket,
    pub carrier: SocketAddrV4,
}

impl Caller {
    pub fn new(carrier: SocketAddrV4) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        Self { sip: socket(), rtp: socket(), carrier }
    }

    pub fn send(&self, bytes: &[u8]) {
        self.sip.send_to(bytes, self.carrier).unwrap();
    }

    /// Any request; the Call-ID is the number dialled.
    pub fn request(&self, method: &str, number: &str, cseq: u32, headers: &str, body: &str) {
        let local = self.sip.local_addr().unwrap();
        let cseq_method = if method == "ACK" { "INVITE" } else { method };
        self.send(
            format!(
                "{method} sip:{number}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}{cseq}{cseq_method};rport\r\n\
                 From: <sip:test@{local}>;tag=1\r\nTo: <sip:{number}@{}>\r\nCall-ID: {number}\r\nCSeq: {cseq} {cseq_method}\r\n\
                 Contact: <sip:test@{local}>\r\nMax-Forwards: 70\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                self.carrier,
                self.carrier,
                body.len()
            )
            .as_bytes(),
        );
    }

    pub fn invite(&self, number: &str) {
        self.request("INVITE", number, 1, "Content-Type: application/sdp\r\n", &self.description());
    }

    pub fn description(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    /// The next message.
    pub fn receive(&self) -> String {
        let mut buffer = [0; 8192];
        let (length, _) = self.sip.recv_from(&mut buffer).expect("the carrier says something");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Skips messages until one whose first line begins so.
    pub fn until(&self, start: &str) -> String {
        loop {
            let message = self.receive();
            if message.starts_with(start) {
                return message;
            }
        }
    }

    /// Dials and answers the 200 with an ACK. Returns where the callee's audio is.
    pub fn call(&self, number: &str) -> SocketAddr {
        self.invite(number);
        let answer = self.until("SIP/2.0 200");
        self.request("ACK", number, 1, "", "");
        audio_address(&answer)
    }

    /// One RTP packet of silence.
    pub fn talk(&self, to: SocketAddr, n: u16) {
        let mut packet = vec![0x80, 8, (n >> 8) as u8, n as u8];
        packet.extend((u32::from(n) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        packet.extend([0xD5; 160]);
        self.rtp.send_to(&packet, to).unwrap();
    }
}

/// Address and port of the audio in a description.
pub fn audio_address(message: &str) -> SocketAddr {
    let field = |key: &str| {
        let line = message.lines().find_map(|line| line.strip_prefix(key)).expect("the description has it");
        line.split(' ').next().unwrap().to_owned()
    };
    format!("{}:{}", field("c=IN IP4 "), field("m=audio ")).parse().unwrap()
}
