//! How far packets are from their due times.

/// A histogram of microseconds, four buckets to a doubling from 16 µs to half a second.
#[derive(Debug)]
pub(crate) struct Deviation {
    buckets: [u32; 64],
    count: u32,
    pub(crate) max: u32,
}

impl Default for Deviation {
    fn default() -> Self {
        Self { buckets: [0; 64], count: 0, max: 0 }
    }
}

impl Deviation {
    pub(crate) fn add(&mut self, us: u64) {
        let us = us.min(u64::from(u32::MAX)) as u32;
        let bucket = if us < 16 {
            us / 4
        } else {
            let doubling = us.ilog2();
            ((doubling - 3) * 4 + ((us >> (doubling - 2)) & 3)).min(63)
        };
        self.buckets[bucket as usize] += 1;
        self.count += 1;
        self.max = self.max.max(us);
    }

    /// Upper edge of the bucket that holds the percentile, never above the maximum; 0 of nothing.
    pub(crate) fn percentile(&self, percent: u32) -> u32 {
        let rank = (u64::from(self.count) * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                let bucket = bucket as u32;
                let edge = match bucket {
                    0..4 => bucket * 4 + 3,
                    63 => u32::MAX,
                    _ => (1 << (bucket / 4 + 3)) + (bucket % 4 + 1) * (1 << (bucket / 4 + 1)) - 1,
                };
                return edge.min(self.max);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_fifth() {
        let mut deviation = Deviation::default();
        (1..=1_000u64).for_each(|us| deviation.add(us * 10));
        for (percent, exact) in [(50, 5_000), (99, 9_900)] {
            let got = deviation.percentile(percent);
            assert!((exact..exact * 6 / 5).contains(&got), "{percent}: {got}");
        }
        let mut one = Deviation::default();
        one.add(u64::MAX);
        assert_eq!(one.percentile(99), u32::MAX);
    }
}
