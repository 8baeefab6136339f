//! What must hold after every step, whatever the far end and the link do.

use std::collections::HashMap;

use common::{AttemptId, Outcome};
use peal_call::voice::Wish;
use peal_call::{Counters, Ended, Event, Order, RecordingPart, Stage, admission::Overload};

/// What was told of one order.
#[derive(Debug, Default)]
pub struct Record {
    pub stages: Vec<Stage>,
    pub ended: Option<Ended>,
    pub released: bool,
    pub missed: Option<Box<Order>>,
    pub declined: Option<Overload>,
    /// Positions and lengths in samples, and the audio of both sides.
    pub blocks: Vec<(u64, usize)>,
    pub left: Vec<u8>,
    pub right: Vec<u8>,
    pub recording: &'static str,
    /// What the call wanted of the voice thread.
    pub wishes: Vec<Wish>,
    /// What the callee said who wants no more calls.
    pub opted_out: Vec<String>,
    /// To whom the callee shall be given.
    pub transfers: Vec<String>,
    /// Number of the last of them.
    pub transfer: u32,
    /// The voice thread is done with it.
    pub voice_done: bool,
    /// Pieces that were lost to a lack of buffers.
    pub lost: usize,
}

impl Record {
    pub fn is_over(&self) -> bool {
        self.released || self.missed.is_some() || self.declined.is_some()
    }

    #[track_caller]
    pub fn end(&self) -> &Ended {
        self.ended.as_ref().expect("the call has ended")
    }
}

/// All orders, and the rules.
#[derive(Debug, Default)]
pub struct Books {
    pub records: HashMap<AttemptId, Record>,
    pub counters: Option<Counters>,
    /// Leave to make second calls that was given, and given back.
    pub legs: (u64, u64),
}

impl Books {
    pub fn on_order(&mut self, attempt: AttemptId) {
        self.records.entry(attempt).or_default();
    }

    #[track_caller]
    pub fn on_event(&mut self, event: Event) {
        match event {
            Event::Counters(counters) => self.counters = Some(*counters),
            Event::Missed(order) => {
                let record = self.open(order.attempt);
                assert!(
                    record.stages.is_empty() && record.ended.is_none(),
                    "a missed order has no other news"
                );
                record.missed = Some(order);
            }
            Event::Declined { order, why } => {
                let record = self.open(order.attempt);
                assert!(
                    record.stages.is_empty() && record.ended.is_none(),
                    "a declined order has no other news"
                );
                record.declined = Some(why);
            }
            Event::Progress { call, stage, .. } => {
                let record = self.open(call.attempt);
                assert!(record.ended.is_none(), "{stage:?} after the end");
                record.stages.push(stage);
            }
            Event::Recording { call, part } => {
                let record = self.open(call.attempt);
                assert!(record.ended.is_none(), "{part:?} after the end");
                record.on_part(part);
            }
            Event::Voice { call, wish } => {
                let record = self.open(call.attempt);
                assert!(record.ended.is_none(), "{wish:?} after the end");
                record.wishes.push(wish);
            }
            // Of a callee who has hung up, it may come after everything else.
            Event::OptedOut { call, said, .. } => {
                let record = self.records.get_mut(&call.attempt).expect("news of an order");
                record.opted_out.push(said);
            }
            Event::VoiceDone { call } => {
                let record = self.records.get_mut(&call.attempt).expect("news of an order");
                assert!(record.ended.is_some(), "the voice thread is done before the call is");
                record.voice_done = true;
            }
            Event::Transfer { call, to, number, .. } => {
                let record = self.open(call.attempt);
                assert!(record.ended.is_none(), "a transfer after the end");
                record.transfers.push(to);
                record.transfer = number;
            }
            Event::LegOver { call, on_line } => {
                assert!(on_line, "as it was given");
                assert!(self.records.contains_key(&call.attempt));
                self.legs.1 += 1;
                assert!(self.legs.1 <= self.legs.0, "given back what was not given");
            }
            Event::Ended(ended) => {
                let record = self.open(ended.call.attempt);
                assert!(record.ended.is_none(), "ended twice: {ended:?}");
                check_end(record, &ended);
                record.ended = Some(*ended);
            }
            Event::Released { call } => {
                let record = self.open(call.attempt);
                assert!(record.ended.is_some(), "released before its end");
                record.released = true;
            }
        }
    }

