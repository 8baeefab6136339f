//! What the far end's SIP does to a call.

use std::time::Instant;

use common::{digits::Digit, slab::Key};
use media::{Latching, MediaPlan};
use sip::{CallEvent, CallHandle, ForkId, OfferAnswer, Output};

use super::Calls;
use crate::{
    Event, HungUpBy, Stage,
    call::State,
    event::RecordingPart,
    negotiate::{SDP_BYTES_MAX, explain},
};

impl Calls {
    /// Takes everything that the SIP side has to say. What we do about it may make it say more.
    pub(super) fn take_sip_events(&mut self, now: Instant) {
        while let Some(output) = self.sip.poll_output() {
            // Probes are not made yet by this crate; it has no other output.
            if let Output::Call { call, owner, event } = output {
                self.on_call_event(now, Key::from_u64(owner), call, event);
            }
        }
    }

    fn on_call_event(&mut self, now: Instant, key: Key, sip: CallHandle, event: CallEvent) {
        match event {
            CallEvent::Trying => self.on_stage(now, key, Stage::Trying),
            CallEvent::Provisional { status, fork, sdp } => {
                let usable = sdp.is_some_and(|sdp| self.take_answer(now, key, fork, &sdp).is_ok());
                let stage = if usable { Stage::EarlyMedia { status } } else { Stage::Ringing { status } };
                self.on_stage(now, key, stage);
            }
            CallEvent::Answered { fork, sdp } => self.on_answered(now, key, sip, fork, sdp.as_deref()),
            CallEvent::Failed(failure) => self.end_failed(now, key, sip, &failure),
            CallEvent::Ended { by, q850 } => self.end_answered(now, key, sip, by, q850),
            CallEvent::Released => self.on_released(now, key),
            CallEvent::Offer { sdp } => self.on_offer(now, key, sip, sdp.as_deref()),
            CallEvent::OfferConfirmed { sdp } => {
                if let Err(problem) = self.take_answer(now, key, None, &sdp) {
                    self.give_up_session(now, key, problem);
                }
            }
            CallEvent::Digit { digit, .. } => {
                if let Some(digit) = Digit::from_char(char::from(digit)) {
                    self.on_digit(now, key, digit);
                    self.act(now, key);
                }
            }
        }
    }

