//! `peal dial` against SIPp, a far end that we did not write, with RTP.

mod common;

use std::{
    net::UdpSocket,
    process::{Command, Stdio},
    time::Duration,
};

use common::{run, said, text, tone_wav, wait_for};
use serde_json::Value;

/// Ends SIPp with the test, however that ends.
struct Sipp(std::process::Child);

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Calls of the run.
const CALLS: u32 = 20;

#[test]
fn sipp_answers_and_echoes_our_audio() {
    let dir = tempfile::tempdir().expect("a folder");
    let prompt = dir.path().join("hello.wav");
    tone_wav(&prompt, 1_000);
    let port =
        UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let calls = CALLS.to_string();
    // SIPp's own scenario of an answering end: 180, 200 with SDP, waits for ACK and BYE; it echoes RTP.
    let sipp = Command::new("sipp")
        .args([
            "-sn",
            "uas",
            "-i",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-m",
            &calls,
            "-rtp_echo",
            "-nostdin",
        ])
        .args([
            "-trace_stat",
            "-stf",
            text(&dir.path().join("stat.csv")),
            "-trace_err",
            "-error_file",
            text(&dir.path().join("errors.log")),
        ])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sipp is installed: run `make setup-test`");
    let mut sipp = Sipp(sipp);
    wait_for("SIPp's socket", Duration::from_secs(10), || UdpSocket::bind(("127.0.0.1", port)).err());

    // SIPp has one RTP address for all calls, so each of ours needs a port of its own to be told apart.
    let to = format!("sip:service@127.0.0.1:{port}");
    let output = run(&[
        "--json",
        "dial",
        &to,
        "--count",
        &calls,
        "--cps",
        "20",
        "--own-ports",
        "--play",
        text(&prompt),
        "--hold",
        "200ms",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["outcomes"]["answered"], CALLS, "{told}");
    assert_eq!(told["sip_retransmissions"], 0, "{told}");
    let (sent, received) =
        (told["rtp_sent"].as_u64().unwrap_or(0), told["rtp_received"].as_u64().unwrap_or(0));
    assert!(
        received * 10 >= sent * 9 && sent >= u64::from(CALLS) * 50,
        "most of what we sent comes back: {told}"
    );

    let status = wait_for("SIPp's end", Duration::from_secs(40), || sipp.0.try_wait().expect("it is ours"));
    assert!(status.success(), "SIPp counts a failed call: {status}");
}
