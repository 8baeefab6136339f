//! What a call wants of its shard's voice thread, and what that tells the call.
//!
//! Wishes leave as [`Event::Voice`](crate::Event::Voice) and are answered by [`Mail::Voice`](crate::Mail::Voice). Each carries a number
//! that grows within the call; an answer to an older one is too late and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use common::digits::Digit;
use media::Prompt;
use script::{Ask, Attend, Heard, ModelDeed, ModelTool, OPT_OUT, Program, Reply, Request, Sentence, Talk};

use crate::Speaker;

/// What a call wants.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Speak a sentence; [`Told::Speech`] comes piece by piece.
    Speak {
        /// Number of the wish.
        number: u32,
        /// What.
        sentence: Sentence,
    },
    /// Have a language model answer, and speak what it says: [`Told::Says`] and [`Told::Speech`] come piece by piece, [`Told::Deed`] before
    /// the last.
    Converse {
        /// Number of the wish.
        number: u32,
        /// What was said, and what the model has to know.
        talk: Box<Talk>,
    },
    /// Speak no more: what this number asked for will not be played to its end.
    Hush {
        /// Number of the wish to speak, or to have a model answer.
        number: u32,
        /// How much of its audio was played.
        heard: Duration,
    },
    /// The call is going to listen: what the callee says comes through the tap from here on.
    Overhear,
    /// Hear what the callee says. The tap has been on since before this.
    Listen {
        /// Number of the wish.
        number: u32,
        /// For what.
        ask: Box<Ask>,
        /// What understands it.
        program: Arc<Program>,
        /// The callee has been speaking since before: what was said so far is part of it.
        ongoing: bool,
    },
    /// The callee has finished: [`Told::Heard`] is due. All audio of what was said was handed to the tap before this.
    EndOfSpeech {
        /// Number of the wish to listen.
        number: u32,
    },
    /// Nothing more is to be heard.
    StopListening {
        /// Number of the wish to listen.
        number: u32,
    },
    /// Ask a server; [`Told::Reply`] follows.
    Request {
        /// Number of the wish.
        number: u32,
        /// What.
        request: Box<Request>,
    },
    /// Something of a bot that has the call, or shall have it.
    Bot {
        /// Number of the wish to give it the call.
        number: u32,
        /// What.
        wish: BotWish,
    },
    /// The call is over. [`Told::Done`] follows what is still to be told.
    End {
        /// The callee wants no more calls, as everybody knows.
        opted_out: bool,
    },
}

/// What a call wants of a bot.
#[derive(Clone, Debug)]
pub enum BotWish {
    /// Give it the call: all that the callee says from now on. The tap has been on since before this. [`BotTold::Attached`] follows
    /// once it is there, and [`BotTold::Left`] or [`BotTold::Failed`] is the last.
    Attach(Box<Attend>),
    /// Tell it of a key.
    Key(Digit),
    /// Tell it that what it said before this mark was played, or silenced.
    Marked(String),
    /// What it said was silenced as it wanted.
    Silenced {
        /// How much of what came since the beginning, or since the last silence, the callee has heard.
        heard: Duration,
    },
    /// Take the call from it.
    Detach,
}

/// What the voice thread tells a call.
#[derive(Clone, Debug)]
pub enum Told {
    /// A piece of what shall be spoken.
    Speech {
        /// Number of the wish.
        number: u32,
        /// The audio.
        prompt: Arc<Prompt>,
        /// Nothing follows it.
        is_last: bool,
    },
    /// What a model says comes next.
    Says {
        /// Number of the wish.
        number: u32,
        /// In words.
        text: String,
        /// How long the model took for the first of it; zero for what follows.
        took: Duration,
    },
    /// A model is asked, or something is looked up for it: what comes next may take so long to begin. Zero once it has begun.
    Asks {
        /// Number of the wish.
        number: u32,
        /// How long.
        within: Duration,
    },
    /// What a model does beside speaking.
    Deed {
        /// Number of the wish.
        number: u32,
        /// What.
        deed: ModelDeed,
    },
    /// There is nothing more to be said.
    Silent {
        /// Number of the wish.
        number: u32,
    },
    /// It cannot be spoken, or no further.
    Speechless {
        /// Number of the wish.
        number: u32,
    },
    /// What the callee said, whole.
    Heard {
        /// Number of the wish.
        number: u32,
        /// The words and what they mean.
        heard: Heard,
        /// How it came about.
        hearing: Hearing,
    },
    /// There is no recogniser, or no longer.
    Deaf {
        /// Number of the wish.
        number: u32,
    },
    /// What a bot does.
    Bot {
        /// Number of the wish to give it the call.
        number: u32,
        /// What.
        told: BotTold,
    },
    /// What came of a request.
    Reply {
        /// Number of the wish.
        number: u32,
        /// The answer, or why there is none.
        reply: Reply,
    },
    /// Nothing more follows: the call is over, and its last words were understood, or took too long. The answer to [`Wish::End`], each time.
    Done,
}

impl Told {
    /// In which words the callee has said that they want no more calls, if they have. A model that says so tells no words.
    pub fn opt_out(&self) -> Option<&str> {
        match self {
            Self::Heard { heard, hearing, .. } => {
                let is_meant = hearing.opts_out || heard.intent.as_deref() == Some(OPT_OUT);
                is_meant.then_some(&heard.text)
            }
            Self::Deed { deed: ModelDeed::Tool(ModelTool::OptOut, _), .. } => Some(""),
            Self::Bot { told: BotTold::Said { text, opts_out, .. }, .. } => opts_out.then_some(text),
            _ => None,
        }
    }
}

/// What a bot does.
#[derive(Clone, Debug)]
pub enum BotTold {
    /// It is there.
    Attached,
    /// It says something, after what it has said.
    Audio {
        /// The audio.
        prompt: Arc<Prompt>,
        /// How long the first of it was held back for what follows.
        held: Duration,
    },
    /// It wants to know when what it said before this was played.
    Mark(String),
    /// What it said and was not played shall be forgotten, at once.
    Clear,
    /// What was said, by its account.
    Said {
        /// By whom.
        speaker: Speaker,
        /// In words.
        text: String,
        /// The callee wants no more calls.
        opts_out: bool,
    },
    /// It took no audio, and some was lost.
    Dropped {
        /// How much, milliseconds.
        ms: u32,
    },
    /// It has closed the connection.
    Left,
    /// It cannot have the call, or no longer.
    Failed,
}

/// How an answer was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hearing {
    /// From the end of speech to the recogniser's last word.
    pub recogniser: Duration,
    /// What understanding it took, with whoever was asked.
    pub understanding: Duration,
    /// Somebody was asked what it means, and did not answer.
    pub misunderstood: bool,
    /// The callee wants no more calls.
    pub opts_out: bool,
    /// Audio of the callee since the last answer, what of it was sent, and what was lost because the recogniser took none;
    /// milliseconds.
    pub heard_ms: u32,
    /// See `heard_ms`.
    pub sent_ms: u32,
    /// See `heard_ms`.
    pub dropped_ms: u32,
    /// What the voice sounded like, if there was enough of it.
    pub prosody: Option<Prosody>,
}

/// A guess from pitch, energy, rate and pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prosody {
    /// From calm to excited, −1 to 1.
    pub arousal: f32,
    /// From displeased to pleased, −1 to 1.
    pub valence: f32,
    /// 0 to 1.
    pub confidence: f32,
}
