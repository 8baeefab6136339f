//! Callees that are given to somebody else: by REFER, or by a second call that is joined with the first.
//!
//! ```text
//!  script ── Transfer ──▶ node ──▶ Target ─┬─ no leg ─▶ REFER ── NOTIFY 2xx ──▶ we hang up
//!                                          └─ leg ────▶ INVITE ── 2xx ──▶ joined ── either hangs up ──▶ both are over
//! ```
//!
//! The node is asked first: it knows how the line writes a number, and whether the line has a place and a slot for a second
//! call. Whatever goes wrong, the script goes on with the callee.

use std::sync::Arc;
use std::time::Instant;

use common::{digits::Digit, slab::Key};
use media::rtp::Header;
use media::tone::Tone;
use media::{Codec, Prompt, Relay, SAMPLE_RATE};
use script::TransferMode;
use sip::ReferProgress;

use super::Calls;
use crate::{
    CallName, Event, HungUpBy, Leg, Order, Tap, Target,
    call::{Bridge, Call, State, Transfer},
};

/// How long a ring and the silence after it are.
const RING_BACK_S: usize = 5;

/// One ring and the silence after it.
pub(super) fn ring_back() -> Arc<Prompt> {
    let mut samples = vec![0; RING_BACK_S * SAMPLE_RATE as usize];
    Tone::ring_back().fill(&mut samples);
    Prompt::from_pcm(&samples, SAMPLE_RATE).expect("a tone of some seconds is a prompt")
}

impl Calls {
    /// The script gives the callee away.
    pub(super) fn ask_for_target(&mut self, key: Key, to: String, mode: TransferMode, by: Instant) {
        let Some(call) = self.calls.find_mut(key) else { return };
        call.transfers += 1;
        let number = call.transfers;
        let transfer = Transfer { number, to: to.clone(), mode, by, is_referred: false, accepted: false };
        call.transfer = Some(transfer);
        let call = call.name();
        self.events.push_back(Event::Transfer { call, number, to, mode });
    }

    /// The second call has missed the window that the node had for it: the node is asked for another.
    pub(super) fn miss_leg(&mut self, now: Instant, leg: Key) {
        let over = self.remove(now, leg);
        self.events.extend(Self::leg_over(&over));
        let first = over.bridge.as_ref().and_then(|bridge| self.calls.find_mut(bridge.peer));
        let Some(first) = first else { return };
        if first.bridge.take_if(|bridge| bridge.peer == leg).is_none() {
            return;
        }
        if let Some(media) = &mut first.media {
            media.session.stop_playing();
        }
        let call = first.name();
        if let Some(Transfer { number, to, mode, .. }) = first.awaited_transfer().cloned() {
            self.events.push_back(Event::Transfer { call, number, to, mode });
        }
    }

    /// The node has looked into it.
    pub(super) fn on_target(&mut self, now: Instant, name: CallName, number: u32, target: Option<Target>) {
        let waiting = self.waits_for_target(name, number);
        match (target, waiting) {
            (Some(Target { uri, leg: Some(leg) }), Some(key)) => self.dial_leg(now, key, uri, leg),
            (Some(Target { leg: Some(leg), .. }), None) => {
                self.events.push_back(Event::LegOver { call: name, on_line: leg.on_line });
            }
            (Some(Target { uri, leg: None }), Some(key)) => self.refer(now, key, &uri),
            (None, Some(key)) => self.end_transfer(now, key, false),
            (Some(Target { leg: None, .. }) | None, None) => {}
        }
    }

    fn waits_for_target(&mut self, name: CallName, number: u32) -> Option<Key> {
        let key = *self.by_attempt.get(&name.attempt)?;
        let call = self.calls.find_mut(key)?;
        let talks = matches!(call.state, State::Talking { .. }) && call.given_up.is_none();
        let is_free = talks && call.name() == name && call.bridge.is_none();
        let waits = call.awaited_transfer().is_some_and(|transfer| transfer.number == number);
        (is_free && waits).then_some(key)
    }

    fn refer(&mut self, now: Instant, key: Key, uri: &str) {
        let Some(State::Talking { sip }) = self.calls.find(key).map(|call| call.state) else { return };
        if self.sip.refer(now, sip, uri).is_err() {
            return self.end_transfer(now, key, false);
        }
        if let Some(transfer) = self.calls.find_mut(key).and_then(|call| call.transfer.as_mut()) {
            transfer.is_referred = true;
        }
    }

    pub(super) fn on_refer(&mut self, now: Instant, key: Key, progress: ReferProgress) {
        // The script may have given up waiting, and want somebody else by now.
        let is_referred =
            |call: &&mut Call| call.transfer.as_ref().is_some_and(|transfer| transfer.is_referred);
        let Some(call) = self.calls.find_mut(key).filter(is_referred) else { return };
        match progress {
            ReferProgress::Accepted => {
                if let Some(transfer) = call.awaited_transfer() {
                    transfer.accepted = true;
                }
            }
            ReferProgress::Trying { .. } => {}
            ReferProgress::Over { status } => self.end_transfer(now, key, (200..300).contains(&status)),
        }
    }

