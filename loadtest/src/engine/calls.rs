//! What callees and patience do: the steps of a plan, retransmissions, the end.

use std::io;
use std::time::{Duration, Instant};

use super::media::Media;
use super::stage::Stage;
use super::{Engine, REMEMBER};
use crate::audio::{Law, Track, Tracks};
use crate::behaviour::Behaviour;
use crate::call::{self, Next, Resend, State};
use crate::carrier::Gauges;
use crate::config::RtcpMode;
use crate::ledger::{EndRecord, Ending, Record};
use crate::net;
use crate::offer;
use crate::random::{self, Random};
use crate::rtcp::Control;
use crate::rtp::Sender;

/// How long a telephone rings that nobody takes, if the caller does not cancel.
pub(super) const RING_LIMIT: Duration = Duration::from_secs(180);

/// Makes the stream of random numbers of a call's RTCP another than those of its audio.
const RTCP: u64 = 0x5254_4350;

impl Engine {
    pub(super) fn on_timer(&mut self, slot: u32, now: Instant) -> io::Result<()> {
        let call = self.call(slot);
        if let Some(resend) = call.resend.filter(|resend| resend.at <= now) {
            let Some(again) = resend.again(now) else { return self.on_lost(slot, now) };
            call.resend = Some(again);
            self.send_again(slot);
        }
        let call = self.call(slot);
        if call.act_at.is_some_and(|at| at <= now) {
            call.act_at = None;
            self.act(slot, now)?;
        }
        if self.calls[slot as usize].is_some() {
            self.report(slot, now);
        }
        self.arm(slot);
        Ok(())
    }

