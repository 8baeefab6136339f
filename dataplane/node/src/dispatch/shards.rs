//! What the shards say about calls, and what is said to them about calls under way.

use call::voice::{BotTold, BotWish, Told, Wish};
use call::{CallName, Event, HungUpBy, Mail, RecordingPart};
use common::AttemptId;
use jiff::tz::TimeZone;
use proto::v1::refused::Reason;
use proto::v1::{OptedOut, Recorded, Released, event};
use script::Reply;

use super::call_table::{Call, Stage};
use super::{Action, ClosedRecording, Dispatch, RecordingJob, outcome};
use crate::clock::Now;
use crate::refusal::Refusal;
use crate::seen::TryKey;

impl Dispatch {
    pub(super) fn on_shard(&mut self, now: Now, shard: u16, event: Event) {
        match event {
            Event::Progress { call, at, stage } => {
                if stage == call::Stage::Invited {
                    self.metrics.invited(self.line_name(call));
                }
                let at = Now { wall: common::UnixMicros(now.wall_of(at)), ..now };
                self.record(at, key(call), call.line, event::Event::Progress(outcome::progress(stage)));
            }
            Event::Ended(ended) => self.on_ended(now, shard, &ended),
            Event::Released { call } => self.on_released(now, call),
            Event::Missed(order) => self.on_missed(now, order),
            Event::Declined { order, why } => self.on_declined(now, shard, order, why),
            Event::Recording { call, part } => self.on_recording(call, part),
            Event::Voice { call, wish } => self.on_wish(shard, call, wish),
            Event::Transfer { call, number, to, mode } => {
                self.on_transfer(now, shard, (call, number), &to, mode);
            }
            Event::LegOver { call, on_line } => self.on_leg_over(call, on_line),
            Event::OptedOut { call, at, said } => {
                self.metrics.dialogues().opted_out();
                let at = Now { wall: common::UnixMicros(now.wall_of(at)), ..now };
                self.record(at, key(call), call.line, event::Event::OptedOut(OptedOut { said }));
            }
            // After a panic of a voice thread nothing is awaited any more.
            Event::VoiceDone { .. } => {
                self.last_words = self.last_words.saturating_sub(1);
            }
            Event::Counters(counters) => self.metrics.set_calls_counters(shard, *counters),
        }
    }

    /// Without voice threads nobody listens, speaks or asks, and the script goes its own way.
    fn on_wish(&mut self, shard: u16, call: CallName, wish: Wish) {
        if self.settings.has_voice {
            self.last_words += u32::from(matches!(wish, Wish::End { .. }));
            let zone = self.calls.find(&key(call)).map_or(TimeZone::UTC, |call| call.zone.clone());
            self.actions.push_back(Action::Voice { shard, call, zone, wish });
            return;
        }
        let told = match wish {
            Wish::Speak { number, .. } | Wish::Converse { number, .. } => Told::Speechless { number },
            Wish::Listen { number, .. } => Told::Deaf { number },
            Wish::Request { number, .. } => {
                Told::Reply { number, reply: Reply::Failed("this node asks no servers".to_owned()) }
            }
            Wish::Bot { number, wish: BotWish::Attach(_) } => Told::Bot { number, told: BotTold::Failed },
            Wish::Bot { .. }
            | Wish::Overhear
            | Wish::Hush { .. }
            | Wish::EndOfSpeech { .. }
            | Wish::StopListening { .. }
            | Wish::End { .. } => return,
        };
        let mail = Mail::Voice { call, told };
        self.actions.push_back(Action::Mail { shard, mail });
    }

    /// From here on every call is told what a node without voice tells it.
    pub(super) fn on_voice_gone(&mut self, now: Now) {
        tracing::error!(
            "a voice thread is gone: calls neither hear nor speak until the node is started again"
        );
        self.settings.has_voice = false;
        self.free_recognisers.clear();
        self.last_words = 0;
        for shard in 0..self.settings.shards {
            self.actions.push_back(Action::Mail { shard, mail: Mail::VoiceGone });
        }
        if self.assets.on_speechless(now.at, "this node has no voice any more") {
            self.unpark(now);
        }
    }

