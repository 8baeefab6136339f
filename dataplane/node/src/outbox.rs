//! Events on their way to the control plane: numbered, durable first, then sent, kept until acknowledged.
//!
//! An event is sent only once the journal has it on disk. Were it sent before and the process killed, the next one
//! would give its number to another event, which the control plane would take for a repetition.

use std::collections::{HashSet, VecDeque};

use common::AttemptId;
use proto::v1::Event;

use crate::seen::TryKey;

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Not acknowledged, in order, without gaps.
    events: VecDeque<Event>,
    /// Number of the newest event, 0 before the first.
    last: u64,
    /// Everything up to this is on disk.
    durable: u64,
    /// Everything up to this has been sent over the present attachment.
    sent: u64,
}

impl Outbox {
    /// An outbox that goes on after `last`, with what the journal holds unacknowledged. All of it is durable.
    pub fn recovered(last: u64, events: VecDeque<Event>) -> Self {
        debug_assert!(events.back().is_none_or(|event| event.seq == last));
        Self { sent: last - events.len() as u64, events, last, durable: last }
    }

    /// Takes the next event and gives it its number.
    pub fn push(&mut self, mut event: Event) -> &Event {
        self.last += 1;
        event.seq = self.last;
        self.events.push_back(event);
        self.events.back().expect("just pushed")
    }

    /// Number of the newest event.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Everything up to this is on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Everything up to this is acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.last - self.events.len() as u64
    }

    /// Events not acknowledged.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True when everything has been acknowledged.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The route tries that unacknowledged events tell of.
    pub fn keys(&self) -> HashSet<TryKey> {
        let key = |event: &Event| Some((AttemptId::from_slice(&event.attempt)?, event.route_try));
        self.events.iter().filter_map(key).collect()
    }

    /// The disk has everything up to `seq`.
    pub fn on_durable(&mut self, seq: u64) {
        self.durable = self.durable.max(seq.min(self.last));
    }

    /// The control plane has everything up to `seq`.
    pub fn on_acknowledged(&mut self, seq: u64) {
        // A number that we have not given yet is nonsense of the peer, or a journal that was deleted.
        let count = seq.min(self.durable).saturating_sub(self.acknowledged());
        self.events.drain(..count as usize);
        self.sent = self.sent.max(self.acknowledged());
    }

    /// A new attachment: what it does not have is sent again.
    pub fn rewind(&mut self) {
        self.sent = self.acknowledged();
    }

    /// The next event to send.
    pub fn next_to_send(&self) -> Option<&Event> {
        if self.sent >= self.durable {
            return None;
        }
        self.events.get((self.sent - self.acknowledged()) as usize)
    }

    /// That event was handed to the link.
    pub fn on_sent(&mut self) {
        self.sent += 1;
    }

    /// Goes on behind `seq`, which the control plane has seen though the journal has not: its file was deleted, or an
    /// older copy put back. Returns what must be taken again under new numbers; nothing when the journal is ahead.
    pub fn skip_to(&mut self, seq: u64) -> VecDeque<Event> {
        if self.last >= seq {
            return VecDeque::new();
        }
        (self.last, self.durable, self.sent) = (seq, seq, seq);
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox) -> Vec<u64> {
        let mut seqs = Vec::new();
        while let Some(event) = outbox.next_to_send() {
            seqs.push(event.seq);
            outbox.on_sent();
        }
        seqs
    }

    fn outbox(events: u64) -> Outbox {
        let mut outbox = Outbox::default();
        for _ in 0..events {
            outbox.push(Event::default());
        }
        outbox
    }

    #[test]
    fn only_what_is_durable_is_sent() {
        let mut outbox = outbox(3);
        assert!(drain(&mut outbox).is_empty());
        outbox.on_durable(2);
        assert_eq!(drain(&mut outbox), [1, 2]);
        outbox.on_durable(9);
        assert_eq!(drain(&mut outbox), [3]);
    }

    #[test]
    fn after_a_break_it_goes_on_behind_the_acknowledged() {
        let mut outbox = outbox(5);
        outbox.on_durable(5);
        assert_eq!(drain(&mut outbox), [1, 2, 3, 4, 5]);
        outbox.on_acknowledged(2);
        outbox.rewind();
        assert_eq!(drain(&mut outbox), [3, 4, 5]);
        outbox.on_acknowledged(4);
        outbox.on_acknowledged(3);
        assert_eq!((outbox.acknowledged(), outbox.len()), (4, 1));
    }

    #[test]
    fn an_acknowledgement_of_the_future_takes_no_event_that_is_not_durable() {
        let mut outbox = outbox(3);
        outbox.on_durable(1);
        outbox.on_acknowledged(99);
        assert_eq!(outbox.len(), 2);
    }

    #[test]
    fn a_journal_that_was_put_back_gives_no_number_twice() {
        let mut outbox = outbox(3);
        outbox.on_durable(3);
        assert!(outbox.skip_to(2).is_empty());
        let again = outbox.skip_to(500);
        assert_eq!(again.len(), 3);
        assert_eq!(outbox.acknowledged(), 500);
        assert_eq!(outbox.push(Event::default()).seq, 501);
    }

    #[test]
    fn numbers_go_on_after_a_restart() {
        let left: VecDeque<_> = (8..=9).map(|seq| Event { seq, ..Default::default() }).collect();
        let mut outbox = Outbox::recovered(9, left);
        assert_eq!(outbox.acknowledged(), 7);
        assert_eq!(outbox.push(Event::default()).seq, 10);
        assert_eq!(drain(&mut outbox), [8, 9]);
    }
}
