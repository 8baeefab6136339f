//! The world of a dispatcher in virtual time: a disk that takes its time, shards, and a control plane that listens.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use call::{CallName, Ended, Mail, Stage, Stamps};
use common::{AttemptId, Epoch, Outcome, UnixMicros};
use peal_node::clock::Now;
use peal_node::dispatch::{Action, Dispatch, Input, Recovered, Settings};
use peal_node::metrics::Metrics;
use prost::Message as _;
use proto::v1::{self as wire, event, refused, to_node};

/// Wall clock at the start of the world.
pub const START_MS: u64 = 1_790_000_000_000;
/// A node's gates open this long after its start.
pub const GATES_OPEN: Duration = Duration::from_millis(1_050);

pub struct World {
    pub now: Now,
    pub dispatch: Dispatch,
    /// From the append of a record until it is durable; `None` never makes anything durable.
    pub disk: Option<Duration>,
    pub journal: Vec<wire::Event>,
    pub truncated: u64,
    /// What shards were given, and when.
    pub mailed: Vec<(Instant, u16, Mail)>,
    /// What the control plane was sent.
    pub sent: Vec<wire::Event>,
    pub asked: Vec<wire::asset_request::Asset>,
    pub look_ups: Vec<(common::LineId, String)>,
    /// The last.
    pub heartbeat: wire::Heartbeat,
    pub recordings: Vec<(AttemptId, peal_node::dispatch::RecordingJob)>,
    /// Whether events are acknowledged as they are sent.
    pub acks: bool,
    pub attached: bool,
    durable: VecDeque<(Instant, u64)>,
    scheduled: BTreeMap<(Instant, u64), Input>,
    next: u64,
}

impl World {
    /// A node with two shards on an empty journal, attached, with a lease of an hour, a ready script 1 that hangs up, and
    /// line 1 of 1,000 calls and 1,000 a second; its gates are open.
    pub fn ready() -> Self {
        let mut world = Self::recovered(Recovered::default());
        world.attach(0);
        world.lease(1, Duration::from_secs(3_600));
        world.lines(&[line(1, 1_000, 1_000)]);
        world.script(1);
        world.run(GATES_OPEN);
        world
    }

    /// A node that starts on a journal, and nothing else.
    pub fn recovered(recovered: Recovered) -> Self {
        let now = Now { at: Instant::now(), wall: UnixMicros(START_MS as i64 * 1_000) };
        let settings = Settings {
            max_calls: 1_000,
            shards: 2,
            ipv6: false,
            drain: Duration::from_secs(60),
            day_folders: true,
            listens: false,
            has_voice: true,
            reach: Default::default(),
        };
        let mut world = Self {
            now,
            dispatch: Dispatch::new(now, settings, Metrics::new(), recovered),
            disk: Some(Duration::from_millis(5)),
            journal: Vec::new(),
            truncated: 0,
            mailed: Vec::new(),
            sent: Vec::new(),
            asked: Vec::new(),
            heartbeat: wire::Heartbeat::default(),
            look_ups: Vec::new(),
            recordings: Vec::new(),
            acks: false,
            attached: false,
            durable: VecDeque::new(),
            scheduled: BTreeMap::new(),
            next: 0,
        };
        world.drain();
        world
    }

    pub fn attach(&mut self, acknowledged_seq: u64) {
        self.attached = true;
        self.feed(Input::Attached { acknowledged_seq, epoch: Epoch(1) });
    }

    pub fn detach(&mut self) {
        self.attached = false;
        self.feed(Input::Detached);
    }

    pub fn say(&mut self, message: to_node::Message) {
        self.feed(Input::Message(message));
    }

    pub fn lease(&mut self, epoch: u64, valid: Duration) {
        self.say(to_node::Message::Lease(wire::Lease { epoch, valid_ms: valid.as_millis() as u32 }));
    }

    pub fn lines(&mut self, lines: &[wire::Line]) {
        self.say(to_node::Message::Lines(wire::Lines { epoch: 1, lines: lines.to_vec() }));
    }

    /// Answers the node's request for a script with one that hangs up, by way of an order that nobody sees.
    pub fn script(&mut self, id: i64) {
        let probe = wire::Order { script: id, line: 1, ..order(0) };
        let expires = UnixMicros(self.now.wall.0).saturating_add(Duration::from_millis(1)).0;
        self.say(to_node::Message::Order(wire::Order { expires_at_us: expires, ..probe }));
        let document = r#"{"name":"test","steps":[{"do":"hang_up"}]}"#.to_owned();
        self.say(to_node::Message::Script(wire::Script { id, document, ..wire::Script::default() }));
        self.run(Duration::from_millis(20));
        self.sent.clear();
    }

