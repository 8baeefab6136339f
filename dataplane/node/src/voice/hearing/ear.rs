//! How one call is listened to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::voice::prosody;
use ::voice::{CallFacts, Gate, Permit};
use call::CallName;
use call::voice::Prosody;
use jiff::tz::TimeZone;
use media::Codec;
use script::{Ask, Program};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::voice::ahead::Ahead;
use crate::voice::hub::{CallKey, News};
use crate::voice::running::Running;

/// Silence after which audio is kept back until somebody speaks again. Longer than a pause within a sentence, so that a recogniser hears
/// the sentence in one.
pub(in crate::voice) const GATE_HANG_MS: u32 = 1_000;

/// How a call is listened to.
pub(in crate::voice) struct Ear {
    pub(super) call: CallKey,
    /// Of its sessions, and of whoever is asked what an answer means.
    pub(super) news: mpsc::UnboundedSender<News>,
    pub(super) zone: TimeZone,
    pub(super) gate: Gate,
    pub(super) codec: Option<Codec>,
    pub(super) session: Option<Session>,
    pub(super) sessions: u32,
    pub(super) question: Option<Question>,
    /// Somebody is asked what the answer means.
    pub(super) asking: Option<AbortHandle>,
    pub(super) turn: prosody::Turn,
    pub(super) first_turn: Option<prosody::Prosody>,
    /// Of what is being said while no question is open.
    pub(super) ahead: Ahead,
    /// What [`Gate::counts`] said had been heard at the last answer.
    pub(super) counted: u64,
    /// What was handed to sessions since.
    pub(super) sent_samples: u64,
    pub(super) dropped_samples: u64,
}

pub(super) struct Session {
    pub(super) number: u32,
    pub(super) recogniser: usize,
    pub(super) permit: Permit,
    pub(super) running: Running,
    /// What it was told at its beginning, which holds for as long as it runs.
    pub(super) facts: CallFacts,
    pub(super) end_silence: Duration,
}

/// What is being listened for.
pub(super) struct Question {
    pub(super) number: u32,
    pub(super) recogniser: usize,
    pub(super) ask: Ask,
    pub(super) program: Arc<Program>,
    /// What the recogniser is sure of.
    pub(super) said: Vec<String>,
    /// Something was sent.
    pub(super) is_heard: bool,
    /// The recogniser was asked for its last word.
    pub(super) asked_at: Option<Instant>,
}

impl Ear {
    pub(in crate::voice) fn new(name: CallName, zone: TimeZone, news: mpsc::UnboundedSender<News>) -> Self {
        Self {
            call: (name.attempt, name.route_try),
            news,
            zone,
            gate: Gate::new(GATE_HANG_MS),
            codec: None,
            session: None,
            sessions: 0,
            question: None,
            asking: None,
            turn: prosody::Turn::default(),
            first_turn: None,
            ahead: Ahead::default(),
            counted: 0,
            sent_samples: 0,
            dropped_samples: 0,
        }
    }

    pub(super) fn stop_asking(&mut self) {
        if let Some(task) = self.asking.take() {
            task.abort();
        }
    }

    /// Lets go of the session, which ends by itself.
    pub(super) fn end_session(&mut self) {
        if let Some(session) = self.session.take() {
            session.running.leave();
        }
    }

    /// Whether an answer is still to come.
    pub(in crate::voice) fn is_listening(&self) -> bool {
        self.question.is_some() || self.asking.is_some()
    }

    /// Whoever was asked what the answer means has said so.
    pub(in crate::voice) fn on_understood(&mut self) {
        self.asking = None;
    }

    /// Nothing more of it is wanted.
    pub(in crate::voice) fn leave(&mut self) {
        self.stop_asking();
        self.question = None;
        self.end_session();
    }

    /// What the turn sounded like beside the callee's first, which tells nothing by itself.
    pub(super) fn mood(&mut self) -> Option<Prosody> {
        let prosody = self.turn.finish()?;
        let Some(first) = self.first_turn else {
            self.first_turn = Some(prosody);
            return None;
        };
        let mood = prosody.mood(&first);
        Some(Prosody { arousal: mood.arousal, valence: mood.valence, confidence: mood.confidence })
    }
}
