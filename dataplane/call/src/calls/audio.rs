//! The audio of answered calls: packets in, the 20 ms tick, and what the script makes of both.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use common::{digits::Digit, slab::Key};
use media::{Lookup, MediaEvent, Received};

use super::{Calls, Socket, Transmit};
use crate::{
    CallName, Event, HungUpBy, Stage, Tapped,
    call::{Call, State},
    dialogue::Effect,
    event::RecordingPart,
    voice::{BotWish, Told, Wish},
};

/// How long after the answer a port is kept from other calls for a source that was not negotiated. Far ends that will
/// speak at all do so within a second or two.
const SETTLE_AFTER: Duration = Duration::from_secs(3);

/// How far ahead a talking call's deadline may lie. One wake a minute costs nothing, and a call that ends early leaves
/// no entry behind for the hours of its length limit.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(60);

impl Calls {
    pub(super) fn on_rtp(&mut self, now: Instant, number: u16, from: SocketAddr, bytes: &[u8]) {
        let key = match self.pools.lookup(number, from) {
            Lookup::Call(packed) | Lookup::Pending(packed) => Key::from_u64(packed),
            Lookup::Stranger | Lookup::Resting => return,
        };
        let Some(call) = self.calls.find_mut(key) else { return };
        let is_joined = call.is_joined;
        let Some(media) = call.media.as_mut() else { return };
        // Before the answer nothing is acted on; what was heard then is looked at in the first tick.
        let answered = media.place.is_some();
        match media.session.receive(now, from, bytes) {
            Received::Audio { codec, header, payload } => {
                self.counters.rtp_received += 1;
                if is_joined {
                    self.relay(key, &header, codec, payload);
                }
            }
            Received::ComfortNoise => self.counters.rtp_received += 1,
            Received::TelephoneEvent => {
                self.counters.rtp_received += 1;
                if answered {
                    self.take_media_events(now, key);
                }
            }
            Received::Rtcp(taken) => self.count_rtcp(taken),
            Received::Dropped(reason) => self.count_drop(reason),
        }
    }

    /// The call's phase has come: one packet out, at most.
    pub(super) fn tick(&mut self, now: Instant, key: Key, slot: &mut [u8]) -> Option<Transmit> {
        let call = self.calls.find_mut(key)?;
        let media = call.media.as_mut()?;
        // While the callee holds the call, what is said to them is lost, as it is in time.
        if call.is_joined
            && let Some(frame) = call.bridge.as_mut().and_then(|bridge| bridge.relay.pull())
            && media.session.sends()
        {
            media.session.play_live(frame);
        }
        let transmit = media.session.tick(now, slot).map(|sent| {
            self.counters.rtp_sent += 1;
            if call.is_unheard {
                call.is_unheard = false;
                call.stamps.first_audio.get_or_insert(now);
                call.dialogue.on_first_packet(now);
                call.script_at = call.dialogue.deadline();
            }
            Transmit { socket: Socket::Media(media.socket), to: sent.to, len: sent.len }
        });
        let tapped = media.session.is_tapped();
        if media.session.is_report_due() {
            self.reporter = Some(key);
        }
        if call.script_at.is_some_and(|at| at <= now) {
            call.dialogue.on_time(now);
            self.act(now, key);
        }
        self.take_media_events(now, key);
        self.take_blocks(key);
        if tapped {
            self.take_chunks(now, key);
        }
        transmit
    }

