//! The small control plane of a dial: feeds orders as calls end, and keeps the results.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use common::{AttemptId, Epoch, Outcome};
use crossbeam_channel::{Receiver, Sender};
use link::{Down, Uplink};
use proto::v1::{self as wire, asset_request, event, from_node, order, progress, refused, to_node};
use serde_json::json;
use tokio::sync::mpsc;

use super::tap::Counted;
use super::{DialConfig, DialEvent, DialReport, DialResult, DialStage, TapReport, Usage};
use crate::clock::Now;
use crate::node::Node;
use crate::shell::NodeError;

/// Orders given beyond the calls that the line carries, so that the next one waits at the gate.
pub(super) const AHEAD: usize = 64;
/// Messages to the node that may wait; a batch of orders and what answers its questions.
pub(super) const DOWN_CAPACITY: usize = 4_096;
/// Events of the node that may wait.
const UP_CAPACITY: usize = 16_384;
/// How often events are looked for while none come: a tenth of [`AHEAD`] at 640 calls a second, and next to no CPU time.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Pieces in which the prompt is handed over.
const CHUNK: usize = 64 * 1_024;
/// The one line, script and prompt, and the epoch of the lease.
const ONLY: i64 = 1;
/// Longest `wait` of a script, and how many of them a dial's script may have at the most.
const WAIT_MS_MAX: u64 = 3_600_000;
const WAITS_MAX: u64 = 100;
/// Longer than anybody dials.
const LEASE: Duration = Duration::from_secs(30 * 24 * 3_600);

pub(super) struct Leader {
    config: DialConfig,
    node: Node,
    counted: Counted,
    down: Sender<Down>,
    up: mpsc::Receiver<wire::FromNode>,
    events: Sender<DialEvent>,
    stopped: Receiver<()>,
    started: Instant,
    used: Usage,
    /// Orders given.
    given: usize,
    /// Calls that are neither refused nor released.
    open: HashMap<AttemptId, usize>,
    /// Recordings whose call has ended, less those that are closed; a recording may be closed first.
    recording: i64,
    results: Vec<DialResult>,
    call_seconds: f64,
    opt_outs: Vec<String>,
    last_seq: u64,
}

impl Leader {
    pub(super) fn new(
        config: DialConfig,
        node: Node,
        counted: Counted,
        down: Sender<Down>,
        events: Sender<DialEvent>,
        stopped: Receiver<()>,
    ) -> Self {
        let (uplink, up) = Uplink::loopback(UP_CAPACITY);
        let leader = Self {
            config,
            node,
            counted,
            down,
            up,
            events,
            stopped,
            started: Instant::now(),
            used: Usage::read(),
            given: 0,
            open: HashMap::new(),
            recording: 0,
            results: Vec::new(),
            call_seconds: 0.0,
            opt_outs: Vec::new(),
            last_seq: 0,
        };
        leader.tell(Down::Attached { acknowledged_seq: 0, epoch: Epoch(ONLY as u64), uplink });
        leader.say(to_node::Message::Lease(wire::Lease {
            epoch: ONLY as u64,
            valid_ms: u32::try_from(LEASE.as_millis()).unwrap_or(u32::MAX),
        }));
        leader.say(to_node::Message::Lines(wire::Lines { epoch: ONLY as u64, lines: vec![leader.line()] }));
        leader
    }

    pub(super) fn lead(mut self) -> Result<DialReport, NodeError> {
        let mut stopping = false;
        while (self.given < self.config.count && !stopping) || !self.open.is_empty() || self.recording != 0 {
            if !self.node.is_running() {
                break;
            }
            if !stopping && self.stopped.try_recv().is_ok() {
                stopping = true;
                self.node.stop();
            }
            let room = self.config.line.max_calls as usize + AHEAD;
            while !stopping && self.given < self.config.count && self.open.len() < room {
                self.order();
            }
            if self.take_messages() == 0 {
                std::thread::sleep(LOOK_EVERY);
            } else {
                self.say(to_node::Message::Ack(wire::Ack { seq: self.last_seq }));
            }
        }
        if !stopping {
            self.node.stop();
        }
        self.finish()
    }

    fn take_messages(&mut self) -> usize {
        let mut taken = 0;
        while let Ok(message) = self.up.try_recv() {
            taken += 1;
            self.on_message(message);
        }
        taken
    }

