//! Progress of calls, as people watch it, in a bounded log that can be resumed.

use std::collections::VecDeque;

use common::{AttemptId, CampaignId, ContactId, E164, LineId, Outcome, TenantId, UnixMicros};
use serde::Serialize;

/// One step of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallEvent {
    /// Position in the [`Log`]; grows by one with each event.
    pub id: u64,
    /// Whose call.
    pub tenant: TenantId,
    /// When it happened, by the clock of where it happened.
    pub at: UnixMicros,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its contact.
    pub contact: ContactId,
    /// Its attempt.
    pub attempt: AttemptId,
    /// Which INVITE of the attempt, from 1.
    pub route_try: u32,
    /// Over which line.
    pub line: LineId,
    /// The number called, its middle masked.
    #[serde(serialize_with = "masked")]
    pub number: E164,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The intent is durable; the order is on its way to a node.
    Planned,
    /// The INVITE left.
    Invited,
    /// The carrier has it (100).
    Trying,
    /// The telephone rings (180).
    Ringing,
    /// Audio before the answer (183 with SDP).
    EarlyMedia,
    /// Picked up.
    Answered,
    /// The callee pressed a key.
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: String,
    },
    /// The callee said, or pressed, that they want no more calls; their number is suppressed. May follow [`Happening::Ended`]: last words
    /// are understood after the end.
    OptedOut,
    /// This line failed before anybody's telephone can have rung; another is tried.
    Rerouted {
        /// How the try ended.
        outcome: Outcome,
    },
    /// The attempt is over.
    Ended {
        /// How.
        outcome: Outcome,
        /// From the answer to the end; 0 when it was not answered.
        talk_ms: u64,
    },
}

impl Happening {
    /// The name of the event, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Invited => "invited",
            Self::Trying => "trying",
            Self::Ringing => "ringing",
            Self::EarlyMedia => "early_media",
            Self::Answered => "answered",
            Self::Digit { .. } => "digit",
            Self::OptedOut => "opted_out",
            Self::Rerouted { .. } => "rerouted",
            Self::Ended { .. } => "ended",
        }
    }
}

fn masked<S: serde::Serializer>(number: &E164, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// The most recent events, oldest first, each with an id by which a reader resumes.
#[derive(Debug)]
pub struct Log {
    events: VecDeque<CallEvent>,
    capacity: usize,
    next_id: u64,
}

/// A reader asked for events that are gone (or were never there): it must look at the state anew and read on from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Id of the oldest event that is still there, or of the next one.
    pub oldest: u64,
}

impl Log {
    /// An empty log for at most `capacity` events, whose first id is `first_id`.
    ///
    /// Give the wall clock in µs as `first_id`: ids then grow through restarts too, because nothing makes a million
    /// events a second, and a reader that resumes from before a restart finds a [`Gap`] and not somebody else's event.
    pub fn new(capacity: usize, first_id: u64) -> Self {
        Self { events: VecDeque::with_capacity(capacity), capacity: capacity.max(1), next_id: first_id }
    }

    /// Appends an event, gives it its id, and forgets the oldest when full.
    pub fn push(&mut self, mut event: CallEvent) -> u64 {
        let id = self.next_id;
        event.id = id;
        self.next_id += 1;
        if self.events.len() == self.capacity {
            self.events.pop_front();
        }
        self.events.push_back(event);
        id
    }

    /// Id that the next event will get.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// At most `limit` events with ids from `from` on.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<CallEvent>, Gap> {
        let oldest = self.events.front().map_or(self.next_id, |event| event.id);
        if !(oldest..=self.next_id).contains(&from) {
            return Err(Gap { oldest });
        }
        let skip = usize::try_from(from - oldest).unwrap_or(usize::MAX);
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> CallEvent {
        CallEvent {
            id: 0,
            tenant: TenantId(1),
            at: UnixMicros(1),
            campaign: CampaignId(2),
            contact: ContactId(3),
            attempt: AttemptId::new(1, &[0; 10]),
            route_try: 1,
            line: LineId(4),
            number: E164::parse("+8613800138000").expect("well formed"),
            what: Happening::Ended { outcome: Outcome::Busy, talk_ms: 0 },
        }
    }

    #[test]
    fn a_reader_resumes_where_it_stopped() {
        let mut log = Log::new(3, 100);
        for id in 100..105 {
            assert_eq!(log.push(event()), id);
        }
        let ids =
            |from, limit| log.read(from, limit).map(|events| events.iter().map(|e| e.id).collect::<Vec<_>>());
        assert_eq!(ids(102, 10), Ok(vec![102, 103, 104]));
        assert_eq!(ids(103, 1), Ok(vec![103]));
        assert_eq!(ids(105, 10), Ok(vec![]));
        assert_eq!(ids(101, 10), Err(Gap { oldest: 102 }));
        assert_eq!(ids(106, 10), Err(Gap { oldest: 102 }));
    }

    #[test]
    fn the_json_names_the_event_and_masks_the_number() {
        let json = serde_json::to_value(event()).expect("plain data");
        assert_eq!(json["event"], event().what.name());
        assert_eq!(json["outcome"], "busy");
        assert_eq!(json["number"], "+86138****8000");
    }
}