    /// Each event is acted on before the next is taken: a prompt that begins puts an end to the news of the one before.
    fn take_media_events(&mut self, now: Instant, key: Key) {
        loop {
            let Some(call) = self.calls.find_mut(key).filter(|call| call.given_up.is_none()) else { return };
            let Some(event) = call.media.as_mut().and_then(|media| media.session.poll_event()) else {
                return;
            };
            if event == MediaEvent::PromptEnded && self.ring(key) {
                continue;
            }
            let Some(call) = self.calls.find_mut(key) else { return };
            match event {
                MediaEvent::Latched(source) => {
                    let Some(media) = call.media.as_mut() else { return };
                    let pool = self.pools.of(call.order.port_mode);
                    // A collision here is with a call whose peer has this very address: that call keeps it.
                    if pool.settle(now, &mut media.lease, source).is_ok() {
                        media.settled = true;
                    }
                }
                MediaEvent::PromptEnded => {
                    call.dialogue.on_prompt_ended(now);
                    self.act(now, key);
                }
                MediaEvent::SpeechBegan(sound_at) => {
                    call.stamps.first_speech.get_or_insert(sound_at);
                    call.dialogue.on_speech_began(now, sound_at);
                    self.act(now, key);
                }
                MediaEvent::SpeechEnded => {
                    call.dialogue.on_speech_ended(now);
                    self.act(now, key);
                }
                MediaEvent::MusicBegan => {
                    call.dialogue.on_music_began(now);
                    self.act(now, key);
                }
                MediaEvent::MusicEnded => {
                    call.dialogue.on_music_ended(now);
                    self.act(now, key);
                }
                MediaEvent::Beep => {
                    call.dialogue.on_beep(now);
                    self.act(now, key);
                }
                MediaEvent::Digit(pressed) => {
                    if let Some(digit) = Digit::from_char(pressed.symbol) {
                        self.on_digit(now, key, digit);
                    }
                }
                MediaEvent::RecordingOverrun => {
                    let call = call.name();
                    self.events.push_back(Event::Recording { call, part: RecordingPart::Lost });
                }
            }
        }
    }

    fn take_blocks(&mut self, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let Some(media) = call.media.as_mut().filter(|media| media.recorded) else { return };
        if let Some(block) = media.session.poll_block() {
            let call = call.name();
            self.events.push_back(Event::Recording { call, part: RecordingPart::Block(block) });
        }
    }

    /// Hands over what a tap has ready.
    pub(super) fn take_chunks(&mut self, now: Instant, key: Key) {
        let (Some(call), Some(tap)) = (self.calls.find_mut(key), &self.config.tap) else { return };
        let name = call.name();
        let Some(media) = call.media.as_mut() else { return };
        while let Some(chunk) = media.session.poll_tap(now) {
            let Ok(chunk) = chunk else {
                self.counters.tap_lost += 1;
                continue;
            };
            self.counters.tap_chunks += 1;
            let displaced = tap.put(Tapped { call: name, chunk, given: now });
            self.counters.tap_displaced += u64::from(displaced);
        }
    }

    pub(super) fn on_digit(&mut self, now: Instant, key: Key, digit: Digit) {
        self.pass_key_on(key, digit);
        let Some(call) = self.calls.find_mut(key).filter(|call| !call.is_leg()) else { return };
        call.dialogue.on_digit(now, digit);
        let call = call.name();
        self.events.push_back(Event::Progress { call, at: now, stage: Stage::Digit(digit) });
        self.act(now, key);
    }

    /// Bots that calls are with are gone.
    pub(super) fn on_voice_gone(&mut self, now: Instant) {
        let calls: Vec<Key> = self.calls.keys().collect();
        for key in calls {
            if let Some(call) = self.calls.find_mut(key)
                && call.given_up.is_none()
                && call.state != State::Over
            {
                call.dialogue.on_voice_gone(now);
                self.act(now, key);
            }
        }
    }

    /// The voice thread tells a call something. An opt-out counts even if the call is over by now.
    pub(super) fn on_told(&mut self, now: Instant, name: CallName, told: Told) {
        if let Told::Done = told {
            return self.events.push_back(Event::VoiceDone { call: name });
        }
        let key = self.by_attempt.get(&name.attempt).copied();
        let call = key.and_then(|key| Some((key, self.calls.find_mut(key)?)));
        let mut call = call.filter(|(_, call)| call.order.route_try == name.route_try);
        if let Some((key, call)) = &mut call
            && call.given_up.is_none()
            && call.state != State::Over
        {
            call.dialogue.on_told(now, told);
            let key = *key;
            return self.act(now, key);
        }
        if let Some(said) = told.opt_out()
            && !call.is_some_and(|(_, call)| call.dialogue.note_opt_out())
        {
            let said = said.to_owned();
            self.events.push_back(Event::OptedOut { call: name, at: now, said });
        }
    }

