//! Non-INVITE client transaction (RFC 3261 section 17.1.2).

use std::time::{Duration, Instant};

use super::TimerValues;
use super::timers::{Alarm, OnTimer};

//         1xx                 200-699
// Trying ─────▶ Proceeding ──────────▶ Completed ──K──▶ Terminated
//    └──────────── 200-699 ──────────────▲                  ▲
//    └──F── (from either) ──────────────────────────────────┘
/// The machine. Timer E repeats the request, every T2 once a provisional response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestClient {
    timers: TimerValues,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying { retransmit_at: Instant, interval: Duration, give_up_at: Instant },
    Proceeding { retransmit_at: Instant, give_up_at: Instant },
    Completed { until: Instant },
    Terminated,
}

/// What a response means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnResponse {
    /// The first final response, or a provisional one: pass it up.
    Deliver,
    /// A final response again, or too late.
    Ignore,
}

impl RequestClient {
    /// The request has just been sent for the first time.
    pub fn start(now: Instant, timers: TimerValues) -> Self {
        let state = State::Trying {
            retransmit_at: now + timers.t1,
            interval: timers.t1,
            give_up_at: now + timers.give_up(),
        };
        RequestClient { timers, state }
    }

    /// A response with this status arrived.
    pub fn on_response(&mut self, now: Instant, status: u16) -> OnResponse {
        match (self.state, status) {
            (State::Trying { give_up_at, .. }, 100..=199) => {
                self.state = State::Proceeding { retransmit_at: now + self.timers.t2, give_up_at };
                OnResponse::Deliver
            }
            (State::Proceeding { .. }, 100..=199) => OnResponse::Deliver,
            (State::Trying { .. } | State::Proceeding { .. }, 200..=699) => {
                self.state = State::Completed { until: now + self.timers.t4 };
                OnResponse::Deliver
            }
            (
                State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated,
                _,
            ) => OnResponse::Ignore,
        }
    }

    /// The time of [`alarm`](RequestClient::alarm) has come.
    pub fn on_timer(&mut self, now: Instant) -> OnTimer {
        match &mut self.state {
            State::Trying { give_up_at, .. } | State::Proceeding { give_up_at, .. } if now >= *give_up_at => {
                self.state = State::Terminated;
                OnTimer::GiveUp
            }
            State::Trying { retransmit_at, interval, .. } if now >= *retransmit_at => {
                *interval = (*interval * 2).min(self.timers.t2);
                *retransmit_at = now + *interval;
                OnTimer::Retransmit
            }
            State::Proceeding { retransmit_at, .. } if now >= *retransmit_at => {
                *retransmit_at = now + self.timers.t2;
                OnTimer::Retransmit
            }
            State::Completed { until } if now >= *until => {
                self.state = State::Terminated;
                OnTimer::Forget
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                OnTimer::Wait
            }
        }
    }

    /// When and why it wants to be woken.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.state {
            State::Trying { retransmit_at, give_up_at, .. }
            | State::Proceeding { retransmit_at, give_up_at } => Some(if retransmit_at < give_up_at {
                Alarm::retransmit(retransmit_at)
            } else {
                Alarm::give_up(give_up_at)
            }),
            State::Completed { until } => Some(Alarm::forget(until)),
            State::Terminated => None,
        }
    }

    /// No final response has come.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_repeated_up_to_every_t2_until_timer_f() {
        let start = Instant::now();
        let mut machine = RequestClient::start(start, TimerValues::default());
        let mut sent_ms = Vec::new();
        let end = loop {
            let at = machine.alarm().expect("a trying transaction has a timer").at;
            match machine.on_timer(at) {
                OnTimer::Retransmit => sent_ms.push((at - start).as_millis()),
                OnTimer::GiveUp => break at,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sent_ms, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end - start, Duration::from_secs(32));
    }

    #[test]
    fn a_final_response_is_delivered_once_and_forgotten_after_timer_k() {
        let start = Instant::now();
        let mut machine = RequestClient::start(start, TimerValues::default());
        assert_eq!(machine.on_response(start, 100), OnResponse::Deliver);
        assert_eq!(machine.alarm(), Some(Alarm::retransmit(start + Duration::from_secs(4))));
        assert_eq!(machine.on_response(start, 200), OnResponse::Deliver);
        assert_eq!(machine.on_response(start, 200), OnResponse::Ignore);
        assert_eq!(machine.alarm(), Some(Alarm::forget(start + Duration::from_secs(5))));
        assert_eq!(machine.on_timer(start + Duration::from_secs(5)), OnTimer::Forget);
        assert_eq!(machine.alarm(), None);
    }
}
