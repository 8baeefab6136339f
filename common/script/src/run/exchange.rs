//! What a run is told, and what it wants.

use std::sync::Arc;
use std::time::Duration;

use common::PromptId;
use common::digits::Digit;

use super::{Attend, ModelDeed, Talk};
use crate::document::{Method, TransferMode};
use crate::program::{Program, Sentence, StepIndex};

/// What has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The call was answered.
    Answered,
    /// What was being said came to its end by itself.
    Spoken,
    /// A key was pressed.
    Key(Digit),
    /// The callee began to speak.
    SpeechBegan,
    /// The recogniser has heard a whole answer; it listens no more.
    Heard(Heard),
    /// Music is heard from the callee's side: nobody speaks there. [`Input::SpeechBegan`] does not come before it is over.
    MusicBegan,
    /// The music is over.
    MusicEnded,
    /// There is no recogniser, or no longer.
    RecogniserGone,
    /// What came of the last [`Action::Request`].
    Reply(Reply),
    /// The model that talks does something beside speaking.
    Deed(ModelDeed),
    /// The bot that had the call has closed the connection.
    BotLeft,
    /// The bot cannot have the call, or no longer.
    BotFailed,
    /// The tone of an answering machine.
    Beep,
    /// Somebody else is talking with the callee; [`Input::Transferred`] follows when they have finished.
    Joined,
    /// Somebody else has the callee now, or has had it (`true`), or nobody wanted it.
    Transferred(bool),
    /// [`Run::poll_timeout`](super::Run::poll_timeout) has come.
    Time,
}

/// What a callee said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// In words.
    pub text: String,
    /// Which of the step's intents was meant.
    pub intent: Option<String>,
    /// The value that the step expects, if it was there.
    pub value: Option<String>,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A value for each pointer of [`Request::save`], in their order; `None` where the answer has none.
    Saved(Vec<Option<String>>),
    /// Steps to go on with.
    Steps(Arc<Program>),
    /// No usable answer, and why; without personal data.
    Failed(String),
}

/// What the call shall do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Play a prompt, in the place of what is being said.
    Play(PromptId),
    /// Speak, in the place of what is being said.
    Say(Sentence),
    /// Fall silent.
    StopSpeaking,
    /// Hear what the callee says, until [`Input::Heard`] or [`Action::StopListening`].
    Listen(Ask),
    /// Listen no more.
    StopListening,
    /// Ask a server; [`Input::Reply`] follows.
    Request(Box<Request>),
    /// Have a language model answer, and speak its answer in the place of what is being said. [`Input::Spoken`] follows, and
    /// [`Input::Deed`] before it where it does something.
    Converse(Box<Talk>),
    /// Give the call to a bot, until [`Input::BotLeft`], [`Input::BotFailed`] or [`Action::Detach`].
    Attach(Box<Attend>),
    /// Tell the bot of a key.
    TellKey(Digit),
    /// Take the call from the bot, and silence it.
    Detach,
    /// Keys answered a question: for the record.
    Pressed {
        /// The step: its id, or its number counted from 1.
        step: String,
        /// Which.
        keys: String,
        /// What they mean, where keys have intents.
        intent: Option<String>,
    },
    /// The callee wants no more calls. Once a run at most.
    OptOut {
        /// In their words, or `pressed 9`; empty if they said and pressed nothing.
        said: String,
    },
    /// Begin to record, or stop.
    Record(bool),
    /// Watch for the tone of an answering machine until [`Input::Beep`], or until something is said.
    AwaitBeep,
    /// Give the callee to somebody else; [`Input::Transferred`] follows.
    Transfer {
        /// A `sip:` URI or a number in E.164.
        to: String,
        /// How.
        mode: TransferMode,
        /// How long it may take.
        timeout: Duration,
    },
    /// End the call. The last action.
    End(End),
}

/// What to listen for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The step, for its intents: [`Program`] has them.
    pub step: StepIndex,
    /// The recogniser, as the configuration names it; its default when absent.
    pub recogniser: Option<String>,
    /// BCP 47.
    pub language: String,
    /// Silence that ends what was said.
    pub end_silence: Duration,
    /// How long the callee may speak.
    pub speech_max: Duration,
    /// How long somebody else may take to say what was meant, after the recogniser's last word; zero if nobody is asked.
    pub understanding_max: Duration,
}

/// How often questions went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions that got no answer in time.
    pub no_inputs: u32,
    /// Answers that were none of what was asked for.
    pub no_matches: u32,
}

/// What to ask a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub url: String,
    /// How.
    pub method: Method,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// What is sent along.
    pub body: Option<String>,
    /// How long one try may take.
    pub timeout: Duration,
    /// Further tries.
    pub retries: u32,
    /// How long the answer may be kept for all calls; zero: not.
    pub keep: Duration,
    /// JSON pointers of the values that are wanted. `None`: the answer is a script, and [`Reply::Steps`] is wanted.
    pub save: Option<Vec<String>>,
}

/// How a script ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// What came of the call, as the script says.
    pub disposition: Option<String>,
    /// Why the script could not go on; without personal data.
    pub error: Option<String>,
}

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The answer of the call.
    Answer,
    /// The end of what is said.
    Spoken,
    /// The callee's voice, or a key that stands for it.
    Speech,
    /// Somebody who comes back, while music plays.
    Hold,
    /// A key.
    Key,
    /// A server.
    Reply,
    /// A bot that has the call.
    Bot,
    /// The tone of an answering machine.
    Beep,
    /// Somebody who takes the callee.
    Transfer,
    /// Only the time.
    Time,
    /// Nothing: it is over.
    Nothing,
}
