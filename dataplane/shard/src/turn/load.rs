//! How much of its core the shard's thread uses.

use std::time::{Duration, Instant};

use crate::thread;

/// Time between two looks at the thread's clock, each a system call.
const INTERVAL: Duration = Duration::from_millis(100);

/// The thread's clock at the last look.
pub(super) struct Load {
    looked: Instant,
    used: Duration,
}

impl Load {
    pub(super) fn start() -> Self {
        Self { looked: Instant::now(), used: used() }
    }

    /// The share of the time since the last look, 0–1, for which the thread ran; `None` if that was less than
    /// [`INTERVAL`] ago.
    pub(super) fn share(&mut self, now: Instant) -> Option<f32> {
        let passed = now.saturating_duration_since(self.looked);
        if passed < INTERVAL {
            return None;
        }
        let used = used();
        let share = used.saturating_sub(self.used).as_secs_f32() / passed.as_secs_f32();
        (self.looked, self.used) = (now, used);
        Some(share.min(1.0))
    }
}

fn used() -> Duration {
    thread::cpu_time(thread::id()).unwrap_or_default()
}
