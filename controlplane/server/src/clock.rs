//! The two clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use common::UnixMicros;
use peal_core::planner::Now;

pub(crate) fn wall() -> UnixMicros {
    // A clock before 1970 is read as 1970: schedules are then shut, which is the safe side.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub(crate) fn now() -> Now {
    Now { mono: Instant::now(), wall: wall() }
}
