//! From the request to stop to the end of the process.

use std::time::{Duration, Instant};

use call::{HungUpBy, Mail};
use proto::v1::refused::Reason;

use super::{Action, Dispatch};
use crate::clock::Now;
use crate::refusal::Refusal;

/// How long far ends may take to answer our BYE or CANCEL before we leave without their answer. They retransmit nothing
/// to us in that time that another process would have to answer.
const HANG_UP_WITHIN: Duration = Duration::from_secs(5);
/// The same when we were told twice to stop; and how long last words may take then.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// How long the recordings may take to be closed and the control plane to acknowledge the last events. What it has not
/// acknowledged by then stays in the journal for the next process.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// Where a node is between start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Takes orders.
    Running,
    /// Takes none; calls go on, at most until then.
    Draining {
        /// Then they are hung up.
        until: Instant,
    },
    /// Every call was told to end.
    HangingUp {
        /// Then we leave without an answer.
        until: Instant,
    },
    /// No call is left, and not all is understood that callees said before they hung up: they may want no more calls.
    HearingOut {
        /// Then we leave.
        until: Instant,
    },
    /// Files and events are settled.
    Settling {
        /// Then we leave.
        until: Instant,
    },
    /// Over.
    Left,
}

impl Phase {
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Running | Self::Left => None,
            Self::Draining { until }
            | Self::HangingUp { until }
            | Self::HearingOut { until }
            | Self::Settling { until } => Some(until),
        }
    }
}

impl Dispatch {
    pub(super) fn on_stop(&mut self, now: Now) {
        match self.phase {
            Phase::Running => {
                tracing::info!(calls = self.calls.entered(), "draining: no new calls");
                self.phase = Phase::Draining { until: now.at + self.settings.drain };
                self.refuse_unsent(now, &Refusal::new(Reason::Draining, "the node is stopping"));
                self.say_heartbeat();
            }
            Phase::Draining { .. } => {
                self.last_words_max = LEAVE_WITHIN;
                self.hang_up_all(now, LEAVE_WITHIN);
            }
            Phase::HangingUp { until } => {
                self.last_words_max = LEAVE_WITHIN;
                self.phase = Phase::HangingUp { until: until.min(now.at + LEAVE_WITHIN) };
            }
            Phase::HearingOut { until } => {
                self.phase = Phase::HearingOut { until: until.min(now.at + LEAVE_WITHIN) };
            }
            Phase::Settling { .. } => self.phase = Phase::Left,
            Phase::Left => {}
        }
    }

    pub(super) fn leave_on_time(&mut self, now: Now) {
        match self.phase {
            Phase::Draining { until } if now.at >= until => self.hang_up_all(now, HANG_UP_WITHIN),
            Phase::HangingUp { until } if now.at >= until => {
                tracing::warn!(calls = self.calls.len(), "leaving calls whose far end does not answer");
                self.phase = Phase::HearingOut { until: now.at + self.last_words_max };
            }
            Phase::HearingOut { until } if now.at >= until => {
                tracing::warn!(
                    calls = self.last_words,
                    "leaving what callees said last, and nobody has understood yet"
                );
                self.phase = Phase::Settling { until: now.at + SETTLE_WITHIN };
            }
            Phase::Settling { until } if now.at >= until => {
                tracing::warn!(events = self.outbox.len(), "leaving with events that the journal keeps");
                self.phase = Phase::Left;
            }
            _ => {}
        }
    }

    pub(super) fn leave_when_empty(&mut self, now: Now) {
        match self.phase {
            Phase::Draining { .. } | Phase::HangingUp { .. }
                if self.calls.is_empty() && self.legs.all() == 0 =>
            {
                self.phase = Phase::HearingOut { until: now.at + self.last_words_max };
                self.leave_when_empty(now);
            }
            Phase::HearingOut { .. } if self.last_words == 0 => {
                self.phase = Phase::Settling { until: now.at + SETTLE_WITHIN };
                self.leave_when_empty(now);
            }
            // Without a link nobody will acknowledge anything; what is on disk is safe.
            Phase::Settling { .. } if self.recordings.is_empty() => {
                let settled = if self.attached {
                    self.outbox.is_empty()
                } else {
                    self.outbox.durable() == self.outbox.last()
                };
                if settled {
                    self.phase = Phase::Left;
                }
            }
            _ => {}
        }
    }

    fn hang_up_all(&mut self, now: Now, within: Duration) {
        tracing::info!(calls = self.calls.entered(), "hanging up");
        self.phase = Phase::HangingUp { until: now.at + within };
        for shard in 0..self.settings.shards {
            let mail = Mail::HangUpAll { by: HungUpBy::Drain };
            self.actions.push_back(Action::Mail { shard, mail });
        }
    }
}
