//! Answers to "what has become of these?".

use common::{AttemptId, LineId};
use proto::v1::{Begun, Forgotten, Inquiry, NeverSeen, event};

use super::Dispatch;
use crate::clock::Now;
use crate::seen::Sight;

impl Dispatch {
    /// Every route try that is asked about gets an answer, now or as its own events:
    ///
    /// | here it is | answer |
    /// |---|---|
    /// | not begun yet | its events will come |
    /// | begun, not ended | `Begun` again; its end will come |
    /// | ended, not acknowledged | its events are on their way again already |
    /// | ended and acknowledged, or too old to know | `Forgotten`: it counts, and is not dialled again |
    /// | made before the start, and the journal is not whole | `Forgotten`: it may be up |
    /// | never told of it | `NeverSeen`, and it is refused from now on |
    pub(super) fn on_inquiry(&mut self, now: Now, inquiry: Inquiry) {
        let unacknowledged = self.outbox.keys();
        for asked in inquiry.attempts {
            let Some(attempt) = AttemptId::from_slice(&asked.attempt) else { continue };
            let key = (attempt, asked.route_try);
            if let Some(call) = self.calls.find(&key) {
                if let (Some(_), line) = (call.begun, call.line) {
                    self.record(now, key, line, event::Event::Begun(Begun { call_id: String::new() }));
                }
                continue;
            }
            if unacknowledged.contains(&key) {
                continue;
            }
            let (line, answer) = match self.seen.look(&key) {
                Sight::Seen => (LineId(0), event::Event::Forgotten(Forgotten {})),
                // Made before this process began: a whole journal has every route try that was begun and not ended,
                // so this one was not.
                Sight::TooOld if self.journal_is_whole && self.seen.is_before_start(&attempt) => {
                    (LineId(0), event::Event::NeverSeen(NeverSeen {}))
                }
                Sight::TooOld => (LineId(0), event::Event::Forgotten(Forgotten {})),
                Sight::New => (LineId(0), event::Event::NeverSeen(NeverSeen {})),
            };
            // The order may still be under way: it comes too late now.
            self.seen.insert(key);
            self.record(now, key, line, answer);
        }
    }
}