    /// The machine's own counts against ours.
    #[track_caller]
    pub fn check(&self, counters: &Counters) {
        let here = self.records.values().filter(|record| !record.is_over()).count() as u64;
        let legs = self.legs.0 - self.legs.1;
        assert_eq!(counters.calls, here + legs, "calls that are not released");
        let talking = self.records.values().filter(|record| record.may_talk()).count() as u64;
        assert!(counters.talking <= talking + legs, "{} talk, {talking} are answered", counters.talking);
        let set_up = self.records.values().filter(|record| record.is_being_set_up()).count() as u64;
        let set_ups = set_up..=set_up + legs;
        assert!(set_ups.contains(&counters.setting_up), "calls without an answer or an end");
        let missed = self.records.values().filter(|record| record.missed.is_some()).count() as u64;
        assert_eq!(counters.missed_orders, missed);
    }

    #[track_caller]
    fn open(&mut self, attempt: AttemptId) -> &mut Record {
        let record = self.records.get_mut(&attempt).expect("news of an order");
        assert!(!record.is_over(), "news after the last");
        record
    }
}

impl Record {
    fn is_being_set_up(&self) -> bool {
        !self.is_over() && self.ended.is_none() && !self.stages.contains(&Stage::Answered)
    }

    fn may_talk(&self) -> bool {
        self.ended.is_none() && self.stages.contains(&Stage::Answered)
    }

    #[track_caller]
    fn on_part(&mut self, part: RecordingPart) {
        let (wanted, next) = match &part {
            RecordingPart::Open => ("", "open"),
            RecordingPart::Block(_) | RecordingPart::Lost => ("open", "open"),
            RecordingPart::Close => ("open", "closed"),
        };
        assert_eq!(self.recording, wanted, "{part:?}");
        self.recording = next;
        self.lost += usize::from(matches!(part, RecordingPart::Lost));
        if let RecordingPart::Block(block) = part {
            let end = self.blocks.last().map_or(0, |(position, len)| position + *len as u64);
            assert!(block.position() >= end, "blocks come in order");
            self.blocks.push((block.position(), block.samples()));
            self.left.extend(block.left().flatten());
            self.right.extend(block.right());
        }
    }
}

#[track_caller]
fn check_end(record: &Record, ended: &Ended) {
    let stamps = &ended.stamps;
    let order =
        [stamps.invited, stamps.trying, stamps.ringing, stamps.answered, stamps.first_audio, stamps.ended];
    assert!(order.iter().flatten().is_sorted(), "stages come in order: {stamps:?}");
    assert!(stamps.ended.is_some());
    let heard = [stamps.answered, stamps.first_speech, stamps.ended];
    assert!(stamps.first_speech.is_none() || heard.iter().flatten().is_sorted(), "{stamps:?}");
    assert!(stamps.first_speech.is_none() || stamps.answered.is_some(), "{stamps:?}");
    assert_eq!(stamps.answered.is_some(), record.stages.contains(&Stage::Answered));
    let picked_up = matches!(ended.outcome, Outcome::Answered);
    assert!(!picked_up || stamps.answered.is_some(), "answered without an answer: {ended:?}");
    assert!(
        stamps.answered.is_none() || matches!(ended.outcome, Outcome::Answered | Outcome::MediaRefused),
        "{ended:?}"
    );
    assert_eq!(
        stamps.invited.is_some(),
        !ended.call_id.is_empty(),
        "a Call-ID as soon as an INVITE has left"
    );
    assert_eq!(ended.recorded, record.recording == "closed", "a recording is closed before the end");
    assert!(stamps.ringing.is_none() || ended.may_have_rung);
    if let Some(quality) = &ended.quality {
        assert_eq!(quality.lost, quality.expected.saturating_sub(quality.received));
    }
}
