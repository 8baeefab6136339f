//! What the far end's SIP does to a call.

use std::time::Instant;

use common::{digits::Digit, slab::Key};
use media::{Direction, Latching, MediaPlan};
use sip::{CallEvent, CallHandle, ForkId, OfferAnswer, Output};

use super::Calls;
use crate::{
    Event, HungUpBy, Stage, Tap,
    call::State,
    negotiate::{SDP_BYTES_MAX, explain},
};

/// Why a description was not taken: nobody is there any more.
const OVER: &str = "the call is over";

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
            CallEvent::Failed(failure) => self.end_failed(now, key, &failure),
            CallEvent::Ended { by, q850 } => self.end_answered(now, key, by, q850),
            CallEvent::Released => self.on_released(now, key),
            CallEvent::Offer { sdp } => self.on_offer(now, key, sip, sdp.as_deref()),
            CallEvent::OfferConfirmed { sdp } => {
                if let Err(problem) = self.take_answer(now, key, None, &sdp) {
                    self.give_up_session(now, key, problem);
                }
            }
            CallEvent::Refer(progress) => self.on_refer(now, key, progress),
            CallEvent::Digit { digit, .. } => {
                if let Some(digit) = Digit::from_char(char::from(digit)) {
                    self.on_digit(now, key, digit);
                }
            }
        }
    }

    /// Stamps a stage and tells the node, the first time that it is reached.
    pub(super) fn on_stage(&mut self, now: Instant, key: Key, stage: Stage) {
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
        if first && !call.is_leg() {
            let call = call.name();
            self.events.push_back(Event::Progress { call, at: now, stage });
        }
    }

    fn on_answered(&mut self, now: Instant, key: Key, sip: CallHandle, fork: ForkId, sdp: Option<&[u8]>) {
        let Some(call) = self.calls.find_mut(key) else { return };
        self.counters.setting_up -= u64::from(call.is_being_set_up());
        call.state = State::Talking { sip };
        // Without SDP in the 2xx, what the same fork said before is the answer (RFC 3261 section 13.2.1); so is what
        // was said without a tag, since nobody else can have said it.
        let said_before = call
            .media
            .as_ref()
            .is_some_and(|media| media.session.plan().is_some() && media.fork.is_none_or(|it| it == fork));
        self.on_stage(now, key, Stage::Answered);
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
        let call = self.calls.find_mut(key).ok_or(OVER)?;
        let media = call.media.as_mut().ok_or(OVER)?;
        let plan = media.local.read_answer(sdp).map_err(explain)?;
        self.adopt(now, key, plan)?;
        if let Some(media) = self.calls.find_mut(key).and_then(|call| call.media.as_mut()) {
            media.fork = fork.or(media.fork);
        }
        Ok(())
    }

    fn adopt(&mut self, now: Instant, key: Key, mut plan: MediaPlan) -> Result<(), &'static str> {
        let call = self.calls.find_mut(key).ok_or(OVER)?;
        let media = call.media.as_mut().ok_or(OVER)?;
        if plan.remote.ip().is_unspecified() {
            // On hold the old way (RFC 3264 section 8.4): neither RTP nor RTCP is sent, and what comes still comes from where
            // it did. Whether both share a port is part of the address.
            if let Some(before) = media.session.plan() {
                (plan.remote, plan.remote_rtcp, plan.rtcp_mux) =
                    (before.remote, before.remote_rtcp, before.rtcp_mux);
            }
        } else {
            let pool = self.pools.of(call.order.port_mode);
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
            if !plan.rtcp_mux {
                pool.expect_rtcp(now, &mut media.lease, plan.remote_rtcp);
            }
        }
        media.session.set_remote(plan);
        media.heard_from = match plan.direction {
            Direction::SendReceive => media.heard_from.or(Some(now)),
            // A far end that holds the call may be silent for as long as it likes.
            Direction::SendOnly | Direction::ReceiveOnly | Direction::Inactive => None,
        };
        // It is our direction: who holds (RFC 3264 section 8.4) sends music or nothing; who only listens holds nothing.
        call.dialogue.on_hold(now, matches!(plan.direction, Direction::ReceiveOnly | Direction::Inactive));
        self.act(now, key);
        Ok(())
    }

    /// A re-INVITE or UPDATE: hold, a new address, or a mere refresh.
    fn on_offer(&mut self, now: Instant, key: Key, sip: CallHandle, offer: Option<&[u8]>) {
        let mut out = [0; SDP_BYTES_MAX];
        let media = self.calls.find_mut(key).and_then(|call| call.media.as_mut());
        let answer = match (media, offer) {
            (None, _) => OfferAnswer::Refuse,
            (Some(media), None) => OfferAnswer::Accept(media.local.offer_again(&mut out)),
            (Some(_), Some(offer)) => match self.take_offer(now, key, offer, &mut out) {
                Ok(len) => OfferAnswer::Accept(&out[..len]),
                Err(_) => OfferAnswer::Refuse,
            },
        };
        // The call may have ended in the same breath; then nobody waits for the answer.
        let _ = self.sip.answer_offer(now, sip, answer);
    }

    /// Makes the far end's offer the session's plan, writes our answer into `out` and returns its length.
    fn take_offer(
        &mut self,
        now: Instant,
        key: Key,
        offer: &[u8],
        out: &mut [u8],
    ) -> Result<usize, &'static str> {
        let media = self.calls.find_mut(key).and_then(|call| call.media.as_mut()).ok_or(OVER)?;
        let (plan, len) = media.local.answer_offer(offer, out).map_err(explain)?;
        self.adopt(now, key, plan)?;
        if let Some(media) = self.calls.find_mut(key).and_then(|call| call.media.as_mut()) {
            media.local.note_sent();
        }
        Ok(len)
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
        let media = call.media.as_mut().expect("a call that is answered has its session until its end");
        media.place = Some(place);
        media.session.answer();
        if let Some(since) = &mut media.heard_from {
            *since = now;
        }
        self.counters.talking += 1;
        self.admission.on_set_up(true, self.counters.setting_up);
        if call.order.tap == Tap::Callee
            && let Some(tap) = &self.config.tap
        {
            media.session.start_tap(now, tap.chunks());
        }
        if call.order.record {
            self.record(now, key, true);
        }
        self.look_after(now, key);
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.is_leg() {
            return self.join(now, key);
        }
        call.dialogue.on_answered(now);
        self.act(now, key);
    }
}
