//! The two clocks of a node, read together.

use std::time::{Duration, Instant, SystemTime};

use common::UnixMicros;

/// One moment on both clocks. Everything is decided by `at`; `wall` is for records and for deadlines that others set.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic.
    pub at: Instant,
    /// May jump.
    pub wall: UnixMicros,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), wall: UnixMicros(0).saturating_add(since_1970) }
    }

    /// The wall clock's time of an instant of the recent past or future, µs since 1970.
    pub fn wall_of(&self, instant: Instant) -> i64 {
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match instant.checked_duration_since(self.at) {
            Some(ahead) => self.wall.0.saturating_add(micros(ahead)),
            None => self.wall.0.saturating_sub(micros(self.at - instant)),
        }
    }

    /// [`wall_of`](Self::wall_of), 0 for what did not happen.
    pub fn stamp(&self, instant: Option<Instant>) -> i64 {
        instant.map_or(0, |instant| self.wall_of(instant))
    }

    /// The instant at which the wall clock would show `wall`, unless it jumps; `None` when that has passed.
    pub fn instant_of(&self, wall: UnixMicros) -> Option<Instant> {
        let ahead = wall.since(self.wall);
        (!ahead.is_zero()).then(|| self.at.checked_add(ahead)).flatten()
    }
}
