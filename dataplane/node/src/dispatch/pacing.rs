//! From waiting to the shard: places, journal, slots.

use std::time::{Duration, Instant};

use call::Mail;
use call::admission::Overload;
use common::LineId;
use proto::v1::refused::Reason;
use proto::v1::{Begun, event};

use super::call_table::Stage;
use super::{Action, Dispatch, Phase};
use crate::clock::Now;
use crate::refusal::Refusal;

/// How long before its slot an order's `Begun` is written. The journal groups its writes over up to 10 ms; a disk that
/// takes longer costs rate, never a limit.
const WRITE_AHEAD: Duration = Duration::from_millis(40);
/// How long before its slot a shard gets an order: a shard reads its mail every 4 ms, and the dispatcher itself may
/// come 2 ms late.
const HAND_AHEAD: Duration = Duration::from_millis(8);
/// Begun calls of which the journal is reminded once it has grown by so many events since: it can then forget what lies
/// before. Some 10 MB of journal.
const REMIND_AFTER: u64 = 100_000;

impl Dispatch {
    /// Moves every order on that may move.
    pub(super) fn pace(&mut self, now: Now) {
        if !matches!(self.phase, Phase::Running) || !self.has_lease(now.at) {
            return;
        }
        let busy: Vec<LineId> = self.busy_lines.iter().copied().collect();
        for id in busy {
            while self.begin_next(now, id) {}
            while self.hand_over_next(now, id) {}
            let line = &self.lines[&id];
            if line.waiting.is_empty() && line.ready.is_empty() {
                self.busy_lines.remove(&id);
            }
        }
        self.remind_journal(now);
    }

    /// When [`pace`](Self::pace) has something to do that only time brings.
    pub(super) fn pace_at(&self, now: Instant) -> Option<Instant> {
        if !matches!(self.phase, Phase::Running) || !self.has_lease(now) {
            return None;
        }
        let of_line = |id: &LineId| {
            let line = &self.lines[id];
            let ahead = line.ready.len() + line.journalling;
            let begin = (!line.waiting.is_empty() && line.gate.has_room() && self.journal_usable)
                .then(|| before(line.gate.slot_at(now, ahead), WRITE_AHEAD));
            let hand = (!line.ready.is_empty()).then(|| before(line.gate.slot_at(now, 0), HAND_AHEAD));
            [begin, hand].into_iter().flatten().min()
        };
        self.busy_lines.iter().filter_map(of_line).min()
    }

    /// Gives the first waiting order its place and writes its `Begun`, if its slot is near. False when there is none.
    fn begin_next(&mut self, now: Now, id: LineId) -> bool {
        let line = self.lines.get_mut(&id).expect("a line with orders stays in the table");
        let Some(key) = line.waiting.front().copied() else { return false };
        if !matches!(self.calls.find(&key).map(|call| &call.stage), Some(Stage::Waiting(_))) {
            line.waiting.pop_front();
            return true;
        }
        let slot = line.gate.slot_at(now.at, line.ready.len() + line.journalling);
        if before(slot, WRITE_AHEAD) > now.at || !self.journal_usable || !line.gate.enter() {
            return false;
        }
        line.waiting.pop_front();
        line.journalling += 1;
        let seq = self.record(now, key, id, event::Event::Begun(Begun { call_id: String::new() }));
        self.calls.set_begun(&key, seq, now.wall);
        self.calls.change(&key, |stage| match stage {
            Stage::Waiting(order) => Stage::Journalling(order, seq),
            other => other,
        });
        self.journalling.push_back((seq, key));
        true
    }

    pub(super) fn on_durable(&mut self, _now: Now, seq: u64) {
        self.outbox.on_durable(seq);
        while self.journalling.front().is_some_and(|(begun, _)| *begun <= seq) {
            let (begun, key) = self.journalling.pop_front().expect("just looked at");
            let Some(call) = self.calls.find(&key) else { continue };
            if !matches!(call.stage, Stage::Journalling(_, at) if at == begun) {
                continue;
            }
            let id = call.line;
            self.calls.change(&key, |stage| match stage {
                Stage::Journalling(order, _) => Stage::Ready(order),
                other => other,
            });
            let line = self.lines.get_mut(&id).expect("a line with calls stays in the table");
            line.journalling -= 1;
            line.ready.push_back(key);
            self.busy_lines.insert(id);
        }
    }