    /// Orders call `n`: attempt [`attempt`]`(n)` on line 1 with script 1, valid for ten seconds.
    pub fn order(&mut self, n: u32) {
        self.order_as(order(n));
    }

    pub fn order_as(&mut self, mut order: wire::Order) {
        if order.expires_at_us == 0 {
            order.expires_at_us = self.now.wall.saturating_add(Duration::from_secs(10)).0;
        }
        self.say(to_node::Message::Order(order));
    }

    /// Lets time pass, doing what is due at each moment.
    pub fn run(&mut self, time: Duration) {
        let end = self.now.at + time;
        let mut at_once = 0;
        loop {
            let due = self.dispatch.poll_timeout(self.now.at);
            let durable = self.durable.front().map(|(at, _)| *at);
            let scheduled = self.scheduled.first_key_value().map(|((at, _), _)| *at);
            let next = [Some(due), durable, scheduled].into_iter().flatten().min().expect("timers never end");
            if next > end {
                return self.set_time(end);
            }
            at_once = if next <= self.now.at { at_once + 1 } else { 0 };
            assert!(at_once < 10_000, "the dispatcher spins");
            self.set_time(next.max(self.now.at));
            if durable.is_some_and(|at| at <= self.now.at) {
                let mut durable = 0;
                while let Some((at, seq)) = self.durable.front()
                    && *at <= self.now.at
                {
                    durable = *seq;
                    self.durable.pop_front();
                }
                self.feed(Input::Durable(durable));
            } else if scheduled.is_some_and(|at| at <= self.now.at) {
                let (_, input) = self.scheduled.pop_first().expect("just looked at");
                self.feed(input);
            } else {
                self.dispatch.handle_timeout(self.now);
                self.drain();
            }
        }
    }

    /// The clock moves and the process does not.
    pub fn stand_still(&mut self, time: Duration) {
        self.set_time(self.now.at + time);
    }

    pub fn schedule(&mut self, at: Instant, input: Input) {
        self.next += 1;
        self.scheduled.insert((at.max(self.now.at), self.next), input);
    }

    pub fn feed(&mut self, input: Input) {
        self.dispatch.handle_input(self.now, input);
        self.drain();
    }

    fn set_time(&mut self, at: Instant) {
        let passed = at - self.now.at;
        self.now = Now { at, wall: self.now.wall.saturating_add(passed) };
    }

    fn drain(&mut self) {
        while let Some(action) = self.dispatch.poll_action() {
            match action {
                Action::Append { seq, bytes } => {
                    let event = wire::Event::decode(bytes.as_slice()).expect("own bytes");
                    assert_eq!(event.seq, seq);
                    assert!(self.journal.last().is_none_or(|last| last.seq < seq));
                    self.journal.push(event);
                    if let Some(disk) = self.disk {
                        self.durable.push_back((self.now.at + disk, seq));
                    }
                }
                Action::Truncate(seq) => self.truncated = seq,
                Action::Mail { shard, mail } => self.mailed.push((self.now.at, shard, mail)),
                Action::SayHeartbeat(heartbeat) => self.heartbeat = heartbeat,
                Action::Ask(asset) => self.asked.push(asset),
                Action::LookUp { line, address } => self.look_ups.push((line, address)),
                Action::Encode { .. } | Action::Speak(_) | Action::Voice { .. } => {}
                Action::Record { attempt, job } => self.recordings.push((attempt, job)),
            }
        }
        if !self.attached {
            return;
        }
        let mut acknowledged = None;
        while let Some(event) = self.dispatch.outbox().next_to_send() {
            acknowledged = Some(event.seq);
            self.sent.push(event.clone());
            self.dispatch.outbox().on_sent();
        }
        if let Some(seq) = acknowledged
            && self.acks
        {
            self.say(to_node::Message::Ack(wire::Ack { seq }));
        }
    }