    fn send_again(&mut self, slot: u32) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let line = &mut self.lines[call.line];
        let to = if call.state == State::HangingUp { call.bye(line.udp.local).1 } else { call.reply_to };
        line.outbox.push(&call.last_sent, to);
        call.account.our_retransmissions += 1;
        call.account.last_message_us = net::unix_us();
        Gauges::add(&self.gauges.our_retransmissions, 1);
    }

    /// Nobody confirmed what we sent for 64 × T1.
    fn on_lost(&mut self, slot: u32, now: Instant) -> io::Result<()> {
        let call = self.call(slot);
        call.resend = None;
        match call.state {
            // RFC 3261 section 13.3.1.4: a dialog whose 200 got no ACK is ended with a BYE.
            State::Answered { .. } => {
                self.hang_up(slot, Ending::Lost, now);
                self.arm(slot);
                Ok(())
            }
            State::Challenged { .. }
            | State::Ignoring
            | State::Inviting(_)
            | State::Refused
            | State::HangingUp => {
                call.account.ending = Some((Ending::Lost, call.account.last_message_us));
                self.end(slot, now)
            }
        }
    }

    /// What the callee does when its time has come.
    fn act(&mut self, slot: u32, now: Instant) -> io::Result<()> {
        let call = self.call(slot);
        match call.state {
            State::Inviting(next) => self.step(slot, next, now),
            State::Answered { .. } => self.hang_up(slot, Ending::ByeFromCallee, now),
            State::Challenged { .. } => {
                let at_us = call.account.last_message_us;
                call.account.decide(Ending::Unauthenticated, at_us);
                self.end(slot, now)?;
            }
            State::Ignoring => {
                let at_us = call.account.last_message_us;
                call.account.decide(Ending::Ignored, at_us);
                self.end(slot, now)?;
            }
            State::Refused | State::HangingUp => {}
        }
        Ok(())
    }

    fn step(&mut self, slot: u32, next: Next, now: Instant) {
        match next {
            Next::Ring => {
                self.respond(slot, 180, "", None);
                let call = self.call(slot);
                call.account.ringing_us = Some(call.account.last_message_us);
                let (after, next) = match call.plan.behaviour {
                    Behaviour::NoAnswer => (RING_LIMIT, Next::GiveUp),
                    Behaviour::Decline => (call.plan.ring, Next::Refuse),
                    _ => (call.plan.ring, Next::Answer),
                };
                call.state = State::Inviting(next);
                call.act_at = Some(now + after);
            }
            Next::Progress => {
                let Some(description) = self.describe(slot, &Tracks::shared().ringback) else {
                    return self.no_place(slot, now);
                };
                self.respond(slot, 183, "", Some(&description));
                let call = self.call(slot);
                call.account.ringing_us = Some(call.account.last_message_us);
                call.state = State::Inviting(Next::Answer);
                call.act_at = Some(now + call.plan.ring);
                self.join_beat(slot);
            }
            Next::Answer => self.answer(slot, now),
            Next::Refuse | Next::GiveUp => {
                let (status, headers) = call::refusal(self.call(slot).plan.behaviour);
                self.refuse(slot, status, &headers, Ending::Refused, now);
            }
        }
    }

    fn answer(&mut self, slot: u32, now: Instant) {
        let track = self.call(slot).track();
        let Some(description) = self.describe(slot, track) else { return self.no_place(slot, now) };
        self.respond(slot, 200, "", Some(&description));
        let limit = self.call_limit;
        let call = self.call(slot);
        call.account.status = 200;
        call.account.answered_us = Some(call.account.last_message_us);
        call.state = State::Answered { acked: false };
        call.resend = Some(Resend::begin(now));
        let hangs_up = call.plan.hangs_up && call.customer.is_none();
        call.act_at = Some(now + if hangs_up { call.plan.talk.min(limit) } else { limit });
        self.begin_talk(slot);
        if self.call(slot).plan.behaviour != Behaviour::Silent {
            self.join_beat(slot);
        }
        self.begin_reports(slot, now);
        Gauges::add(&self.gauges.answered, 1);
    }

    /// The callee is heard from now on.
    fn begin_talk(&mut self, slot: u32) {
        let is_recorded = self.recorder.is_some();
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let track = call.track();
        let media = call.media.as_mut().expect("a call that is answered has media");
        match call.customer {
            Some(customer) => {
                media.sender.play(track, "", 0, 0);
                let file = is_recorded.then(|| format!("{}-{}", call.id, customer.name));
                let answered_us = call.account.answered_us.unwrap_or_default();
                let stage = Stage::new(customer, answered_us, media.sender.law(), file);
                media.stage = Some(Box::new(stage));
            }
            None => {
                let [press_at, press_every] = call.plan.press_packets();
                media.sender.play(track, &call.plan.digits, press_at, press_every);
            }
        }
    }

    /// Our description for a call, which gets a far address if it has none. `None`: there is none left.
    fn describe(&mut self, slot: u32, track: &'static Track) -> Option<String> {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        if call.media.is_none() {
            let place = self.places.take(slot)?;
            let law = call.offer.map_or(Law::A, |stream| stream.law);
            let event_type = call.offer.and_then(|stream| stream.event_type);
            let sender = Sender::new(law, event_type, track, random::hash(self.seed, &call.call_id));
            let media = Media::new(place, call.offer.as_ref(), sender);
            call.media = Some(media);
            self.expect_media(slot);
        }
        let call = self.call(slot);
        let offer = call.offer;
        let place = call.media.as_ref()?.place;
        let muxes = self.rtcp == RtcpMode::Mux && offer.is_none_or(|stream| stream.can_mux);
        Some(offer::write(self.places.address(place), offer.as_ref(), muxes))
    }

    /// The caller's description is known: where its audio and its RTCP come from and go to.
    fn expect_media(&mut self, slot: u32) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let (Some(stream), Some(media)) = (&call.offer, &mut call.media) else { return };
        if let Some(remote) = media.remote {
            self.places.expect(media.place, remote);
        }
        if self.rtcp != RtcpMode::Off {
            let is_muxed = self.rtcp == RtcpMode::Mux && stream.can_mux;
            let to = if is_muxed { stream.remote } else { stream.rtcp };
            self.places.expect(media.place, to);
            let random = Random::keyed(self.seed ^ RTCP, &call.call_id);
            media.control = Some(Box::new(Control::new(to, is_muxed, self.rtcp_interval, random)));
        }
    }

    /// The caller's description came with the ACK: audio can begin.
    pub(super) fn hear_offer(&mut self, slot: u32, now: Instant) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let (Some(stream), Some(old)) = (call.offer, call.media.take()) else { return };
        let seed = random::hash(self.seed, &call.call_id);
        let sender = Sender::new(stream.law, stream.event_type, call.track(), seed);
        call.media = Some(Media::new(old.place, Some(&stream), sender));
        let is_silent = call.plan.behaviour == Behaviour::Silent;
        self.begin_talk(slot);
        self.expect_media(slot);
        self.begin_reports(slot, now);
        if !is_silent {
            self.join_beat(slot);
        }
    }

    fn join_beat(&mut self, slot: u32) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        if let Some(media) = call.media.as_mut().filter(|media| media.remote.is_some()) {
            self.beat.join(slot, media);
        }
    }

    fn no_place(&mut self, slot: u32, now: Instant) {
        let reason = "Reason: Q.850;cause=47;text=\"No media address left\"\r\n";
        self.refuse(slot, 503, reason, Ending::Refused, now);
    }

    /// Sends a final refusal.
    pub(super) fn refuse(&mut self, slot: u32, status: u16, headers: &str, how: Ending, now: Instant) {
        self.respond(slot, status, headers, None);
        self.leave_beat(slot);
        let call = self.call(slot);
        call.account.status = status;
        let at_us = call.account.last_message_us;
        call.account.decide(how, at_us);
        call.state = State::Refused;
        call.act_at = None;
        call.resend = Some(Resend::begin(now));
    }

    /// Sends our BYE.
    pub(super) fn hang_up(&mut self, slot: u32, how: Ending, now: Instant) {
        self.leave_beat(slot);
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let line = &mut self.lines[call.line];
        let (bytes, to) = call.bye(line.udp.local);
        line.outbox.push(&bytes, to);
        call.last_sent = bytes;
        call.account.last_message_us = net::unix_us();
        let at_us = call.account.last_message_us;
        call.account.decide(how, at_us);
        call.state = State::HangingUp;
        call.act_at = None;
        call.resend = Some(Resend::begin(now));
    }

    fn leave_beat(&mut self, slot: u32) {
        let media = self.call(slot).media.take();
        let Some(mut media) = media else { return };
        let moved = self.beat.leave(&mut media);
        self.call(slot).media = Some(media);
        if let Some((other, index)) = moved
            && let Some(media) = &mut self.call(other).media
        {
            media.moved_to(index);
        }
    }

    /// Writes the call's last record and forgets it, but for its Call-ID.
    pub(super) fn end(&mut self, slot: u32, now: Instant) -> io::Result<()> {
        self.leave_beat(slot);
        let mut call = self.calls[slot as usize].take().expect("the slot was looked up in this turn");
        let account = call.account;
        let (how, ended_us) = account.ending.unwrap_or((Ending::CarrierStopped, account.last_message_us));
        let (mut rtp, mut rtcp, mut pressed, mut cast) = (None, None, String::new(), None);
        if let Some(media) = &mut call.media {
            cast = media.stage.take().map(|stage| Box::new(stage.end(self.recorder.as_ref())));
            let control = media.control.as_ref();
            self.places
                .release(media.place, media.remote.into_iter().chain(control.map(|control| control.to)));
            rtcp = control.filter(|_| account.answered_us.is_some()).map(|control| control.record());
            rtp = Some(media.reception.record(media.sender.sent));
            pressed = media.sender.pressed();
        }
        self.by_call_id.remove(&call.call_id);
        self.free.push(slot);
        self.lines[call.line].active -= 1;
        let hash = self.hash(&call.call_id);
        self.over.insert(hash);
        self.forget.push_back((now + REMEMBER, hash));
        Gauges::subtract(&self.gauges.active, 1);
        Gauges::add(&self.gauges.ended, 1);
        self.ledger.write(&Record::End(EndRecord {
            call: call.id,
            behaviour: call.plan.behaviour.to_string(),
            ringing_us: account.ringing_us,
            answered_us: account.answered_us,
            ended_us,
            released_us: account.last_message_us,
            how,
            status: account.status,
            invite_retransmissions: account.invite_retransmissions,
            our_retransmissions: account.our_retransmissions,
            pressed,
            rtp,
            rtcp,
            cast,
        }))
    }

    /// The carrier closes: everybody is told.
    pub(super) fn begin_stop(&mut self, now: Instant) -> io::Result<()> {
        self.stopping = true;
        for slot in 0..self.calls.len() as u32 {
            let Some(call) = &self.calls[slot as usize] else { continue };
            match call.state {
                State::Inviting(_) => self.refuse(slot, 503, "", Ending::CarrierStopped, now),
                State::Answered { .. } => self.hang_up(slot, Ending::CarrierStopped, now),
                State::Challenged { .. } | State::Ignoring => self.end(slot, now)?,
                State::Refused | State::HangingUp => {}
            }
            self.arm(slot);
        }
        Ok(())
    }

    /// Records of calls that nobody confirmed in time.
    pub(super) fn end_all(&mut self) -> io::Result<()> {
        for slot in 0..self.calls.len() as u32 {
            if self.calls[slot as usize].is_some() {
                self.end(slot, Instant::now())?;
            }
        }
        Ok(())
    }
}
