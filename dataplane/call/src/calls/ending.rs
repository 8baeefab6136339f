//! How calls end: told to, refused, hung up by the far end.

use std::time::Instant;

use common::{Outcome, slab::Key};
use sip::{CallReason, EndedBy, Failure, FailureOrigin};

use super::Calls;
use crate::{
    Event, HungUpBy, Stage,
    call::{Call, Media, State},
    event::{Ended, RecordingPart},
    verdict,
    voice::Wish,
};

/// Q.850 cause of our CANCEL or BYE: normal clearing, or no answer from the user.
const NORMAL_CLEARING: u8 = 16;
const NO_ANSWER: u8 = 19;

impl Calls {
    /// Ends a call on our side, whatever its state. A call that is ending already is left alone.
    pub(super) fn hang_up(&mut self, now: Instant, key: Key, by: HungUpBy) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.given_up.is_some() || call.state == State::Over {
            return;
        }
        call.given_up = Some(by);
        call.deadline = None;
        if call.is_leg() {
            // The first call waits no longer for what the second one's far end says to that.
            self.part(now, key);
        }
        let Some(call) = self.calls.find_mut(key) else { return };
        let cause = if by == HungUpBy::RingLimit { NO_ANSWER } else { NORMAL_CLEARING };
        match call.state {
            State::Waiting => self.refuse(now, key, Outcome::Canceled, ""),
            State::Dialling { sip } => {
                // An error means that the end is already in the SIP side's queue.
                let _ = self.sip.hang_up(now, sip, Some(CallReason::Q850(cause)));
            }
            State::Talking { sip } => {
                call.stamps.ended = Some(now);
                self.silence(now, key);
                let _ = self.sip.hang_up(now, sip, Some(CallReason::Q850(cause)));
            }
            State::Over => {}
        }
    }

    /// The INVITE got no answer, or a no.
    pub(super) fn end_failed(&mut self, now: Instant, key: Key, failure: &Failure) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if failure.origin == FailureOrigin::Response {
            // A final response may be the first of all.
            call.stamps.trying.get_or_insert(now);
        }
        let others = self.counters.setting_up - u64::from(call.is_being_set_up());
        self.admission.on_set_up(false, others);
        let judged = verdict::of_failure(failure, call.stamps.ringing.is_some(), call.given_up);
        let detail = match judged.detail {
            "" => failure_text(failure),
            detail => detail,
        };
        let mut ended = call.ended(judged.outcome, detail);
        ended.may_have_rung = judged.may_have_rung;
        if failure.origin == FailureOrigin::Response {
            ended.sip_status = failure.status;
        }
        ended.q850 = failure.q850;
        ended.retry_after_s = failure.retry_after_s;
        self.end(now, key, ended);
    }

    /// An answered call is over.
    pub(super) fn end_answered(&mut self, now: Instant, key: Key, by: EndedBy, q850: Option<u8>) {
        if by == EndedBy::CrossedCancel {
            // The SIP side hangs up by itself, and reports the answer and the end in one.
            self.on_stage(now, key, Stage::Answered);
        }
        let Some(call) = self.calls.find(key) else { return };
        let mut ended =
            call.ended(verdict::of_end(call.unusable.is_some()), call.unusable.unwrap_or_default());
        ended.sip_status = 200;
        ended.may_have_rung = true;
        ended.q850 = q850;
        ended.hung_up_by = Some(verdict::hung_up_by(by, call.given_up));
        if by == EndedBy::CrossedCancel {
            ended.detail = "the answer crossed our CANCEL".to_owned();
        }
        self.end(now, key, ended);
    }

    /// The far end holds nothing of the call any more.
    pub(super) fn on_released(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find(key) else { return };
        debug_assert_eq!(call.state, State::Over, "the SIP side reports the end before the release");
        let call = self.remove(now, key);
        let released = Event::Released { call: call.name() };
        self.events.push_back(Self::leg_over(&call).unwrap_or(released));
    }

    fn end(&mut self, now: Instant, key: Key, mut ended: Box<Ended>) {
        self.silence(now, key);
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.state == State::Over {
            return;
        }
        ended.stamps.ended = Some(*call.stamps.ended.get_or_insert(now));
        ended.call_id = std::mem::take(&mut call.call_id);
        self.counters.setting_up -= u64::from(call.is_being_set_up());
        call.state = State::Over;
        call.deadline = None;
        if call.is_joined && call.transfer.take().is_some() {
            call.dialogue.on_transferred(now, true);
        } else if call.awaited_transfer().is_some_and(|transfer| transfer.accepted) {
            // It was about to take the callee, and needs us no more.
            call.dialogue.on_transferred(now, ended.hung_up_by == Some(HungUpBy::Callee));
        }
        ended.digits = call.dialogue.entries();
        ended.dialogue = call.dialogue.finish(call.stamps.ended.unwrap_or(now));
        if call.dialogue.has_wished() {
            let wish = Wish::End { opted_out: call.dialogue.has_opted_out() };
            let call = call.name();
            self.events.push_back(Event::Voice { call, wish });
        }
        let Some(call) = self.calls.find_mut(key) else { return };
        if let Some(Media { session, lease, recorded, .. }) = call.media.take() {
            let quality = session.quality();
            self.counters.rtp_lost += quality.lost;
            ended.codec = session.plan().map(|plan| plan.codec);
            ended.quality = ended.codec.map(|_| quality);
            ended.recorded = recorded;
            self.pools.release(now, call.order.port_mode, lease);
        }
        let is_leg = self.calls.find(key).is_some_and(Call::is_leg);
        self.part(now, key);
        if !is_leg {
            self.events.push_back(Event::Ended(ended));
        }
    }

    /// Takes the call off the tick and closes its recording and its tap. The session stays for its numbers.
    fn silence(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let name = call.name();
        let Some(media) = call.media.as_mut() else { return };
        let Some(place) = media.place.take() else { return };
        self.counters.talking -= 1;
        self.admission.on_end();
        if media.recorded {
            for block in media.session.finish_recording().into_iter().flatten() {
                self.events.push_back(Event::Recording { call: name, part: RecordingPart::Block(block) });
            }
            self.events.push_back(Event::Recording { call: name, part: RecordingPart::Close });
        }
        media.session.end_tap();
        let calls = &mut self.calls;
        self.phases.leave(place, |moved, place| {
            let media = calls.find_mut(moved).and_then(|call| call.media.as_mut());
            media.expect("who has a place in a phase has media").place = Some(place);
        });
        self.take_chunks(now, key);
    }
}

fn failure_text(failure: &Failure) -> &'static str {
    match failure.text {
        sip::TextClass::Limit => "the carrier speaks of a limit of the line",
        sip::TextClass::Plain => "",
    }
}
