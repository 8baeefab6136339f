//! Circuit breaker and limit of a connector: who is down is not asked, and who is full is not asked more.
//!
//! ```text
//!          FAILURES in a row              pause over
//! Closed ───────────────────▶ Open ───────────────────▶ Trial ── one session
//!    ▲                         ▲                          │  │
//!    └─────── it worked ───────┼──────────────────────────┘  │
//!                              └──────── it failed ──────────┘
//! ```

use std::time::{Duration, Instant};

/// Failures in a row that open it.
pub const FAILURES: u32 = 5;
/// How long it stays open at first; twice as long after each trial that fails.
pub const PAUSE: Duration = Duration::from_secs(2);
/// How long it stays open at most: calls are waiting.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why no session is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many sessions are open as the connector allows.
    #[error("all sessions of the connector are taken")]
    Full,
    /// It failed lately and is left alone for a while.
    #[error("the connector failed and is left alone for a while")]
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Trial { pause: Duration },
}

/// The breaker of one connector.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    sessions: usize,
    sessions_max: usize,
    times_opened: u64,
}

impl Breaker {
    /// A closed breaker for at most so many sessions.
    pub fn new(sessions_max: usize) -> Self {
        Self { state: State::Closed { failures: 0 }, sessions: 0, sessions_max, times_opened: 0 }
    }

    /// Begins a session, if one may begin. Each that begins is over with [`Breaker::end`].
    pub fn begin(&mut self, now: Instant) -> Result<(), Refusal> {
        match self.state {
            State::Open { until, .. } if now < until => return Err(Refusal::Down),
            State::Trial { .. } => return Err(Refusal::Down),
            State::Open { .. } | State::Closed { .. } => {}
        }
        if self.sessions >= self.sessions_max {
            return Err(Refusal::Full);
        }
        if let State::Open { pause, .. } = self.state {
            self.state = State::Trial { pause };
        }
        self.sessions += 1;
        Ok(())
    }

    /// The server answered as it should.
    pub fn worked(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// The server could not be reached, or broke the connection, or sent rubbish.
    pub fn failed(&mut self, now: Instant) {
        let pause = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES => {
                self.state = State::Closed { failures: failures + 1 };
                return;
            }
            State::Closed { .. } => PAUSE,
            State::Trial { pause } => (2 * pause).min(PAUSE_MAX),
            // Sessions that were open when it opened.
            State::Open { .. } => return,
        };
        self.state = State::Open { until: now + pause, pause };
        self.times_opened += 1;
    }

    /// A session is over.
    pub fn end(&mut self) {
        debug_assert!(self.sessions > 0, "each end has a beginning");
        self.sessions = self.sessions.saturating_sub(1);
        // A trial that ended without a word leaves the next one to find out.
        if matches!(self.state, State::Trial { .. }) && self.sessions == 0 {
            self.state = State::Closed { failures: FAILURES - 1 };
        }
    }

    /// Sessions that may still begin; none while it is open.
    pub fn free(&self, now: Instant) -> usize {
        match self.state {
            State::Open { until, .. } if now < until => 0,
            State::Open { .. } => 1.min(self.sessions_max - self.sessions),
            State::Trial { .. } => 0,
            State::Closed { .. } => self.sessions_max.saturating_sub(self.sessions),
        }
    }

    /// How often it has opened.
    pub fn times_opened(&self) -> u64 {
        self.times_opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_left_alone_for_longer_and_longer() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(100);
        for _ in 0..FAILURES {
            breaker.begin(now).expect("closed");
            breaker.failed(now);
            breaker.end();
        }
        let mut pause = PAUSE;
        for _ in 0..8 {
            assert_eq!((breaker.begin(now), breaker.free(now)), (Err(Refusal::Down), 0));
            now += pause;
            assert_eq!(breaker.free(now), 1);
            breaker.begin(now).expect("a trial");
            assert_eq!(breaker.begin(now), Err(Refusal::Down), "one trial at a time");
            breaker.failed(now);
            breaker.end();
            pause = (2 * pause).min(PAUSE_MAX);
        }
        now += pause;
        breaker.begin(now).expect("a trial");
        breaker.worked();
        breaker.begin(now).expect("closed again");
        assert_eq!((breaker.free(now), breaker.times_opened()), (98, 9));
    }

    #[test]
    fn one_success_forgets_failures() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1);
        for _ in 0..3 * FAILURES {
            breaker.begin(now).expect("closed");
            breaker.failed(now);
            breaker.end();
            breaker.begin(now).expect("closed");
            breaker.worked();
            breaker.end();
        }
    }

    #[test]
    fn no_more_sessions_than_allowed() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2);
        breaker.begin(now).expect("the first");
        breaker.begin(now).expect("the second");
        assert_eq!(breaker.begin(now), Err(Refusal::Full));
        breaker.end();
        assert_eq!(breaker.free(now), 1);
        breaker.begin(now).expect("room again");
    }
}