    /// Does what the dialogue wants.
    pub(super) fn act(&mut self, now: Instant, key: Key) {
        loop {
            let Some(call) = self.calls.find_mut(key) else { return };
            let Some(effect) = call.dialogue.poll_effect(now) else {
                call.is_unheard = call.dialogue.is_unheard;
                call.script_at = call.dialogue.deadline();
                return;
            };
            let name = call.name();
            let Some(media) = call.media.as_mut().filter(|_| call.given_up.is_none()) else { continue };
            match effect {
                Effect::Play(prompt) => media.session.play(prompt),
                Effect::PlayAfter(prompt) => media.session.play_after(prompt),
                Effect::StopPlaying => {
                    media.session.stop_playing();
                }
                Effect::Wish(wish) => {
                    if let (Wish::Bot { wish: BotWish::Attach(_), .. }, Some(tap)) = (&wish, &self.config.tap)
                    {
                        media.session.start_tap(now, tap.chunks());
                    }
                    self.events.push_back(Event::Voice { call: name, wish });
                }
                Effect::Overhear => {
                    media.session.watch_for_music();
                    if let Some(tap) = &self.config.tap {
                        media.session.start_tap(now, tap.chunks());
                    }
                }
                Effect::AwaitBeep => media.session.watch_for_beep(true),
                Effect::Record(on) => self.record(now, key, on),
                Effect::OptedOut(said) => {
                    self.events.push_back(Event::OptedOut { call: name, at: now, said })
                }
                Effect::Transfer { to, mode, by } => self.ask_for_target(key, to, mode, by),
                Effect::HangUp => self.hang_up(now, key, HungUpBy::Script),
                Effect::HangUpDead => self.hang_up(now, key, HungUpBy::Silence),
            }
        }
    }

    /// Keeps what is said in the recording, which begins if there is none, or out of it.
    pub(super) fn record(&mut self, now: Instant, key: Key, on: bool) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let name = call.name();
        let Some(media) = call.media.as_mut() else { return };
        if media.recorded || !on {
            return media.session.pause_recording(!on);
        }
        if media.session.start_recording(now, &self.config.recording).is_ok() {
            media.recorded = true;
            self.events.push_back(Event::Recording { call: name, part: RecordingPart::Open });
        }
    }

    /// What an answered call needs from time to time: its length limit, its port, its silence.
    pub(super) fn look_after(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.find_mut(key) else { return };
        let (State::Talking { .. }, Some(answered)) = (call.state, call.stamps.answered) else { return };
        let length_limit = answered + call.order.max_call;
        if length_limit <= now {
            return self.hang_up(now, key, HungUpBy::LengthLimit);
        }
        let mut next = length_limit.min(now + LOOK_INTERVAL_MAX);
        if let Some(dead) = media_deadline(call, self.config.media_timeout) {
            if dead <= now {
                return self.hang_up(now, key, HungUpBy::MediaTimeout);
            }
            next = next.min(dead);
        } else if !self.config.media_timeout.is_zero() {
            next = next.min(now + self.config.media_timeout);
        }
        if let Some(media) = call.media.as_mut().filter(|media| !media.settled) {
            let settle_at = answered + SETTLE_AFTER;
            if now < settle_at {
                next = next.min(settle_at);
            } else if let Some(remote) = media.session.plan().map(|plan| plan.remote) {
                let pool = self.pools.of(call.order.port_mode);
                media.settled = pool.settle(now, &mut media.lease, remote).is_ok();
            }
        }
        self.set_deadline(key, next);
    }
}

/// When the call counts as dead, if it was ever heard and is not on hold.
fn media_deadline(call: &Call, timeout: Duration) -> Option<Instant> {
    let media = call.media.as_ref().filter(|_| !timeout.is_zero())?;
    let (expected, heard) = (media.heard_from?, media.session.last_received()?);
    Some(expected.max(heard) + timeout)
}
