//! Timer values (RFC 3261 table 4).

use std::time::{Duration, Instant};

/// The values from which every transaction timer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerValues {
    /// Round-trip estimate: first retransmission interval. Default 500 ms.
    pub t1: Duration,
    /// The longest interval between retransmissions of anything but INVITE. Default 4 s.
    pub t2: Duration,
    /// The longest time that a message stays in the network. Default 5 s.
    pub t4: Duration,
}

impl Default for TimerValues {
    fn default() -> Self {
        TimerValues { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl TimerValues {
    /// 64*T1: timers B, F, H, J, L, M, and the wait for a final response after CANCEL.
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: at least 32 s over UDP.
    pub fn d(&self) -> Duration {
        Duration::from_secs(32)
    }
}

/// When a transaction wants to be woken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// The moment.
    pub at: Instant,
    /// The wish.
    pub reason: Reason,
}

impl Alarm {
    pub(super) fn retransmit(at: Instant) -> Self {
        Alarm { at, reason: Reason::Retransmit }
    }

    pub(super) fn give_up(at: Instant) -> Self {
        Alarm { at, reason: Reason::GiveUp }
    }

    pub(super) fn forget(at: Instant) -> Self {
        Alarm { at, reason: Reason::Forget }
    }
}

/// Who wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A request or final response of ours is due again (timers A, E, G, and the 2xx to a re-INVITE).
    Retransmit,
    /// A transaction gives up (timers B, F, H, and 64*T1 after a CANCEL).
    GiveUp,
    /// Something finished is forgotten (timers D, I, J, K, L, M).
    Forget,
}

/// What is due when a transaction's time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimer {
    /// Nothing yet; look at the alarm again.
    Wait,
    /// Send the request or response again.
    Retransmit,
    /// Nobody answered; the transaction is over.
    GiveUp,
    /// It has absorbed what it had to; the transaction is over.
    Forget,
}