    /// Orders that shards were given.
    pub fn orders(&self) -> Vec<&call::Order> {
        let order = |mail: &Mail| matches!(mail, Mail::Order(_));
        self.mailed
            .iter()
            .filter(|(_, _, mail)| order(mail))
            .map(|(_, _, mail)| match mail {
                Mail::Order(order) => &**order,
                _ => unreachable!("filtered"),
            })
            .collect()
    }

    /// A shard says that call `n` rang, was answered, ended or is released.
    pub fn shard_says(&mut self, event: call::Event) {
        self.feed(Input::Shard { shard: 0, event });
    }

    /// Call `n` goes its way on the shard that has it, to the end.
    pub fn end(&mut self, n: u32) {
        self.shard_says(ended(n, self.now.at));
        self.shard_says(call::Event::Released { call: name(n) });
    }

    /// What the journal holds now, as a process after a crash would find it. What was not durable is lost.
    pub fn crash(self) -> Recovered {
        let lost = self.durable.front().map_or(u64::MAX, |(_, seq)| *seq);
        let lost = if self.disk.is_none() { 0 } else { lost };
        let last_seq = self.journal.last().map_or(0, |event| event.seq).min(lost.saturating_sub(1));
        let kept = |event: &wire::Event| event.seq > self.truncated && event.seq < lost;
        let events = self.journal.iter().filter(|event| kept(event)).cloned().collect();
        Recovered { last_seq, events, has_gaps: false }
    }

    /// The reason of the last refusal that the journal shows for `n`.
    pub fn refusal_of(&self, n: u32) -> Option<refused::Reason> {
        self.journal.iter().rev().filter(|e| e.attempt == attempt(n).as_bytes()).find_map(|e| {
            match &e.event {
                Some(event::Event::Refused(refused)) => Some(refused.reason()),
                _ => None,
            }
        })
    }

    /// The kinds of all events that the journal got for `n`, in order.
    pub fn kinds_of(&self, n: u32) -> Vec<&'static str> {
        self.journal.iter().filter(|e| e.attempt == attempt(n).as_bytes()).map(kind).collect()
    }
}

pub fn kind(event: &wire::Event) -> &'static str {
    match event.event.as_ref().expect("every event is of a kind") {
        event::Event::Begun(_) => "begun",
        event::Event::Progress(_) => "progress",
        event::Event::Ended(_) => "ended",
        event::Event::Refused(_) => "refused",
        event::Event::Released(_) => "released",
        event::Event::Forgotten(_) => "forgotten",
        event::Event::Recorded(_) => "recorded",
        event::Event::NeverSeen(_) => "never_seen",
        event::Event::OptedOut(_) => "opted_out",
    }
}

/// Attempts of the world are made a minute after its start, so that they are new to every node of it.
pub fn attempt(n: u32) -> AttemptId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    AttemptId::new(START_MS + 60_000, &random)
}

pub fn name(n: u32) -> CallName {
    CallName { attempt: attempt(n), route_try: 1, line: common::LineId(1) }
}

pub fn line(id: i64, max_calls: u32, max_cps: u32) -> wire::Line {
    let address = "127.0.0.1:5070".to_owned();
    wire::Line { id, name: format!("line-{id}"), address, max_calls, max_cps, ..Default::default() }
}

pub fn order(n: u32) -> wire::Order {
    wire::Order {
        attempt: attempt(n).as_bytes().to_vec(),
        route_try: 1,
        epoch: 1,
        line: 1,
        dial: format!("+86138{n:08}"),
        caller_id: "+861000000".to_owned(),
        script: 1,
        record: false,
        max_ring_ms: 30_000,
        max_call_ms: 60_000,
        expires_at_us: 0,
        recording: String::new(),
        tap: wire::order::Tap::Nobody.into(),
        contact: Default::default(),
        time_zone: String::new(),
    }
}

pub fn invited(n: u32, at: Instant) -> call::Event {
    call::Event::Progress { call: name(n), at, stage: Stage::Invited }
}

pub fn ended(n: u32, at: Instant) -> call::Event {
    call::Event::Ended(Box::new(Ended {
        call: name(n),
        outcome: Outcome::Busy,
        sip_status: 486,
        q850: Some(17),
        may_have_rung: true,
        retry_after_s: None,
        stamps: Stamps { invited: Some(at), ended: Some(at), ..Stamps::default() },
        hung_up_by: None,
        digits: String::new(),
        dialogue: None,
        quality: None,
        codec: None,
        recorded: false,
        call_id: "x".to_owned(),
        detail: String::new(),
    }))
}