    fn finish(mut self) -> Result<DialReport, NodeError> {
        let (elapsed, usage) = (self.started.elapsed(), Usage::read().since(self.used));
        let sources = self.node.sources().clone();
        while self.node.is_running() {
            self.take_messages();
            // Or the node waits for that.
            self.say(to_node::Message::Ack(wire::Ack { seq: u64::MAX }));
            std::thread::sleep(LOOK_EVERY);
        }
        self.take_messages();
        self.node.wait()?;
        let calls = sources.metrics.calls_counters();
        let sum = |of: fn(&call::Counters) -> u64| calls.values().map(of).sum::<u64>();
        Ok(DialReport {
            results: self.results,
            elapsed,
            usage,
            call_seconds: self.call_seconds,
            retransmissions: sum(|c| c.sip.requests_retransmitted + c.sip.responses_retransmitted),
            sip_messages: (sum(|c| c.sip.datagrams_sent), sum(|c| c.sip.datagrams_received)),
            rtp_packets: (sum(|c| c.rtp_sent), sum(|c| c.rtp_received)),
            rtp_lost: sum(|c| c.rtp_lost),
            rtcp_packets: (sum(|c| c.rtcp_sent), sum(|c| c.rtcp_received)),
            hook_faults: sources.metrics.voice().all_faults(),
            opt_outs: self.opt_outs,
            tap: self
                .config
                .tap
                .is_some()
                .then(|| TapReport { dropped: sum(|c| c.tap_displaced + c.tap_lost), ..self.counted.read() }),
        })
    }

    fn order(&mut self) {
        let call = self.given;
        self.given += 1;
        let now = Now::read();
        let attempt = attempt_of(now, call);
        self.open.insert(attempt, call);
        let recording = self.config.record.as_ref().map(|(_, stem)| match self.config.count {
            1 => stem.clone(),
            _ => format!("{stem}-{}", call + 1),
        });
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self.say(to_node::Message::Order(wire::Order {
            attempt: attempt.as_bytes().to_vec(),
            route_try: 1,
            epoch: ONLY as u64,
            line: ONLY,
            dial: self.destination(call).to_owned(),
            caller_id: self.config.line.caller_id.clone(),
            script: ONLY,
            record: recording.is_some(),
            max_ring_ms: millis(self.config.max_ring),
            max_call_ms: millis(self.config.max_call),
            expires_at_us: now.wall.saturating_add(LEASE).0,
            recording: recording.unwrap_or_default(),
            tap: match self.config.tap {
                Some(_) => order::Tap::Callee.into(),
                None => order::Tap::Nobody.into(),
            },
            contact: self.config.script.iter().flat_map(|script| script.contact.clone()).collect(),
            time_zone: String::new(),
        }));
    }

    fn on_message(&mut self, message: wire::FromNode) {
        match message.message {
            Some(from_node::Message::Event(event)) => self.on_event(event),
            Some(from_node::Message::AssetRequest(request)) => match request.asset {
                Some(asset_request::Asset::Script(_)) => self.say(to_node::Message::Script(self.script())),
                Some(asset_request::Asset::Prompt(_)) => self.say_prompt(),
                None => {}
            },
            Some(from_node::Message::Hello(_) | from_node::Message::Heartbeat(_)) | None => {}
        }
    }

    fn on_event(&mut self, event: wire::Event) {
        self.last_seq = event.seq;
        let Some(attempt) = AttemptId::from_slice(&event.attempt) else { return };
        let Some(call) = self.open.get(&attempt).copied() else {
            return self.on_late_event(event);
        };
        match event.event {
            Some(event::Event::Progress(progress)) => {
                if let Some(stage) = stage(&progress) {
                    let _ = self.events.send(DialEvent::Stage { call, stage });
                }
            }
            Some(event::Event::Ended(ended)) => self.on_ended(call, ended),
            Some(event::Event::Refused(refused)) => {
                self.open.remove(&attempt);
                self.on_refused(call, refused);
            }
            Some(event::Event::Released(_)) => drop(self.open.remove(&attempt)),
            Some(event::Event::Recorded(recorded)) => self.on_recorded(call, recorded),
            Some(event::Event::OptedOut(opted_out)) => self.opt_outs.push(opted_out.said),
            _ => {}
        }
    }

    /// A recording may be closed, and a last word understood, after the call is gone.
    fn on_late_event(&mut self, event: wire::Event) {
        match event.event {
            Some(event::Event::Recorded(recorded)) => {
                let call = AttemptId::from_slice(&event.attempt).map_or(0, call_of);
                self.on_recorded(call, recorded);
            }
            Some(event::Event::OptedOut(opted_out)) => self.opt_outs.push(opted_out.said),
            _ => {}
        }
    }

    fn on_ended(&mut self, call: usize, ended: wire::Ended) {
        if ended.answered_at_us > 0 {
            self.call_seconds += (ended.ended_at_us - ended.answered_at_us) as f64 / 1e6;
        }
        self.recording += i64::from(!ended.recording.is_empty());
        let outcome = ended.outcome.parse().unwrap_or(Outcome::Unknown);
        let detail = ended.detail.clone();
        self.keep(call, outcome, Some(ended), detail);
    }

