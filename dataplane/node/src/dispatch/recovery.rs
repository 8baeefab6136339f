//! What the journal of a predecessor tells.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::{AttemptId, LineId};
use proto::v1::{Event, Forgotten, event};

use super::Dispatch;
use crate::clock::Now;
use crate::outbox::Outbox;
use crate::seen::TryKey;

/// The longest that a far end may go on with a call whose end we have seen: 64·T1 (RFC 3261 section 17.1.1.2).
const LAST_MESSAGES: Duration = Duration::from_secs(32);

/// What was in the journal at the start.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Number of the newest event ever written; 0 for a new journal.
    pub last_seq: u64,
    /// What the journal still holds, in order.
    pub events: VecDeque<Event>,
    /// A predecessor found the journal lost or put back, or a record could not be read: not all that was begun is here.
    pub has_gaps: bool,
}

/// How far a route try had come.
#[derive(Debug)]
struct Trace {
    line: LineId,
    begun: Option<u64>,
    /// Ended, refused or forgotten.
    is_over: bool,
    /// Over in such a way that nothing can be under way.
    is_released: bool,
}

impl Dispatch {
    /// Takes up the numbers, the memory of what was seen, and the duty to tell what became of every route try.
    pub(super) fn recover(&mut self, now: Now, recovered: Recovered) {
        self.journal_is_whole = recovered.last_seq > 0 && !recovered.has_gaps;
        let mut traces: BTreeMap<TryKey, Trace> = BTreeMap::new();
        for event in &recovered.events {
            let Some(attempt) = AttemptId::from_slice(&event.attempt) else { continue };
            let key = (attempt, event.route_try);
            self.seen.insert(key);
            let trace = traces.entry(key).or_insert(Trace {
                line: LineId(event.line),
                begun: None,
                is_over: false,
                is_released: false,
            });
            match &event.event {
                Some(event::Event::Begun(_)) => trace.begun = Some(event.seq),
                Some(event::Event::Ended(_)) => trace.is_over = true,
                Some(event::Event::Refused(_) | event::Event::Forgotten(_) | event::Event::Released(_)) => {
                    (trace.is_over, trace.is_released) = (true, true);
                }
                Some(
                    event::Event::Progress(_)
                    | event::Event::Recorded(_)
                    | event::Event::NeverSeen(_)
                    | event::Event::OptedOut(_),
                )
                | None => {}
            }
        }
        self.outbox = Outbox::recovered(recovered.last_seq, recovered.events);
        let mut forgotten = 0_u32;
        for (key, trace) in traces {
            let Some(begun) = trace.begun else { continue };
            if !trace.is_over {
                forgotten += 1;
                self.record(now, key, trace.line, event::Event::Forgotten(Forgotten {}));
            } else if !trace.is_released {
                self.calls.insert_of_predecessor(key, begun);
                self.unreleased.push_back((now.at + LAST_MESSAGES, key, trace.line));
            }
        }
        if forgotten > 0 {
            tracing::warn!(calls = forgotten, "calls of the process before this one are lost; telling so");
        }
    }
}
