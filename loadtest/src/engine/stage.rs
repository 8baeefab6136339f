//! A customer of the cast in one call, between the engine and his performance, and the recording of both sides.

use crate::audio::{Law, Tracks};
use crate::cast::{Customer, Deed};
use crate::ledger::CastRecord;
use crate::net::Datagram;
use crate::performance::Performance;
use crate::recording::{Recorder, Recording, Side};
use crate::rtp::{Arrival, Sender};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Stage {
    performance: Performance,
    law: Law,
    recording: Option<Recording>,
}

impl Stage {
    /// Begins with the answer. `file` names a recording, if there is to be one.
    pub(crate) fn new(customer: &'static Customer, answered_us: u64, law: Law, file: Option<String>) -> Self {
        Self {
            performance: Performance::new(customer, answered_us),
            law,
            recording: file.map(|file| Recording::new(file, answered_us, law)),
        }
    }

    /// A packet is due: lets the customer begin something with it. Whether he hangs up.
    pub(crate) fn on_beat(&mut self, now_us: u64, sender: &mut Sender) -> bool {
        match self.performance.on_beat(now_us) {
            None => false,
            Some(Deed::Say(track)) => {
                sender.play(track, "", 0, 0);
                false
            }
            Some(Deed::Press(keys)) => {
                sender.play(&Tracks::shared().quiet, keys, 0, 0);
                false
            }
            Some(Deed::HangUp) => true,
        }
    }

    /// That packet was sent.
    pub(crate) fn on_sent(&mut self, now_us: u64, payload: &[u8]) {
        if let Some(recording) = &mut self.recording {
            recording.put(Side::Customer, now_us, self.law, payload);
        }
    }

    /// An RTP packet of the caller.
    pub(crate) fn hear(&mut self, datagram: &Datagram<'_>, arrival: Arrival) {
        let heard = self.performance.on_packet(datagram.bytes, datagram.at_us, arrival);
        if let (Some(recording), Some((play_at_us, law, payload))) = (&mut self.recording, heard) {
            recording.put(Side::Caller, play_at_us, law, payload);
        }
    }

    /// The call is over.
    pub(crate) fn end(self, recorder: Option<&Recorder>) -> CastRecord {
        if let (Some(recorder), Some(recording)) = (recorder, self.recording) {
            recorder.write(recording);
        }
        self.performance.into_record()
    }
}
