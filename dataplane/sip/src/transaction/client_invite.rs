//! INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 8.4).

use std::time::{Duration, Instant};

use super::TimerValues;
use super::timers::{Alarm, OnTimer};

//              1xx                  300-699
// Calling ───────────▶ Proceeding ───────────▶ Completed ──D──▶ Terminated
//    │ └─────── 300-699 ──────────────────────────▲ (ACK)             ▲
//    │ └─────── 2xx ──────────▶ Accepted ◀─2xx─ Proceeding            │
//    └─B─────────────────────────── └───────────M─────────────────────┘
/// The machine. Timer A repeats the request while nothing has come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteClient {
    timers: TimerValues,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling { retransmit_at: Instant, interval: Duration, give_up_at: Instant },
    Proceeding { give_up_at: Option<Instant> },
    Completed { until: Instant },
    Accepted { until: Instant },
    Terminated,
}

/// What a response means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInviteResponse {
    /// Pass it up: a provisional response, or any 2xx (each needs its ACK from the dialog).
    Deliver,
    /// The first final failure: acknowledge it in this transaction and pass it up.
    AckAndDeliver,
    /// A repeated final failure: acknowledge it again, tell nobody.
    AckAgain,
    /// It means nothing any more.
    Ignore,
}

impl InviteClient {
    /// The request has just been sent for the first time.
    pub fn start(now: Instant, timers: TimerValues) -> Self {
        let state = State::Calling {
            retransmit_at: now + timers.t1,
            interval: timers.t1,
            give_up_at: now + timers.give_up(),
        };
        InviteClient { timers, state }
    }

    /// A response with this status arrived.
    pub fn on_response(&mut self, now: Instant, status: u16) -> OnInviteResponse {
        match (self.state, status) {
            (State::Calling { .. }, 100..=199) => {
                self.state = State::Proceeding { give_up_at: None };
                OnInviteResponse::Deliver
            }
            (State::Proceeding { .. }, 100..=199) => OnInviteResponse::Deliver,
            (State::Calling { .. } | State::Proceeding { .. }, 200..=299) => {
                self.state = State::Accepted { until: now + self.timers.give_up() };
                OnInviteResponse::Deliver
            }
            (State::Accepted { .. }, 200..=299) => OnInviteResponse::Deliver,
            (State::Calling { .. } | State::Proceeding { .. }, 300..=699) => {
                self.state = State::Completed { until: now + self.timers.d() };
                OnInviteResponse::AckAndDeliver
            }
            (State::Completed { .. }, 300..=699) => OnInviteResponse::AckAgain,
            (State::Completed { .. } | State::Accepted { .. } | State::Terminated, _) => {
                OnInviteResponse::Ignore
            }
            (State::Calling { .. } | State::Proceeding { .. }, _) => OnInviteResponse::Ignore,
        }
    }

    /// A CANCEL left for this transaction: without a final response it is over after 64*T1 (section 9.1).
    pub fn on_cancel_sent(&mut self, now: Instant) {
        if let State::Proceeding { give_up_at } = &mut self.state {
            give_up_at.get_or_insert(now + self.timers.give_up());
        }
    }

    /// The time of [`alarm`](InviteClient::alarm) has come.
    pub fn on_timer(&mut self, now: Instant) -> OnTimer {
        match &mut self.state {
            State::Calling { give_up_at, .. } if now >= *give_up_at => {
                self.state = State::Terminated;
                OnTimer::GiveUp
            }
            State::Calling { retransmit_at, interval, .. } if now >= *retransmit_at => {
                *interval *= 2;
                *retransmit_at = now + *interval;
                OnTimer::Retransmit
            }
            State::Proceeding { give_up_at: Some(give_up_at) } if now >= *give_up_at => {
                self.state = State::Terminated;
                OnTimer::GiveUp
            }
            State::Completed { until } | State::Accepted { until } if now >= *until => {
                self.state = State::Terminated;
                OnTimer::Forget
            }
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => OnTimer::Wait,
        }
    }

    /// When and why it wants to be woken.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.state {
            State::Calling { retransmit_at, give_up_at, .. } if retransmit_at < give_up_at => {
                Some(Alarm::retransmit(retransmit_at))
            }
            State::Calling { give_up_at, .. } | State::Proceeding { give_up_at: Some(give_up_at) } => {
                Some(Alarm::give_up(give_up_at))
            }
            State::Completed { until } | State::Accepted { until } => Some(Alarm::forget(until)),
            State::Proceeding { give_up_at: None } | State::Terminated => None,
        }
    }

    /// A provisional response has come and no final one: the only state in which a CANCEL may leave (section 9.1).
    pub fn may_cancel(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// No final response has come.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(now: Instant) -> Vec<(&'static str, InviteClient)> {
        let calling = InviteClient::start(now, TimerValues::default());
        let after = |statuses: &[u16]| {
            let mut machine = calling;
            for status in statuses {
                machine.on_response(now, *status);
            }
            machine
        };
        let mut cancelled = after(&[100]);
        cancelled.on_cancel_sent(now);
        let mut terminated = calling;
        terminated.on_timer(now + Duration::from_secs(32));
        vec![
            ("calling", calling),
            ("proceeding", after(&[100])),
            ("proceeding, cancelled", cancelled),
            ("completed", after(&[486])),
            ("accepted", after(&[200])),
            ("terminated", terminated),
        ]
    }

    #[test]
    fn every_state_against_every_input() {
        let now = Instant::now();
        let mut table = String::new();
        for (name, machine) in states(now) {
            for status in [100, 183, 200, 302, 486, 603] {
                let mut machine = machine;
                let action = machine.on_response(now, status);
                table += &format!(
                    "{name:22} {status:<9} {action:14} → {}\n",
                    machine.name(),
                    action = format!("{action:?}")
                );
            }
            for (what, seconds) in [("T1", 0.5), ("64*T1", 32.0)] {
                let mut machine = machine;
                let action = machine.on_timer(now + Duration::from_secs_f64(seconds));
                table += &format!(
                    "{name:22} {what:<9} {action:14} → {}\n",
                    machine.name(),
                    action = format!("{action:?}")
                );
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn the_request_is_repeated_at_doubling_intervals_until_timer_b() {
        let start = Instant::now();
        let mut machine = InviteClient::start(start, TimerValues::default());
        let mut sent_ms = Vec::new();
        let end = loop {
            let at = machine.alarm().expect("a calling transaction has a timer").at;
            match machine.on_timer(at) {
                OnTimer::Retransmit => sent_ms.push((at - start).as_millis()),
                OnTimer::GiveUp => break at,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sent_ms, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(end - start, Duration::from_secs(32));
    }

    impl InviteClient {
        fn name(&self) -> &'static str {
            match self.state {
                State::Calling { .. } => "calling",
                State::Proceeding { .. } => "proceeding",
                State::Completed { .. } => "completed",
                State::Accepted { .. } => "accepted",
                State::Terminated => "terminated",
            }
        }
    }
}
