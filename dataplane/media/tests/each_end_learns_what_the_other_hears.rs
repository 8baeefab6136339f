//! Two sessions across a link that loses, delays and shakes: each learns the other's loss, jitter and round trip.

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::*;
use peal_media::*;

/// One way of the link. Packets are numbered in the order in which they leave.
struct Way {
    delay_ms: u64,
    /// Every so many-th RTP packet is lost.
    loses: u64,
    /// Every other RTP packet is late by so much.
    shakes_ms: u64,
    sent: u64,
    lost: u64,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl Way {
    fn new(delay_ms: u64, loses: u64, shakes_ms: u64) -> Way {
        Way { delay_ms, loses, shakes_ms, sent: 0, lost: 0, under_way: VecDeque::new() }
    }

    fn send(&mut self, now: Instant, bytes: &[u8]) {
        let rtcp = rtcp::is_rtcp(bytes);
        self.sent += u64::from(!rtcp);
        if !rtcp && self.sent.is_multiple_of(self.loses) {
            self.lost += 1;
            return;
        }
        let late = if !rtcp && self.sent.is_multiple_of(2) { self.shakes_ms } else { 0 };
        let at = now + Duration::from_millis(self.delay_ms + late);
        // A report overtakes the packet that is late.
        let place = self.under_way.partition_point(|(before, _)| *before <= at);
        self.under_way.insert(place, (at, bytes.to_vec()));
    }
}

struct End {
    session: MediaSession,
    address: SocketAddr,
    reports: u32,
}

impl End {
    fn new(seed: u32, address: &str, remote: &str) -> End {
        let mut session = MediaSession::new(SessionConfig {
            ssrc: seed,
            sequence: 65_000,
            timestamp: 1,
            rtcp: u128::from(seed) * 0x1_0000_0001,
            send_silence: true,
        });
        let remote: SocketAddr = remote.parse().unwrap();
        session.set_remote(MediaPlan { remote, remote_rtcp: remote, rtcp_mux: true, ..plan() });
        session.answer();
        End { session, address: address.parse().unwrap(), reports: 0 }
    }

