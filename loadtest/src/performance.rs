//! One customer in one call: which act is next, when, and what the caller's answers were worth.
//!
//! Owns the measurements that only the far end can make: when the first audio came, how long an answer took, how soon an
//! interrupted caller fell silent, what was missing of his speech. Pure: the engine tells it of every beat and every packet, and does
//! what it says. Times are Unix microseconds; a packet's is the kernel's.
//!
//! ```text
//!             cue                last packet of it
//!   Waiting ──────▶ Acting ──────────────────────▶ Waiting … ──▶ Over
//! ```

mod playout;

use crate::audio::{Law, is_audible};
use crate::cast::{Act, Cue, Customer, Deed};
use crate::ledger::CastRecord;
use crate::rtp::{Arrival, press_packets};
pub(crate) use playout::BUFFER_US;
use playout::{Heard, Playout};

/// The caller talks for as long as audible packets are not further apart than this. Longer than the pauses within a sentence,
/// shorter than any turn of a conversation.
const PAUSE_US: u64 = 400_000;

/// A customer at work.
#[derive(Debug)]
pub(crate) struct Performance {
    customer: &'static Customer,
    /// The act that is next or on.
    act: usize,
    state: State,
    answered_us: u64,
    /// When the stretch of speech began that the caller is in or was in last, and its latest audible packet.
    speech: Option<(u64, u64)>,
    /// Whether he was talking when his latest packet came.
    talked: bool,
    /// Whether he began to speak after the last act began.
    is_answered: bool,
    /// He was talked into at this time, and was last heard at the other.
    interrupted: Option<(u64, u64)>,
    /// Something was said that ended at this time, and he is to speak.
    asked_us: Option<u64>,
    playout: Playout,
    record: CastRecord,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the cue of the next act, since the answer or the act before.
    Waiting { since_us: u64 },
    /// So many packets of the act are still to be sent.
    Acting { packets: u32 },
    /// Nothing more comes.
    Over,
}

impl Performance {
    /// Begins with the answer.
    pub(crate) fn new(customer: &'static Customer, answered_us: u64) -> Self {
        let record = CastRecord {
            customer: customer.name.clone(),
            acts: customer.acts.len() as u32,
            ..CastRecord::default()
        };
        Self {
            customer,
            act: 0,
            state: State::Waiting { since_us: answered_us },
            answered_us,
            speech: None,
            talked: false,
            is_answered: false,
            interrupted: None,
            asked_us: None,
            playout: Playout::default(),
            record,
        }
    }

    /// A packet goes out now. What the customer begins to do with it, if anything.
    pub(crate) fn on_beat(&mut self, now_us: u64) -> Option<Deed> {
        match self.state {
            State::Waiting { since_us } => {
                let act = self.customer.acts.get(self.act)?;
                if !self.is_cue(act.cue, since_us, now_us) {
                    return None;
                }
                self.begin(act, now_us);
                Some(act.deed)
            }
            State::Acting { packets } => {
                self.on_sent(packets, now_us);
                None
            }
            State::Over => None,
        }
    }

    fn is_cue(&self, cue: Cue, since_us: u64, now_us: u64) -> bool {
        match (cue, self.speech) {
            (Cue::Wait(ms), _) => now_us >= since_us + ms * 1_000,
            (Cue::Silence(ms), Some((_, heard_us))) => self.is_answered && now_us >= heard_us + ms * 1_000,
            (Cue::Interrupt(ms), Some((began_us, _))) => self.is_answered && now_us >= began_us + ms * 1_000,
            (Cue::Silence(_) | Cue::Interrupt(_), None) => false,
        }
    }

    fn begin(&mut self, act: &Act, now_us: u64) {
        self.settle();
        self.is_answered = false;
        match act.deed {
            Deed::Say(track) => {
                let talks = self.speech.is_some_and(|(_, heard_us)| now_us < heard_us + PAUSE_US);
                self.interrupted =
                    (talks && matches!(act.cue, Cue::Interrupt(_))).then_some((now_us, now_us));
                self.on_sent(track.packets(), now_us);
            }
            Deed::Press(keys) => self.on_sent(press_packets(keys), now_us),
            Deed::HangUp => {
                self.record.did.push("hang up".to_owned());
                self.state = State::Over;
            }
        }
    }

