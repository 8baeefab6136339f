//! A window begins when enough calls are up, covers those that are, and tells what came in it.

mod common;

use std::time::Duration;

use common::{Caller, carrier, wait_until};
use loadtest::MeasureConfig;

#[test]
fn a_window_of_two_calls_is_measured_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    let carrier = carrier(|c| {
        c.rules = vec!["*=person:ring=0.1:hangup=caller".parse().unwrap()];
        c.measure = Some(MeasureConfig {
            calls: 2,
            settle: Duration::ZERO,
            length: Duration::from_secs(1),
            marks: Some(marks.clone()),
        });
    });
    let callers = [1, 2].map(|_| Caller::new(carrier.addresses()[0]));
    let far = [0, 1].map(|n| callers[n].call(&n.to_string()));
    // Whenever the callee is heard something is said, until the window has ended; number 30 is left out by the second.
    let told = || std::fs::read_to_string(&marks).unwrap_or_default();
    let mut buffer = [0; 2048];
    let mut left_out = false;
    for n in 0.. {
        for (which, caller) in callers.iter().enumerate() {
            caller.rtp.recv_from(&mut buffer).expect("the callee talks");
            if which == 1 && !left_out && told().contains("begins") && n % 10 == 9 {
                left_out = true;
            } else {
                caller.talk(far[which], n);
            }
        }
        if told().contains("ends") {
            break;
        }
    }
    callers.iter().enumerate().for_each(|(n, caller)| caller.request("BYE", &n.to_string(), 2, "", ""));
    wait_until(&carrier, "over", |s| s.ended == 2);
    let window = carrier.stop().unwrap().window.expect("the window has ended");
    assert_eq!((window.calls, window.silent, window.restarted, window.ended_early), (2, 0, 0, 0));
    assert_eq!((window.lost, window.lost_by_caller, window.dropped_here), (1, 1, 0));
    assert_eq!(window.end_us - window.begin_us, 1_000_000);
    assert_eq!(window.expected, 100);
    assert!(window.received > 2, "{window:?}");
    let marked: Vec<String> = told().lines().map(str::to_owned).collect();
    assert_eq!(marked, [format!("begins {}", window.begin_us), format!("ends {}", window.end_us)]);
}

#[test]
fn a_window_that_never_began_is_not_told() {
    let carrier = carrier(|c| {
        c.measure = Some(MeasureConfig {
            calls: 1,
            settle: Duration::ZERO,
            length: Duration::from_secs(1),
            marks: None,
        });
    });
    assert_eq!(carrier.stop().unwrap().window, None);
}
