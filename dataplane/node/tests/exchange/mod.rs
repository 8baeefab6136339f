//! Waiting until the two ends of some calls have told each other what they hear.

use std::time::{Duration, Instant};

use loadtest::{CarrierHandle, CarrierStats};

/// Returns when each of `calls` has sent a report, has been answered it, and has sent on for a while since, so that it has
/// read the answer. The first reports leave within 3.75 s of a call's own time.
pub fn wait_for_reports(carrier: &CarrierHandle, calls: u64) {
    wait_for(carrier, |stats| stats.reported >= calls);
    let then = carrier.stats().packets_received;
    wait_for(carrier, |stats| stats.packets_received >= then + 20 * calls);
}

fn wait_for(carrier: &CarrierHandle, is_so: impl Fn(&CarrierStats) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so(&carrier.stats()) {
        assert!(Instant::now() < deadline, "no exchange of reports: {:?}", carrier.stats());
        std::thread::sleep(Duration::from_millis(20));
    }
}
