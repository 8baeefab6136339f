//! Circuit breaker and limit of a connector: who is down is not asked, and who is full is not asked more.
//!
//! ```text
//!          FAILURES in a row              pause over
//! Closed ───────────────────▶ Open ───────────────────▶ Trial ── one session
//!    ▲                         ▲                          │  │
//!    └──── it was reached ─────┼──────────────────────────┘  │
//!                              └──────── it failed ──────────┘
//! ```
//!
//! Being reached proves little: servers accept connections that they do nothing with. So after a trial one failure opens it again, and for
//! longer, until a session has done what it is for.
//!
//! Of a server that is asked over HTTP a session is a request: [`SharedBreaker`].

mod place;

use std::time::{Duration, Instant};

pub use place::{Place, SharedBreaker, Verdict};

/// Failures in a row that open it.
pub const FAILURES: u32 = 5;
/// How long it stays open at first; twice as long each time, until a session has worked.
pub const PAUSE: Duration = Duration::from_secs(2);
/// How long it stays open at most: calls are waiting.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why no session is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many sessions are open as the connector allows.
    #[error("all places of the connector are taken")]
    Full,
    /// It failed lately and is left alone for a while.
    #[error("the connector failed and is left alone for a while")]
    Down,
}

/// That a session may run. To be given back when it is over, with [`Breaker::end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    /// Which trial it is, if it is one.
    trial: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Trial { number: u64 },
}

/// The breaker of one connector.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// How long it will be open next time.
    pause: Duration,
    sessions: usize,
    sessions_max: usize,
    trials: u64,
    times_opened: u64,
}

impl Breaker {
    /// A closed breaker for at most so many sessions.
    pub fn new(sessions_max: usize) -> Self {
        let state = State::Closed { failures: 0 };
        Self { state, pause: PAUSE, sessions: 0, sessions_max, trials: 0, times_opened: 0 }
    }

    /// Begins a session, if one may begin.
    pub fn begin(&mut self, now: Instant) -> Result<Permit, Refusal> {
        match self.state {
            State::Open { until } if now < until => return Err(Refusal::Down),
            State::Trial { .. } => return Err(Refusal::Down),
            State::Open { .. } | State::Closed { .. } => {}
        }
        if self.sessions >= self.sessions_max {
            return Err(Refusal::Full);
        }
        self.sessions += 1;
        let is_trial = matches!(self.state, State::Open { .. });
        if is_trial {
            self.trials += 1;
            self.state = State::Trial { number: self.trials };
        }
        Ok(Permit { trial: is_trial.then_some(self.trials) })
    }

    /// The server was reached.
    pub fn reached(&mut self, permit: Permit) {
        if self.is_tried_by(permit) {
            self.state = State::Closed { failures: FAILURES - 1 };
        }
    }

    /// A session did what it is for.
    pub fn worked(&mut self, permit: Permit) {
        if self.is_tried_by(permit) || matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { failures: 0 };
            self.pause = PAUSE;
        }
    }

    /// The server could not be reached, or broke the connection, or sent rubbish.
    pub fn failed(&mut self, now: Instant, permit: Permit) {
        match self.state {
            State::Closed { failures } if failures + 1 < FAILURES => {
                self.state = State::Closed { failures: failures + 1 };
                return;
            }
            State::Closed { .. } => {}
            State::Trial { .. } if self.is_tried_by(permit) => {}
            // Sessions that were there when it opened.
            State::Trial { .. } | State::Open { .. } => return,
        }
        self.state = State::Open { until: now + self.pause };
        self.pause = (2 * self.pause).min(PAUSE_MAX);
        self.times_opened += 1;
    }

    /// A session is over.
    pub fn end(&mut self, now: Instant, permit: Permit) {
        debug_assert!(self.sessions > 0, "each end has a beginning");
        self.sessions = self.sessions.saturating_sub(1);
        if self.is_tried_by(permit) {
            // It has found nothing out. The next one may.
            self.state = State::Open { until: now };
        }
    }

    /// Sessions that may still begin; none while it is open.
    pub fn free(&self, now: Instant) -> usize {
        let free = self.sessions_max.saturating_sub(self.sessions);
        match self.state {
            State::Open { until } if now < until => 0,
            State::Open { .. } => free.min(1),
            State::Trial { .. } => 0,
            State::Closed { .. } => free,
        }
    }

    /// Sessions that have begun and not ended.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// How often it has opened.
    pub fn times_opened(&self) -> u64 {
        self.times_opened
    }

    fn is_tried_by(&self, permit: Permit) -> bool {
        matches!(self.state, State::Trial { number } if permit.trial == Some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that fails, reached or not.
    fn fail(breaker: &mut Breaker, now: Instant, is_reached: bool) {
        let permit = breaker.begin(now).expect("a session may begin");
        if is_reached {
            breaker.reached(permit);
        }
        breaker.failed(now, permit);
        breaker.end(now, permit);
    }

    #[test]
    fn a_server_that_is_down_is_left_alone_for_longer_and_longer() {
        for is_reached in [false, true] {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(100);
            (0..FAILURES).for_each(|_| fail(&mut breaker, now, is_reached));
            let mut pause = PAUSE;
            for _ in 0..8 {
                assert_eq!((breaker.begin(now), breaker.free(now)), (Err(Refusal::Down), 0));
                now += pause;
                assert_eq!(breaker.free(now), 1);
                fail(&mut breaker, now, is_reached);
                pause = (2 * pause).min(PAUSE_MAX);
            }
            now += pause;
            let trial = breaker.begin(now).expect("a trial");
            assert_eq!(breaker.begin(now), Err(Refusal::Down), "one trial at a time");
            breaker.reached(trial);
            breaker.worked(trial);
            let _other = breaker.begin(now).expect("closed again");
            assert_eq!((breaker.free(now), breaker.times_opened()), (98, 9));
            (1..FAILURES).for_each(|_| fail(&mut breaker, now, is_reached));
            assert_eq!(breaker.free(now), 98, "what was before is forgotten");
        }
    }

    #[test]
    fn one_success_forgets_failures() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1);
        for _ in 0..3 * FAILURES {
            fail(&mut breaker, now, true);
            let permit = breaker.begin(now).expect("closed");
            breaker.worked(permit);
            breaker.end(now, permit);
        }
    }

    #[test]
    fn a_trial_that_finds_nothing_out_makes_room_for_another() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(100);
        let old = breaker.begin(now).expect("closed");
        (0..FAILURES).for_each(|_| fail(&mut breaker, now, false));
        now += PAUSE;
        let trial = breaker.begin(now).expect("a trial");
        breaker.failed(now, old);
        breaker.worked(old);
        assert_eq!(breaker.begin(now), Err(Refusal::Down), "an older session proves nothing");
        breaker.end(now, trial);
        let second = breaker.begin(now).expect("another trial");
        breaker.end(now, old);
        breaker.failed(now, second);
        assert_eq!(breaker.begin(now + PAUSE), Err(Refusal::Down));
        assert!(breaker.begin(now + 2 * PAUSE).is_ok(), "one trial has failed");
    }

    #[test]
    fn no_more_sessions_than_allowed() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2);
        let first = breaker.begin(now).expect("the first");
        let _second = breaker.begin(now).expect("the second");
        assert_eq!(breaker.begin(now), Err(Refusal::Full));
        breaker.end(now, first);
        assert_eq!(breaker.free(now), 1);
        assert!(breaker.begin(now).is_ok(), "room again");
    }
}
