//! INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 8.7), and the retransmission of a 2xx, which
//! RFC 3261 section 13.3.1.4 gives to the user agent.

use std::time::{Duration, Instant};

use super::TimerValues;
use super::timers::{Alarm, OnTimer};

//              300-699             ACK
// Proceeding ───────────▶ Completed ────▶ Confirmed ──I──▶ Terminated
//     └──── 2xx ──▶ Accepted ──ACK─▶ Acknowledged ──L──────────▲
//                      └── 64*T1 without ACK: GiveUp ──────────┘   (as Completed does by H)
/// The machine. It begins with the INVITE received and no final response sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteServer {
    timers: TimerValues,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    /// A final response is repeated until its ACK comes: timers G and H, and the same for a 2xx.
    Unacknowledged {
        success: bool,
        retransmit_at: Instant,
        interval: Duration,
        give_up_at: Instant,
    },
    /// Timer I, or timer L after a 2xx.
    Acknowledged {
        until: Instant,
    },
    Terminated,
}

impl InviteServer {
    /// An INVITE has arrived.
    pub fn start(timers: TimerValues) -> Self {
        InviteServer { timers, state: State::Proceeding }
    }

    /// A final response has just been sent.
    pub fn on_final_sent(&mut self, now: Instant, status: u16) {
        if self.state == State::Proceeding {
            self.state = State::Unacknowledged {
                success: status < 300,
                retransmit_at: now + self.timers.t1,
                interval: self.timers.t1,
                give_up_at: now + self.timers.give_up(),
            };
        }
    }

    /// The INVITE arrived again. True when the last response is to be sent again.
    pub fn on_retransmission(&self) -> bool {
        match self.state {
            // The 2xx has its own timer (RFC 6026 section 7.1).
            State::Unacknowledged { success, .. } => !success,
            State::Proceeding => true,
            State::Acknowledged { .. } | State::Terminated => false,
        }
    }

    /// The ACK arrived. True the first time.
    pub fn on_ack(&mut self, now: Instant) -> bool {
        let State::Unacknowledged { success, .. } = self.state else { return false };
        let linger = if success { self.timers.give_up() } else { self.timers.t4 };
        self.state = State::Acknowledged { until: now + linger };
        true
    }

    /// The time of [`alarm`](InviteServer::alarm) has come. [`OnTimer::GiveUp`] says that no ACK ever came.
    pub fn on_timer(&mut self, now: Instant) -> OnTimer {
        match &mut self.state {
            State::Unacknowledged { give_up_at, .. } if now >= *give_up_at => {
                self.state = State::Terminated;
                OnTimer::GiveUp
            }
            State::Unacknowledged { retransmit_at, interval, .. } if now >= *retransmit_at => {
                *interval = (*interval * 2).min(self.timers.t2);
                *retransmit_at = now + *interval;
                OnTimer::Retransmit
            }
            State::Acknowledged { until } if now >= *until => {
                self.state = State::Terminated;
                OnTimer::Forget
            }
            State::Proceeding
            | State::Unacknowledged { .. }
            | State::Acknowledged { .. }
            | State::Terminated => OnTimer::Wait,
        }
    }

    /// When and why it wants to be woken.
    pub fn alarm(&self) -> Option<Alarm> {
        match self.state {
            State::Unacknowledged { retransmit_at, give_up_at, .. } => Some(if retransmit_at < give_up_at {
                Alarm::retransmit(retransmit_at)
            } else {
                Alarm::give_up(give_up_at)
            }),
            State::Acknowledged { until } => Some(Alarm::forget(until)),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// No final response has been sent.
    pub fn is_pending(&self) -> bool {
        self.state == State::Proceeding
    }

    /// The final response was, or is to be, a 2xx whose ACK is awaited.
    pub fn awaits_ack_of_success(&self) -> bool {
        matches!(self.state, State::Unacknowledged { success: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_repeated_until_its_ack() {
        let now = Instant::now();
        let mut machine = InviteServer::start(TimerValues::default());
        assert!(machine.on_retransmission());
        machine.on_final_sent(now, 488);
        assert_eq!(machine.on_timer(now + Duration::from_millis(500)), OnTimer::Retransmit);
        assert!(machine.on_retransmission());
        assert!(machine.on_ack(now));
        assert!(!machine.on_ack(now));
        assert_eq!(machine.alarm(), Some(Alarm::forget(now + Duration::from_secs(5))));
    }

    #[test]
    fn a_success_without_ack_gives_up_after_64_t1() {
        let now = Instant::now();
        let mut machine = InviteServer::start(TimerValues::default());
        machine.on_final_sent(now, 200);
        assert!(!machine.on_retransmission());
        let mut repeats = 0;
        let end = loop {
            let at = machine.alarm().expect("an unacknowledged response has a timer").at;
            match machine.on_timer(at) {
                OnTimer::Retransmit => repeats += 1,
                OnTimer::GiveUp => break at,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(repeats, 10);
        assert_eq!(end - now, Duration::from_secs(32));
    }
}