    /// Stamps a stage and tells the node, the first time that it is reached.
    fn on_stage(&mut self, now: Instant, key: Key, stage: Stage) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let stamps = &mut call.stamps;
        let first = match stage {
            Stage::Trying => stamps.trying.is_none(),
            Stage::Ringing { .. } => stamps.ringing.is_none(),
            Stage::EarlyMedia { .. } => stamps.early_media.is_none(),
            Stage::Answered => stamps.answered.is_none(),
            Stage::Invited | Stage::Digit(_) => true,
        };
        stamps.trying.get_or_insert(now);
        match stage {
            Stage::Ringing { .. } => {
                stamps.ringing.get_or_insert(now);
            }
            Stage::EarlyMedia { .. } => {
                stamps.ringing.get_or_insert(now);
                stamps.early_media.get_or_insert(now);
            }
            Stage::Answered => {
                stamps.answered.get_or_insert(now);
            }
            Stage::Invited | Stage::Trying | Stage::Digit(_) => {}
        }
        if first {
            let call = call.name();
            self.events.push_back(Event::Progress { call, at: now, stage });
        }
    }

    fn on_answered(&mut self, now: Instant, key: Key, sip: CallHandle, fork: ForkId, sdp: Option<&[u8]>) {
        let Some(call) = self.calls.find_mut(key) else { return };
        call.state = State::Talking { sip };
        let given_up = call.given_up.is_some();
        // Without SDP in the 2xx, what the same fork said before is the answer (RFC 3261 section 13.2.1).
        let said_before =
            call.media.as_ref().is_some_and(|m| m.session.plan().is_some() && m.fork == Some(fork));
        self.on_stage(now, key, Stage::Answered);
        if given_up {
            // The answer crossed our CANCEL; the SIP side is hanging up.
            return;
        }
        let session = match sdp {
            Some(sdp) => self.take_answer(now, key, Some(fork), sdp),
            None if said_before => Ok(()),
            None => Err("the far end answered without SDP"),
        };
        match session {
            Ok(()) => self.begin_talking(now, key),
            Err(problem) => self.give_up_session(now, key, problem),
        }
    }

    /// Makes the far end's description the session's plan, and its address the call's.
    fn take_answer(
        &mut self,
        now: Instant,
        key: Key,
        fork: Option<ForkId>,
        sdp: &[u8],
    ) -> Result<(), &'static str> {
        let call = self.calls.find_mut(key).ok_or("the call is over")?;
        let media = call.media.as_mut().ok_or("the call is over")?;
        let plan = media.local.read_answer(sdp).map_err(explain)?;
        media.fork = fork.or(media.fork);
        self.adopt(now, key, plan)
    }

    fn adopt(&mut self, now: Instant, key: Key, plan: MediaPlan) -> Result<(), &'static str> {
        let call = self.calls.find_mut(key).ok_or("the call is over")?;
        let mode = call.order.port_mode;
        let media = call.media.as_mut().ok_or("the call is over")?;
        if !plan.remote.ip().is_unspecified() {
            let pool = match mode {
                media::PortMode::Shared => &mut self.shared,
                media::PortMode::Own => &mut self.own,
            };
            let known = if plan.latching == Latching::Negotiated {
                media.settled = true;
                pool.settle(now, &mut media.lease, plan.remote)
            } else {
                pool.expect(now, &mut media.lease, plan.remote)
            };
            if known.is_err() {
                self.counters.port_shortages += 1;
                return Err(
                    "the far end uses one address for two calls on one of our ports; give the line ports of its own",
                );
            }
        }
        media.session.set_remote(plan);
        Ok(())
    }

    /// A re-INVITE or UPDATE: hold, a new address, or a mere refresh.
    fn on_offer(&mut self, now: Instant, key: Key, sip: CallHandle, offer: Option<&[u8]>) {
        let mut out = [0; SDP_BYTES_MAX];
        let media = self.calls.find_mut(key).and_then(|call| call.media.as_mut());
        let answer = match (media, offer) {
            (None, _) => OfferAnswer::Refuse,
            (Some(media), None) => OfferAnswer::Accept(media.local.offer_again(&mut out)),
            (Some(media), Some(offer)) => match media.local.answer_offer(offer, &mut out) {
                Ok((plan, len)) if self.adopt(now, key, plan).is_ok() => OfferAnswer::Accept(&out[..len]),
                Ok(_) | Err(_) => OfferAnswer::Refuse,
            },
        };
        // The call may have ended in the same breath; then nobody waits for the answer.
        let _ = self.sip.answer_offer(now, sip, answer);
    }

    /// The session cannot be used: the call ends.
    fn give_up_session(&mut self, now: Instant, key: Key, problem: &'static str) {
        if let Some(call) = self.calls.find_mut(key) {
            call.unusable = Some(problem);
            self.hang_up(now, key, HungUpBy::Session);
        }
    }

    fn begin_talking(&mut self, now: Instant, key: Key) {
        let place = self.phases.join(now, key);
        let Some(call) = self.calls.find_mut(key) else { return };
        let name = call.name();
        let media = call.media.as_mut().expect("a call that is answered has its session until its end");
        media.place = Some(place);
        media.session.answer();
        self.counters.talking += 1;
        if call.order.record && media.session.start_recording(now, &self.config.recording).is_ok() {
            media.recorded = true;
            self.events.push_back(Event::Recording { call: name, part: RecordingPart::Open });
        }
        call.run.start(now);
        self.look_after(now, key);
        self.act(now, key);
    }
}
