//! From an order to the INVITE.

use std::time::Instant;

use common::{Outcome, slab::Key};
use media::{MediaSession, SessionConfig};
use sip::InviteRequest;

use super::{Calls, pools::Taken};
use crate::{
    Event, Order, Stage,
    admission::Overload,
    call::{Call, Media, State},
    negotiate::{LocalSession, SDP_BYTES_MAX},
    verdict,
};

impl Calls {
    pub(super) fn on_order(&mut self, now: Instant, order: Box<Order>) {
        if self.by_attempt.contains_key(&order.attempt) {
            // The node gives each (attempt, route try) once, and the next try only after the end of the one before.
            self.counters.repeated_orders += 1;
            return;
        }
        if now > order.send_by {
            self.counters.missed_orders += 1;
            self.events.push_back(Event::Missed(order));
            return;
        }
        let (attempt, send_at) = (order.attempt, order.send_at);
        self.unreported = true;
        if let Some(why) = self.overload() {
            match why {
                Overload::Full => self.counters.full_refusals += 1,
                Overload::Busy | Overload::Late => self.counters.overload_refusals += 1,
            }
            self.events.push_back(Event::Declined { order, why });
            return;
        }
        let key = self.calls.insert(Call::new(order));
        self.counters.setting_up += 1;
        self.by_attempt.insert(attempt, key);
        if send_at <= now {
            self.dial(now, key);
        } else {
            self.set_deadline(key, send_at);
        }
    }

    pub(super) fn overload(&self) -> Option<Overload> {
        if self.calls.len() >= self.config.max_calls {
            return Some(Overload::Full);
        }
        self.admission.refusal(self.counters.talking, self.counters.setting_up)
    }

    /// Sends the INVITE, unless its window is over.
    pub(super) fn dial(&mut self, now: Instant, key: Key) {
        let call = self.calls.find(key).expect("only calls that are here are dialled");
        if now > call.order.send_by {
            if call.is_leg() {
                return self.miss_leg(now, key);
            }
            self.counters.missed_orders += 1;
            let call = self.remove(now, key);
            self.events.push_back(Event::Missed(call.order));
            return;
        }
        let mode = call.order.port_mode;
        let Ok(taken) = self.pools.reserve(now, mode, key.to_u64()) else {
            self.counters.port_shortages += 1;
            return self.refuse(
                now,
                key,
                Outcome::Shed,
                "every RTP port is taken by a call that is being set up",
            );
        };
        let Taken { lease, number, address } = taken;
        let (first, second) = (self.entropy.draw(), self.entropy.draw());
        let rtcp = u128::from(self.entropy.draw()) << 64 | u128::from(self.entropy.draw());
        let call = self.calls.find_mut(key).expect("found above");
        let order = &call.order;
        let local = LocalSession {
            rtp: address.rtp,
            rtcp_port: address.rtcp_port,
            codecs: order.codecs.clone(),
            // Kept below 2^62 so that peers which read it as a signed number agree (RFC 8866 section 5.2).
            session_id: self.entropy.draw() >> 2,
            version: 1,
            latching: order.latching,
        };
        let mut sdp = [0; SDP_BYTES_MAX];
        let attempt = order.attempt.to_string();
        let request = InviteRequest {
            destination: order.destination,
            request_uri: &order.request_uri,
            from_uri: &order.from_uri,
            from_display: None,
            to_uri: &order.to_uri,
            advertised: None,
            // By which a carrier's records and ours find each other.
            extra_headers: &[("X-Peal-Attempt", &attempt)],
            credentials: order.credentials.clone(),
            sdp: local.write_offer(&mut sdp),
            owner: key.to_u64(),
        };
        match self.sip.invite(now, &request) {
            Ok(sip) => {
                let session = MediaSession::new(SessionConfig {
                    ssrc: first as u32,
                    sequence: (first >> 32) as u16,
                    timestamp: second as u32,
                    rtcp,
                    send_silence: self.config.send_silence,
                });
                call.media = Some(Media {
                    session,
                    lease,
                    socket: number,
                    local,
                    fork: None,
                    place: None,
                    settled: false,
                    heard_from: None,
                    recorded: false,
                });
                call.state = State::Dialling { sip };
                call.call_id = self.sip.call_id(sip).unwrap_or_default().to_owned();
                call.stamps.invited = Some(now);
                let (name, ring_until, is_leg) = (call.name(), now + call.order.max_ring, call.is_leg());
                self.set_deadline(key, ring_until);
                if !is_leg {
                    self.events.push_back(Event::Progress { call: name, at: now, stage: Stage::Invited });
                }
            }
            Err(error) => {
                let (outcome, detail) = (verdict::of_refusal(&error), error.to_string());
                self.pools.release(now, mode, lease);
                self.refuse(now, key, outcome, &detail);
            }
        }
    }

    /// Ends a call of which nothing has left.
    pub(super) fn refuse(&mut self, now: Instant, key: Key, outcome: Outcome, detail: &str) {
        self.part(now, key);
        let mut call = self.remove(now, key);
        if let Some(over) = Self::leg_over(&call) {
            return self.events.push_back(over);
        }
        call.stamps.ended = Some(now);
        self.events.push_back(Event::Ended(call.ended(outcome, detail)));
        self.events.push_back(Event::Released { call: call.name() });
    }

    pub(super) fn remove(&mut self, now: Instant, key: Key) -> Call {
        let call = self.calls.remove(key).expect("a call is removed once, by whoever ends it");
        if !call.is_leg() {
            self.by_attempt.remove(&call.order.attempt);
        }
        self.counters.setting_up -= u64::from(call.is_being_set_up());
        if self.calls.is_empty() {
            // What the last call counted must not wait for the next one.
            self.next_report = now;
        }
        call
    }
}
