//! Units that cannot be mixed up.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// New calls in any rolling second: 1 to 10,000. A bare 0 would be a line that can never be used, which is what
/// disabling a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = u32, minimum = 1, maximum = 10_000))]
#[serde(try_from = "u32", into = "u32")]
pub struct CallsPerSecond(u32);

impl CallsPerSecond {
    /// The highest rate that a line may have.
    pub const MAX: u32 = 10_000;

    /// `None` outside 1 to [`CallsPerSecond::MAX`].
    pub fn new(rate: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&rate).then_some(Self(rate))
    }

    /// Calls in a second.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for CallsPerSecond {
    type Error = String;
    fn try_from(rate: u32) -> Result<Self, String> {
        Self::new(rate).ok_or_else(|| format!("calls per second must be 1 to {}, not {rate}", Self::MAX))
    }
}

impl From<CallsPerSecond> for u32 {
    fn from(rate: CallsPerSecond) -> u32 {
        rate.0
    }
}

impl fmt::Display for CallsPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A wall-clock instant: microseconds since 1970-01-01 UTC, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// Later by `duration`, at most the end of time.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier`; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bounded() {
        assert_eq!(CallsPerSecond::new(0), None);
        assert_eq!(CallsPerSecond::new(10_001), None);
        assert_eq!(CallsPerSecond::new(20).map(CallsPerSecond::get), Some(20));
    }

    #[test]
    fn time_does_not_run_over() {
        assert_eq!(UnixMicros(i64::MAX).saturating_add(Duration::MAX), UnixMicros(i64::MAX));
        assert_eq!(UnixMicros(5).since(UnixMicros(9)), Duration::ZERO);
        assert_eq!(UnixMicros(9).since(UnixMicros(5)), Duration::from_micros(4));
    }
}
