//! The two sums that a carrier's limits are judged by: most calls at once, most calls in any rolling second.
//!
//! Both look at every event, not at samples: what no event shows did not happen.

use serde::{Deserialize, Serialize};

/// Microseconds in the rolling second.
pub const SECOND_US: u64 = 1_000_000;

/// A highest value and when it was first reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Peak {
    /// The value.
    pub count: u32,
    /// Unix microseconds of the event that reached it; 0 when there was none.
    pub at_us: u64,
}

impl Peak {
    fn raise(&mut self, count: u32, at_us: u64) {
        if count > self.count {
            *self = Self { count, at_us };
        }
    }
}

/// Most spans open at once. A span is `[start, end)`: what ends when another starts does not overlap it. One without
/// an end is open for ever; one that ends when it starts, or before, lasts for its first microsecond.
pub fn peak_open(spans: &[(u64, Option<u64>)]) -> Peak {
    let mut starts: Vec<u64> = spans.iter().map(|(start, _)| *start).collect();
    let mut ends: Vec<u64> = spans.iter().filter_map(|(start, end)| end.map(|e| e.max(start + 1))).collect();
    starts.sort_unstable();
    ends.sort_unstable();

    let (mut peak, mut ended) = (Peak::default(), 0);
    for (begun, start) in starts.iter().enumerate() {
        while ended < ends.len() && ends[ended] <= *start {
            ended += 1;
        }
        peak.raise((begun + 1 - ended) as u32, *start);
    }
    peak
}

/// Most events in any window `[t, t + window_us)`: two events exactly `window_us` apart are never in one window.
pub fn peak_in_window(times: &[u64], window_us: u64) -> Peak {
    let mut times = times.to_vec();
    times.sort_unstable();

    let (mut peak, mut oldest) = (Peak::default(), 0);
    for (newest, at) in times.iter().enumerate() {
        while at - times[oldest] >= window_us {
            oldest += 1;
        }
        peak.raise((newest + 1 - oldest) as u32, *at);
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_700_000_000_000_000;

    #[test]
    fn events_exactly_one_second_apart_share_no_window() {
        let times: Vec<u64> = (0..50).map(|n| T + n * SECOND_US).collect();
        assert_eq!(peak_in_window(&times, SECOND_US).count, 1);
    }

    #[test]
    fn events_a_microsecond_less_than_a_second_apart_share_one() {
        assert_eq!(
            peak_in_window(&[T, T + SECOND_US - 1], SECOND_US),
            Peak { count: 2, at_us: T + SECOND_US - 1 }
        );
    }

    #[test]
    fn a_burst_across_a_clock_second_is_found() {
        // 5 at x.9 and 5 at (x+1).1: at most 5 in any clock second, 10 in a rolling one.
        let mut times = vec![T + 900_000; 5];
        times.extend([T + SECOND_US + 100_000; 5]);
        assert_eq!(peak_in_window(&times, SECOND_US).count, 10);
    }

    #[test]
    fn simultaneous_events_all_count() {
        assert_eq!(peak_in_window(&[T; 7], SECOND_US).count, 7);
        assert_eq!(peak_in_window(&[], SECOND_US), Peak::default());
    }

    #[test]
    fn the_order_of_the_ledger_does_not_matter() {
        assert_eq!(peak_in_window(&[T + 3, T, T + 2, T + 1], 3).count, 3);
    }

    #[test]
    fn a_steady_rate_at_the_limit_is_not_over_it() {
        let times: Vec<u64> = (0..1_000).map(|n| T + n * 50_000).collect(); // 20 a second
        assert_eq!(peak_in_window(&times, SECOND_US).count, 20);
    }

    #[test]
    fn a_call_that_ends_when_the_next_starts_does_not_overlap_it() {
        assert_eq!(peak_open(&[(T, Some(T + 5)), (T + 5, Some(T + 9))]).count, 1);
        assert_eq!(peak_open(&[(T, Some(T + 6)), (T + 5, Some(T + 9))]), Peak { count: 2, at_us: T + 5 });
    }

    #[test]
    fn a_call_without_an_end_stays_open() {
        assert_eq!(peak_open(&[(T, None), (T + 1, Some(T + 2)), (T + 3, Some(T + 4))]).count, 2);
    }

    #[test]
    fn calls_of_no_length_count_for_their_microsecond() {
        assert_eq!(peak_open(&[(T, Some(T)), (T, Some(T))]).count, 2);
        assert_eq!(peak_open(&[(T, Some(T)), (T + 1, Some(T))]).count, 1);
        assert_eq!(peak_open(&[(T - 5, None), (T, Some(T))]).count, 2);
        assert_eq!(peak_open(&[]), Peak::default());
    }

    #[test]
    fn agrees_with_counting_every_pair() {
        let mut random = crate::random::Random::keyed(3, b"spans");
        for _ in 0..200 {
            let spans: Vec<(u64, Option<u64>)> = (0..40)
                .map(|_| {
                    let start = T + random.below(60);
                    (start, Some(start + 1 + random.below(20)))
                })
                .collect();
            let open_at = |t: u64| spans.iter().filter(|(s, e)| *s <= t && e.unwrap() > t).count() as u32;
            assert_eq!(peak_open(&spans).count, spans.iter().map(|(s, _)| open_at(*s)).max().unwrap());
            let times: Vec<u64> = spans.iter().map(|(s, _)| *s).collect();
            let within = |t: u64| times.iter().filter(|s| **s >= t && **s < t + 10).count() as u32;
            assert_eq!(peak_in_window(&times, 10).count, times.iter().map(|t| within(*t)).max().unwrap());
        }
    }
}