    /// Reserves a slot for the first ready order and gives it to a shard, if the slot is near. False when there is none.
    fn hand_over_next(&mut self, now: Now, id: LineId) -> bool {
        let line = self.lines.get_mut(&id).expect("a line with orders stays in the table");
        let Some(key) = line.ready.front().copied() else { return false };
        if !matches!(self.calls.find(&key).map(|call| &call.stage), Some(Stage::Ready(_))) {
            line.ready.pop_front();
            return true;
        }
        if before(line.gate.slot_at(now.at, 0), HAND_AHEAD) > now.at {
            return false;
        }
        line.ready.pop_front();
        let slot = line.gate.reserve(now.at);
        let call = self.calls.find(&key).expect("just found");
        let expires = call.expires;
        let shard = self.shards.choose(now.at, call.declined_by);
        let mut mailed = None;
        self.calls.change(&key, |stage| match stage {
            Stage::Ready(order) => {
                mailed = Some(order);
                Stage::Mailed { shard, hung_up: false }
            }
            other => other,
        });
        let mut order = mailed.expect("the stage was looked at");
        (order.send_at, order.send_by) = (slot.send_at, slot.send_by.min(expires));
        self.shards.enter(shard);
        self.actions.push_back(Action::Mail { shard, mail: Mail::Order(order) });
        true
    }

    /// A shard was too late: the order needs another slot.
    pub(super) fn on_missed(&mut self, now: Now, order: Box<call::Order>) {
        self.hand_back(now, order, None);
    }

    /// A shard has enough to do: the order needs another shard, and another slot.
    pub(super) fn on_declined(&mut self, now: Now, shard: u16, order: Box<call::Order>, why: Overload) {
        let declined_by = self.calls.add_declined(&(order.attempt, order.route_try), shard);
        let another = self.shards.on_declined(now.at, shard, declined_by);
        let refusal = (!another).then(|| Refusal::new(Reason::Full, why.explain()));
        self.hand_back(now, order, refusal);
    }

    /// Takes an order back from a shard that sent nothing of it. Without a refusal it waits for its turn again.
    fn hand_back(&mut self, now: Now, order: Box<call::Order>, refusal: Option<Refusal>) {
        let (key, id) = ((order.attempt, order.route_try), order.line);
        let Some(Stage::Mailed { shard, hung_up }) = self.calls.find(&key).map(|call| &call.stage) else {
            return;
        };
        let (shard, hung_up) = (*shard, *hung_up);
        self.shards.leave(shard);
        self.calls.change(&key, |_| Stage::Ready(order));
        let refusal = if hung_up {
            Refusal::new(Reason::HungUp, "")
        } else if !matches!(self.phase, Phase::Running) {
            Refusal::new(Reason::Draining, "the node is stopping")
        } else if !self.has_lease(now.at) {
            Refusal::new(Reason::NoLease, "the lease ran out")
        } else if let Some(refusal) = refusal {
            refusal
        } else {
            let line = self.lines.get_mut(&id).expect("a line with calls stays in the table");
            line.ready.push_front(key);
            self.busy_lines.insert(id);
            return;
        };
        self.refuse(now, key, refusal);
    }

    pub(super) fn on_mail_refused(&mut self, now: Now, order: &call::Order) {
        let key = (order.attempt, order.route_try);
        let Some(Stage::Mailed { shard, .. }) = self.calls.find(&key).map(|call| &call.stage) else { return };
        self.shards.leave(*shard);
        self.refuse(now, key, Refusal::new(Reason::Full, "the shard's queue is full"));
    }

    pub(super) fn expire(&mut self, now: Now) {
        for key in self.calls.expired(now.at) {
            self.refuse(now, key, Refusal::new(Reason::Expired, "waited too long for its turn"));
        }
    }

    /// Writes `Begun` of the oldest calls again, so that a long call does not keep the whole journal.
    fn remind_journal(&mut self, now: Now) {
        while let Some((seq, key)) = self.calls.begun_longest_ago()
            && self.outbox.last() - seq > REMIND_AFTER
            && self.journal_usable
        {
            let call = self.calls.find(&key).expect("it is in the table");
            // Until the first one is on disk there is nothing to be reminded of.
            if call.is_journalling() {
                return;
            }
            let line = call.line;
            let again = self.record(now, key, line, event::Event::Begun(Begun { call_id: String::new() }));
            self.calls.remind_begun(&key, again);
            self.reminders.push_back((seq, again));
        }
    }
}

fn before(at: Instant, ahead: Duration) -> Instant {
    at.checked_sub(ahead).unwrap_or(at)
}
