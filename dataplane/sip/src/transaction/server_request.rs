//! Non-INVITE server transaction (RFC 3261 section 17.2.2).

use std::time::Instant;

use super::TimerValues;
use super::timers::{Alarm, OnTimer};

//                    200-699
// Trying/Proceeding ──────────▶ Completed ──J──▶ Terminated
/// The machine. It begins with the request received and no final response sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestServer {
    timers: TimerValues,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Completed { until: Instant },
    Terminated,
}

impl RequestServer {
    /// A request has arrived.
    pub fn start(timers: TimerValues) -> Self {
        RequestServer { timers, state: State::Trying }
    }

    /// The final response has just been sent.
    pub fn on_final_sent(&mut self, now: Instant) {
        if self.state == State::Trying {
            self.state = State::Completed { until: now + self.timers.give_up() };
        }
    }

    /// The request arrived again. True when the response is to be sent again.
    pub fn on_retransmission(&self) -> bool {
        matches!(self.state, State::Completed { .. })
    }

    /// The time of [`alarm`](RequestServer::alarm) has come.
    pub fn on_timer(&mut self, now: Instant) -> OnTimer {
        match self.state {
            State::Completed { until } if now >= until => {
                self.state = State::Terminated;
                OnTimer::Forget
            }
            State::Trying | State::Completed { .. } | State::Terminated => OnTimer::Wait,
        }
    }

    /// When and why it wants to be woken.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.state {
            State::Completed { until } => Some(Alarm::forget(until)),
            State::Trying | State::Terminated => None,
        }
    }

    /// No final response has been sent.
    pub fn is_pending(&self) -> bool {
        self.state == State::Trying
    }
}