    /// Calls whom the callee shall talk with.
    fn dial_leg(&mut self, now: Instant, key: Key, uri: String, leg: Leg) {
        let call = self.calls.find(key).expect("just looked at");
        let by = call.transfer.as_ref().map_or(now, |transfer| transfer.by);
        if self.overload().is_some() || by <= leg.send_at {
            let call = call.name();
            self.events.push_back(Event::LegOver { call, on_line: leg.on_line });
            return self.end_transfer(now, key, false);
        }
        let order = Order {
            destination: leg.destination,
            request_uri: uri.clone(),
            to_uri: uri,
            credentials: leg.credentials,
            contact: Box::default(),
            record: false,
            tap: Tap::Off,
            max_ring: by - leg.send_at,
            send_at: leg.send_at,
            send_by: leg.send_by,
            ..(*call.order).clone()
        };
        let mut second = Call::new(Box::new(order));
        second.bridge = Some(Box::new(Bridge {
            peer: key,
            is_leg: true,
            on_line: leg.on_line,
            relay: Relay::new(false),
        }));
        let peer = self.calls.insert(second);
        self.counters.setting_up += 1;
        let call = self.calls.find_mut(key).expect("just looked at");
        let relay = Relay::new(call.order.record);
        call.bridge = Some(Box::new(Bridge { peer, is_leg: false, on_line: false, relay }));
        self.ring(key);
        if leg.send_at <= now {
            self.dial(now, peer);
        } else {
            self.set_deadline(peer, leg.send_at);
        }
    }

    /// The callee hears that it rings somewhere, once more. Says whether it does.
    pub(super) fn ring(&mut self, key: Key) -> bool {
        let waits =
            |call: &&mut Call| !call.is_joined && call.bridge.as_ref().is_some_and(|bridge| !bridge.is_leg);
        let Some(call) = self.calls.find_mut(key).filter(waits) else { return false };
        if let Some(media) = &mut call.media {
            media.session.play(self.ring_back.clone());
        }
        true
    }

    /// The second call was answered, and its session can be used: from here on both hear each other.
    pub(super) fn join(&mut self, now: Instant, leg: Key) {
        let first = self.calls.find(leg).and_then(|call| call.bridge.as_ref()).map(|bridge| bridge.peer);
        let Some((key, call)) = first.and_then(|key| Some((key, self.calls.find_mut(key)?))) else { return };
        let Some(media) = call.media.as_mut().filter(|_| call.given_up.is_none()) else { return };
        media.session.stop_playing();
        media.session.end_tap();
        call.is_joined = true;
        call.dialogue.on_joined(now);
        if let Some(leg) = self.calls.find_mut(leg) {
            leg.is_joined = true;
        }
        self.take_chunks(now, key);
        self.act(now, key);
    }

    /// The last news of a call that is gone, if it was made for another.
    pub(super) fn leg_over(call: &Call) -> Option<Event> {
        let bridge = call.bridge.as_ref().filter(|bridge| bridge.is_leg)?;
        Some(Event::LegOver { call: call.name(), on_line: bridge.on_line })
    }

    /// What one of two says goes to the other, whose ticks take it.
    pub(super) fn relay(&mut self, key: Key, header: &Header, codec: Codec, payload: &[u8]) {
        let peer = self.calls.find(key).and_then(|call| call.bridge.as_ref()).map(|bridge| bridge.peer);
        let peer = peer.and_then(|peer| self.calls.find_mut(peer)).filter(|peer| peer.is_joined);
        if let Some(bridge) = peer.and_then(|peer| peer.bridge.as_mut())
            && let Err(reason) = bridge.relay.hear(header, codec, payload)
        {
            self.count_drop(reason);
        }
    }

    /// A key that one of two has pressed, by whatever means, is pressed for the other.
    pub(super) fn pass_key_on(&mut self, key: Key, digit: Digit) {
        let joined = self.calls.find(key).filter(|call| call.is_joined);
        let peer = joined.and_then(|call| call.bridge.as_ref()).map(|bridge| bridge.peer);
        if let Some(media) = peer.and_then(|peer| self.calls.find_mut(peer)?.media.as_mut()) {
            media.session.press(digit);
        }
    }

    /// One of two is over, or ends: they are joined no more.
    pub(super) fn part(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let Some(&Bridge { peer, is_leg, .. }) = call.bridge.as_deref() else { return };
        if !is_leg {
            call.bridge = None;
            call.is_joined = false;
            return self.hang_up(now, peer, HungUpBy::Callee);
        }
        // It remains a leg until its end.
        let was_joined = std::mem::take(&mut call.is_joined);
        let Some(first) = self.calls.find_mut(peer) else { return };
        if first.bridge.take_if(|bridge| bridge.peer == key).is_some() {
            first.is_joined = false;
            if let Some(media) = &mut first.media {
                media.session.stop_playing();
            }
            self.end_transfer(now, peer, was_joined);
        }
    }

    fn end_transfer(&mut self, now: Instant, key: Key, done: bool) {
        let Some(call) = self.calls.find_mut(key) else { return };
        if call.transfer.take().is_some() {
            call.dialogue.on_transferred(now, done);
            self.act(now, key);
        }
    }
}