    fn tick(&mut self, now: Instant, way: &mut Way) {
        let mut out = [0; MAX_PACKET_LEN];
        let sent = self.session.tick(now, &mut out).expect("silence is sent");
        way.send(now, &out[..sent.len]);
        if self.session.is_report_due() {
            let sent = self.session.poll_rtcp(now, &mut out).expect("it is due");
            assert!(rtcp::is_rtcp(&out[..sent.len]) && sent.len <= MAX_RTCP_LEN);
            self.reports += 1;
            way.send(now, &out[..sent.len]);
        }
    }
}

/// Runs both ends for so many seconds, a millisecond at a time.
fn run(a: &mut End, b: &mut End, there: &mut Way, back: &mut Way, seconds: u32) {
    let start = Instant::now();
    for ms in 0..seconds * 1000 {
        let now = start + Duration::from_millis(u64::from(ms));
        if ms % 20 == 0 {
            a.tick(now, there);
        }
        // The clocks of two machines do not tick together.
        if ms % 20 == 7 {
            b.tick(now, back);
        }
        deliver(now, there, b, a.address);
        deliver(now, back, a, b.address);
    }
}

fn deliver(now: Instant, way: &mut Way, to: &mut End, from: SocketAddr) {
    while let Some((_, bytes)) = way.under_way.pop_front_if(|(at, _)| *at <= now) {
        let received = to.session.receive(now, from, &bytes);
        assert!(!matches!(received, Received::Dropped(_) | Received::Rtcp(Err(_))), "{received:?}");
    }
}

#[test]
fn loss_jitter_and_round_trip_come_out_as_the_link_was() {
    let (mut a, mut b) =
        (End::new(1, "10.0.0.1:4000", "10.0.0.2:5000"), End::new(2, "10.0.0.2:5000", "10.0.0.1:4000"));
    // 4 % and 10 % loss; 12 ms of shaking one way only; 30 + 50 ms round trip.
    let (mut there, mut back) = (Way::new(30, 25, 0), Way::new(50, 10, 12));
    run(&mut a, &mut b, &mut there, &mut back, 120);

    let (of_a, of_b) = (a.session.quality(), b.session.quality());
    let (heard_of_a, heard_of_b) = (of_a.far.expect("B has told"), of_b.far.expect("A has told"));
    for (quality, reports) in [(of_a, b.reports), (of_b, a.reports)] {
        assert!((18..=50).contains(&reports), "every 2.5 to 7.5 s: {reports}");
        assert!(reports - quality.reports_received <= 1, "all but one under way");
    }

    // What one end was told is what the other counted, as of the report: at most 7.5 s of it are younger.
    for (told, counted, rate) in [(heard_of_a, of_b, 0.04), (heard_of_b, of_a, 0.1)] {
        assert!(told.lost <= counted.lost && counted.lost - told.lost <= 38, "{told:?} {counted:?}");
        assert!((f64::from(told.fraction_lost_max) - rate).abs() < 0.02, "{told:?}");
        assert!(
            (f64::from(told.jitter_ms) - f64::from(counted.jitter_ms)).abs() < 1.0,
            "{told:?} {counted:?}"
        );
    }
    assert_eq!((there.lost, back.lost), (240, 600));
    assert!((230..=240).contains(&heard_of_a.lost) && (560..=600).contains(&heard_of_b.lost));
    assert!(heard_of_a.jitter_ms < 0.5, "nobody shook on the way there: {heard_of_a:?}");
    // Steps of 12 ms each time but over a loss converge on about that (appendix A.8).
    assert!((9.0..=12.5).contains(&heard_of_b.jitter_ms), "{heard_of_b:?}");

    // Ours to B and B's answer back: 80 ms, to the millisecond in which packets are taken.
    for told in [heard_of_a, heard_of_b] {
        let (rtt, max) = (told.rtt_ms.expect("an answer"), told.rtt_max_ms.expect("an answer"));
        assert!((rtt - 80.0).abs() < 0.1 && (max - 80.0).abs() < 0.1, "{rtt} {max}");
    }
}

#[test]
fn an_end_that_only_listens_sends_receiver_reports_and_is_answered_nothing() {
    let (mut a, mut b) =
        (End::new(1, "10.0.0.1:4000", "10.0.0.2:5000"), End::new(2, "10.0.0.2:5000", "10.0.0.1:4000"));
    let remote = "10.0.0.1:4000".parse().unwrap();
    b.session.set_remote(MediaPlan {
        remote,
        remote_rtcp: remote,
        rtcp_mux: true,
        direction: Direction::ReceiveOnly,
        ..plan()
    });
    let start = Instant::now();
    let (mut out, mut kinds) = ([0; MAX_PACKET_LEN], Vec::new());
    for n in 0..2000 {
        let now = start + TICK * n;
        let sent = a.session.tick(now, &mut out).unwrap();
        b.session.receive(now, a.address, &out[..sent.len]);
        assert_eq!(b.session.tick(now, &mut out), None);
        report(now, &mut a, &mut b, &mut kinds);
        report(now, &mut b, &mut a, &mut kinds);
    }
    assert!(kinds.iter().all(|&(port, kind)| kind == if port == 4000 { 200 } else { 201 }), "{kinds:?}");
    let (of_a, of_b) = (a.session.quality().far.unwrap(), b.session.quality().far);
    assert_eq!((of_a.lost, of_a.rtt_ms), (0, Some(0.0)));
    assert_eq!(of_b, None, "who sends nothing is not reported on");
}

fn report(now: Instant, from: &mut End, to: &mut End, kinds: &mut Vec<(u16, u8)>) {
    let mut out = [0; MAX_RTCP_LEN];
    if let Some(sent) = from.session.poll_rtcp(now, &mut out) {
        kinds.push((from.address.port(), out[1]));
        assert_eq!(to.session.receive_rtcp(now, from.address, &out[..sent.len]), Ok(()));
    }
}