    fn on_ended(&mut self, now: Now, shard: u16, ended: &call::Ended) {
        let key = key(ended.call);
        let Some(call) = self.calls.find(&key) else {
            debug_assert!(false, "a shard ended a call that it was not given");
            return;
        };
        let stem = ended.recorded.then(|| self.recording_stem(call));
        let recording = stem.map(|stem| outcome::recording_path(&stem)).unwrap_or_default();
        let told = outcome::ended(now, shard, ended, recording);
        self.metrics.ended(
            self.line_name(ended.call),
            ended.outcome,
            outcome::post_dial_delay(&ended.stamps),
        );
        self.metrics.dialogues().ended(&ended.stamps, ended.dialogue.as_deref());
        self.calls.change(&key, |stage| match stage {
            Stage::Mailed { shard, .. } => Stage::Over { shard },
            other => other,
        });
        self.record(now, key, ended.call.line, event::Event::Ended(told));
    }

    fn on_released(&mut self, now: Now, name: CallName) {
        let key = key(name);
        let Some(call) = self.calls.remove(&key) else {
            debug_assert!(false, "a shard released a call that it was not given");
            return;
        };
        if let Stage::Over { shard } | Stage::Mailed { shard, .. } = call.stage {
            self.shards.leave(shard);
        }
        if let Some(line) = self.lines.get_mut(&call.line) {
            line.gate.leave();
        }
        self.record(now, key, call.line, event::Event::Released(Released {}));
        // Another try of the attempt may have waited for this.
        for key in self.calls.tries_of(key.0) {
            self.unpark_one(now, key);
        }
    }

    fn on_recording(&mut self, name: CallName, part: RecordingPart) {
        let attempt = name.attempt;
        let job = match part {
            RecordingPart::Open => {
                let Some(call) = self.calls.find(&key(name)) else { return };
                let stem = self.recording_stem(call);
                self.recordings.insert(attempt, (name.route_try, name.line, outcome::recording_path(&stem)));
                RecordingJob::Open { stem }
            }
            RecordingPart::Block(block) => RecordingJob::Block(block),
            // The file is filled with silence by position.
            RecordingPart::Lost => return self.metrics.block_lost(),
            RecordingPart::Close => RecordingJob::Close,
        };
        self.actions.push_back(Action::Record { attempt, job });
    }

    pub(super) fn on_recording_closed(&mut self, now: Now, closed: ClosedRecording) {
        let Some((route_try, line, path)) = self.recordings.remove(&closed.attempt) else { return };
        self.metrics.recording(if closed.error.is_empty() { "kept" } else { "failed" });
        let recorded = Recorded {
            path: closed.path.unwrap_or(path),
            bytes: closed.bytes,
            duration_ms: u64::try_from(closed.duration.as_millis()).unwrap_or(u64::MAX),
            error: closed.error,
        };
        self.record(now, (closed.attempt, route_try), line, event::Event::Recorded(recorded));
    }

    pub(super) fn on_hangup(&mut self, now: Now, hangup: &proto::v1::Hangup) {
        let Some(attempt) = AttemptId::from_slice(&hangup.attempt) else { return };
        for key in self.calls.tries_of(attempt) {
            let call = self.calls.find(&key).expect("just listed");
            if call.is_unsent() {
                self.refuse(now, key, Refusal::new(Reason::HungUp, hangup.reason.clone()));
                continue;
            }
            let Stage::Mailed { shard, .. } = call.stage else { continue };
            self.calls.change(&key, |_| Stage::Mailed { shard, hung_up: true });
            let mail = Mail::HangUp { attempt, by: HungUpBy::Operator };
            self.actions.push_back(Action::Mail { shard, mail });
        }
    }

    fn recording_stem(&self, call: &Call) -> String {
        if self.settings.day_folders {
            outcome::recording_stem(call.begun_at, &call.recording)
        } else {
            call.recording.to_string()
        }
    }

    fn line_name(&self, call: CallName) -> &str {
        self.lines.get(&call.line).map_or("", |line| &line.spec.name)
    }
}

fn key(call: CallName) -> TryKey {
    (call.attempt, call.route_try)
}
