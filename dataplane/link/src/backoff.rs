//! Pauses between attempts to connect.

use std::time::Duration;

/// The first pause: a control plane that restarts is back in about this time.
const FIRST: Duration = Duration::from_millis(100);
/// The longest: a node finds a control plane that came back within one lease.
const LONGEST: Duration = Duration::from_secs(4);

/// Doubles from [`FIRST`] to [`LONGEST`], each time between half and the whole of it.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        // xorshift stands still at zero.
        Self { next: FIRST, random: seed | 1 }
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(crate) fn next_pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let half_us = u64::try_from(whole.as_micros() / 2).expect("at most two seconds");
        Duration::from_micros(half_us + self.random % (half_us + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ_between_nodes() {
        let (mut a, mut b) = (Backoff::new(1), Backoff::new(2));
        let pauses: Vec<_> = (0..20).map(|_| (a.next_pause(), b.next_pause())).collect();
        let mut whole = FIRST;
        for (a, b) in &pauses {
            for pause in [a, b] {
                assert!((whole / 2..=whole).contains(pause), "{pause:?} of {whole:?}");
            }
            whole = (whole * 2).min(LONGEST);
        }
        assert!(pauses.iter().any(|(a, b)| a != b));
        a.reset();
        assert!(a.next_pause() <= FIRST);
    }
}