    /// One of so many packets of the act goes out.
    fn on_sent(&mut self, packets: u32, now_us: u64) {
        if packets > 1 {
            self.state = State::Acting { packets: packets - 1 };
            return;
        }
        let act = &self.customer.acts[self.act];
        self.record.did.push(act.label.clone());
        if matches!(act.deed, Deed::Say(_)) {
            // He who speaks already has not heard it to its end: how fast his answer is nobody can tell.
            self.record.talked_over += u32::from(self.is_answered);
            self.asked_us = (!self.is_answered).then_some(now_us);
        }
        self.act += 1;
        self.state = State::Waiting { since_us: now_us };
    }

    /// An RTP packet of the caller, and what it was to its stream. Returns its audio and when a listener hears it.
    pub(crate) fn on_packet<'a>(
        &mut self,
        packet: &'a [u8],
        at_us: u64,
        arrival: Arrival,
    ) -> Option<(u64, Law, &'a [u8])> {
        let due_us = match arrival {
            Arrival::First => None,
            Arrival::New { due_us: Some(due_us), .. } => Some(due_us),
            Arrival::New { due_us: None, .. } | Arrival::Nothing => return None,
        };
        let law = Law::of_payload_type(packet.get(1)? & 0x7F)?;
        let payload = packet.get(12 + 4 * usize::from(packet[0] & 0x0F)..)?;
        let heard = Heard { at_us, due_us, is_marked: packet[1] & 0x80 != 0 };
        let play_at_us = self.playout.on_packet(heard, self.talked);

        if is_audible(payload.iter().map(|code| law.decoded()[usize::from(*code)])) {
            self.on_audible(at_us);
        }
        self.talked = self.speech.is_some_and(|(_, heard_us)| at_us < heard_us + PAUSE_US);
        Some((play_at_us?, law, payload))
    }

    fn on_audible(&mut self, at_us: u64) {
        self.record.first_audio_us.get_or_insert(at_us.saturating_sub(self.answered_us));
        let is_acting = matches!(self.state, State::Acting { .. });
        match &mut self.speech {
            Some((_, heard_us)) if at_us < *heard_us + PAUSE_US => *heard_us = at_us.max(*heard_us),
            speech => {
                *speech = Some((at_us, at_us));
                self.is_answered = true;
                if !is_acting {
                    if let Some(asked_us) = self.asked_us.take() {
                        self.record.turns_us.push(at_us.saturating_sub(asked_us));
                    }
                    self.settle_interruption();
                }
            }
        }
        if let Some((_, heard_us)) = &mut self.interrupted {
            *heard_us = at_us.max(*heard_us);
        }
    }

    /// Notes what came of the last act.
    fn settle(&mut self) {
        self.settle_interruption();
        self.record.unanswered += u32::from(self.asked_us.take().is_some());
    }

    fn settle_interruption(&mut self) {
        if let Some((since_us, heard_us)) = self.interrupted.take() {
            self.record.barge_ins_us.push(heard_us - since_us);
        }
    }

    /// The call is over: what there is to tell of it.
    pub(crate) fn into_record(mut self) -> CastRecord {
        self.settle();
        CastRecord {
            slots: self.playout.slots,
            slots_missing: self.playout.missing,
            gap_max_us: self.playout.gap_max_us,
            ..self.record
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Track;
    use crate::cast::tests::customer;

    /// The answer.
    const T: u64 = 1_000_000_000;

    /// One call on a virtual clock: a packet each way every 20 ms.
    struct Call {
        performance: Performance,
        now_us: u64,
        packets: u16,
        deeds: Vec<(u64, &'static str)>,
    }

    fn say(ms: usize) -> Deed {
        Deed::Say(Box::leak(Box::new(Track::once(vec![9_000; ms * 8]))))
    }

    impl Call {
        fn new(acts: Vec<(Deed, Cue)>) -> Self {
            let performance = Performance::new(customer(acts), T);
            Self { performance, now_us: T, packets: 0, deeds: Vec::new() }
        }

        /// The caller talks, or is silent, for so long.
        fn hear(&mut self, audible: bool, ms: u64) {
            for _ in 0..ms / 20 {
                let due_us = i64::from(self.packets) * 20_000;
                let arrival = match self.packets {
                    0 => Arrival::First,
                    n => Arrival::New { sequence: i64::from(n), due_us: Some(due_us) },
                };
                self.packets += 1;
                let mut packet = vec![0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
                packet.extend([if audible { 0xAA } else { 0xD5 }; 160]);
                self.performance.on_packet(&packet, self.now_us, arrival);
                if let Some(deed) = self.performance.on_beat(self.now_us) {
                    let name = match deed {
                        Deed::Say(_) => "say",
                        Deed::Press(_) => "press",
                        Deed::HangUp => "hang up",
                    };
                    self.deeds.push(((self.now_us - T) / 1_000, name));
                }
                self.now_us += 20_000;
            }
        }

        fn end(self) -> (Vec<(u64, &'static str)>, CastRecord) {
            (self.deeds, self.performance.into_record())
        }
    }

    const SILENCE: Cue = Cue::Silence(600);

    #[test]
    fn a_customer_waits_for_the_caller_to_end_and_measures_the_answer() {
        let mut call =
            Call::new(vec![(say(400), SILENCE), (Deed::Press("1#"), SILENCE), (Deed::HangUp, SILENCE)]);
        call.hear(false, 100);
        call.hear(true, 1_000);
        // A pause within the sentence is no end of it.
        call.hear(false, 280);
        call.hear(true, 200);
        // Falls silent at 1580, last heard at 1560.
        call.hear(false, 1_100);
        // The remark ends at 2160 + 380; 140 ms later:
        call.hear(true, 300);
        call.hear(false, 1_200);
        let (deeds, record) = call.end();
        assert_eq!(deeds, [(2_160, "say"), (3_560, "press")]);
        assert_eq!((record.first_audio_us, &record.turns_us[..]), (Some(100_000), &[140_000][..]));
        assert_eq!((record.did.len(), record.acts, record.talked_over, record.unanswered), (2, 3, 0, 0));
        assert_eq!((record.slots_missing, record.gap_max_us), (0, 20_000));
    }

    #[test]
    fn an_interruption_lasts_until_the_caller_is_silent() {
        let mut call = Call::new(vec![(say(500), Cue::Interrupt(1_000)), (Deed::HangUp, SILENCE)]);
        call.hear(true, 1_080);
        call.hear(false, 720);
        call.hear(true, 200);
        call.hear(false, 700);
        let (deeds, record) = call.end();
        assert_eq!(deeds, [(1_000, "say"), (2_580, "hang up")]);
        assert_eq!((&record.barge_ins_us[..], &record.turns_us[..]), (&[60_000][..], &[320_000][..]));
    }

    #[test]
    fn a_caller_who_does_not_let_himself_be_interrupted_is_timed_to_his_end() {
        let mut call = Call::new(vec![(say(500), Cue::Interrupt(1_000)), (Deed::HangUp, SILENCE)]);
        call.hear(true, 3_000);
        call.hear(false, 2_000);
        let (deeds, record) = call.end();
        assert_eq!(deeds, [(1_000, "say")]);
        assert_eq!(
            (&record.barge_ins_us[..], record.turns_us.len(), record.unanswered),
            (&[1_980_000][..], 0, 1)
        );
    }

    #[test]
    fn who_is_silent_already_is_not_interrupted_and_who_talks_into_a_remark_is_noted() {
        let mut call = Call::new(vec![(say(500), Cue::Interrupt(1_000)), (Deed::HangUp, SILENCE)]);
        call.hear(true, 500);
        call.hear(false, 700);
        call.hear(true, 1_000);
        call.hear(false, 700);
        let (deeds, record) = call.end();
        assert_eq!(deeds, [(1_000, "say"), (2_780, "hang up")]);
        assert_eq!((record.barge_ins_us.len(), record.talked_over, record.turns_us.len()), (0, 1, 0));
    }

    #[test]
    fn who_hears_nothing_says_what_waits_for_nobody() {
        let mut call = Call::new(vec![(say(20), Cue::Wait(300)), (say(20), SILENCE)]);
        call.hear(false, 2_000);
        let (deeds, record) = call.end();
        assert_eq!(deeds, [(300, "say")]);
        assert_eq!((record.first_audio_us, record.unanswered, record.slots), (None, 1, 0));
    }

    #[test]
    fn speech_that_stands_still_is_missed_and_silence_is_not() {
        let mut call = Call::new(Vec::new());
        call.hear(true, 1_000);
        call.now_us += 200_000;
        call.hear(true, 1_000);
        call.hear(false, 1_000);
        call.now_us += 200_000;
        call.hear(false, 1_000);
        let (_, record) = call.end();
        assert_eq!((record.slots_missing, record.gap_max_us), (7, 220_000));
    }
}