    fn on_refused(&mut self, call: usize, refused: wire::Refused) {
        let outcome = match refused.reason() {
            refused::Reason::LineUnusable | refused::Reason::LineUnknown => Outcome::LineUnusable,
            refused::Reason::Draining | refused::Reason::HungUp => Outcome::Canceled,
            refused::Reason::Expired => Outcome::Expired,
            _ => Outcome::Shed,
        };
        let reason = crate::refusal::label(refused.reason());
        let detail = if refused.detail.is_empty() { reason.to_owned() } else { refused.detail };
        self.keep(call, outcome, None, detail);
    }

    fn keep(&mut self, call: usize, outcome: Outcome, ended: Option<wire::Ended>, detail: String) {
        let destination = self.destination(call).to_owned();
        let result = DialResult { call, destination, outcome, ended, detail };
        let _ = self.events.send(DialEvent::Ended(Box::new(result.clone())));
        self.results.push(result);
    }

    fn on_recorded(&mut self, call: usize, recorded: wire::Recorded) {
        self.recording -= 1;
        let folder = self.config.record.as_ref().map(|(folder, _)| folder.clone()).unwrap_or_default();
        let path = folder.join(recorded.path);
        let _ = self.events.send(DialEvent::Recorded { call, path, error: recorded.error });
    }

    fn destination(&self, call: usize) -> &str {
        &self.config.destinations[call % self.config.destinations.len()]
    }

    fn line(&self) -> wire::Line {
        let line = &self.config.line;
        wire::Line {
            id: ONLY,
            name: "dial".to_owned(),
            address: line.address.clone(),
            domain: line.domain.clone(),
            username: line.username.clone(),
            password: line.password.clone(),
            realm: String::new(),
            max_calls: line.max_calls,
            max_cps: line.rate.get(),
            media_ports: if line.own_ports { "own" } else { "shared" }.to_owned(),
            codecs: line.codecs.clone(),
            ..wire::Line::default()
        }
    }

    fn script(&self) -> wire::Script {
        if let Some(script) = &self.config.script {
            return wire::Script { id: ONLY, document: script.document.clone(), ..Default::default() };
        }
        let mut steps = Vec::new();
        if self.config.play.is_some() {
            steps.push(json!({ "do": "play", "prompt": ONLY }));
        }
        let mut left =
            u64::try_from(self.config.hold.as_millis()).unwrap_or(u64::MAX).min(WAIT_MS_MAX * WAITS_MAX);
        while left > 0 {
            steps.push(json!({ "do": "wait", "ms": left.min(WAIT_MS_MAX) }));
            left -= left.min(WAIT_MS_MAX);
        }
        steps.push(json!({ "do": "hang_up" }));
        let document = json!({ "name": "dial", "steps": steps }).to_string();
        wire::Script { id: ONLY, document, ..Default::default() }
    }

    fn say_prompt(&self) {
        let wav = self.config.play.as_deref().unwrap_or_default();
        let mut pieces = wav.chunks(CHUNK).peekable();
        while let Some(piece) = pieces.next() {
            self.say(to_node::Message::PromptChunk(wire::PromptChunk {
                prompt: ONLY,
                wav: piece.to_vec(),
                last: pieces.peek().is_none(),
                error: String::new(),
            }));
        }
        if wav.is_empty() {
            let error = "the file is empty".to_owned();
            self.say(to_node::Message::PromptChunk(wire::PromptChunk {
                prompt: ONLY,
                error,
                ..Default::default()
            }));
        }
    }

    fn say(&self, message: to_node::Message) {
        self.tell(Down::Message(message));
    }

    fn tell(&self, down: Down) {
        // Gone only when the node has ended, which the loop sees.
        let _ = self.down.send(down);
    }
}

/// The attempt of a call, which carries its number. A node takes none that was made before its own start.
fn attempt_of(now: Now, call: usize) -> AttemptId {
    let mut number = [0; 10];
    number[2..].copy_from_slice(&(call as u64).to_be_bytes());
    AttemptId::new(u64::try_from(now.wall.as_millis()).unwrap_or(0) + 1_000, &number)
}

/// The number of an attempt's call. The two highest bits of these bytes belong to the UUID (RFC 9562 section 4.1).
fn call_of(attempt: AttemptId) -> usize {
    let low = attempt.as_bytes()[8..].try_into().map(u64::from_be_bytes).expect("eight bytes");
    (low & (u64::MAX >> 2)) as usize
}

fn stage(progress: &wire::Progress) -> Option<DialStage> {
    Some(match progress.stage() {
        progress::Stage::Invited => DialStage::Invited,
        progress::Stage::Trying => DialStage::Trying,
        progress::Stage::Ringing => DialStage::Ringing,
        progress::Stage::EarlyMedia => DialStage::EarlyMedia,
        progress::Stage::Answered => DialStage::Answered,
        progress::Stage::Digit => DialStage::Digit(progress.digit.chars().next()?),
        progress::Stage::Unspecified => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_carries_the_number_of_its_call() {
        let now = Now::read();
        for call in [0, 1, 999, 10_000_000] {
            assert_eq!(call_of(attempt_of(now, call)), call);
        }
    }
}
