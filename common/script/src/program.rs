//! A script that was checked: names are places, texts are templates, and it is known that every step can be reached and leads to
//! an end.

mod callee;
pub(crate) mod compile;
mod graph;
mod inquiry;
mod vocabulary;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use common::PromptId;
use common::digits::Digit;
use jiff::civil::Date;

pub(crate) use callee::Whom;
pub(crate) use compile::BUILT_IN;
pub(crate) use inquiry::Understand;
pub use inquiry::{Choice, Inquiry, Oracle};
pub(crate) use vocabulary::Vocabulary;

use crate::check::Fault;
use crate::condition::Test;
use crate::document::{BargeIn, Document, Expect, Method, ModelTool, TransferMode};
use crate::template::{Escape, Template};
use crate::{Heard, OPT_OUT};

/// Place of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub u16);

/// Where a step leads; `None` is the end of the call.
pub(crate) type Target = Option<StepIndex>;

/// A script ready to be run, shared by all calls that run it.
#[derive(Debug)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) language: String,
    /// Names of all variables, in the order of their places.
    pub(crate) variables: Vec<String>,
    /// What the script's own variables hold at first.
    pub(crate) first_values: Vec<(usize, String)>,
    pub(crate) steps: Vec<Node>,
}

/// One step.
#[derive(Debug)]
pub(crate) struct Node {
    /// How it is called in records: its id, or its number counted from 1.
    pub(crate) name: String,
    pub(crate) next: Target,
    pub(crate) op: Op,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Op {
    Speak { utterance: Utterance, barge_in: BargeIn },
    Listen(Box<Listen>),
    Menu(Box<Menu>),
    Collect(Collect),
    Set(Box<[(usize, Template)]>),
    Branch(Box<[(Test, Target)]>),
    Http(Box<Http>),
    Webhook(Box<Webhook>),
    Converse(Box<Converse>),
    Bot(Box<Bot>),
    Record(bool),
    OptOut,
    LeaveMessage { message: Utterance, beep_max: Duration },
    Transfer(Box<Transfer>),
    Wait(Duration),
    HangUp { disposition: Option<String> },
}

impl Op {
    fn question(&self) -> Option<&Listen> {
        match self {
            Self::Listen(listen) => Some(listen),
            Self::Converse(converse) => Some(&converse.listen),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Speak { .. } => "say",
            Self::Listen(_) => "listen",
            Self::Menu(_) => "menu",
            Self::Collect(_) => "collect",
            Self::Set(_) => "set",
            Self::Branch(_) => "branch",
            Self::Http(_) => "http",
            Self::Webhook(_) => "webhook",
            Self::Converse(_) => "converse",
            Self::Bot(_) => "bot",
            Self::Record(_) => "record",
            Self::OptOut => "opt_out",
            Self::LeaveMessage { .. } => "leave_message",
            Self::Transfer(_) => "transfer",
            Self::Wait(_) => "wait",
            Self::HangUp { .. } => "hang_up",
        }
    }
}

/// Something that is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Utterance {
    /// A recorded prompt.
    Prompt(PromptId),
    /// A sentence.
    Sentence {
        /// Its text.
        text: Template,
        /// Who speaks; the connector's own choice when absent.
        voice: Option<String>,
        /// BCP 47.
        language: String,
    },
}

impl Utterance {
    /// The text, where it is not recorded.
    pub(crate) fn text(&self) -> Option<&Template> {
        match self {
            Self::Sentence { text, .. } => Some(text),
            Self::Prompt(_) => None,
        }
    }
}

/// A sentence as it is spoken in one call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sentence {
    /// Its text.
    pub text: String,
    /// Who speaks; the connector's own choice when absent.
    pub voice: Option<String>,
    /// BCP 47.
    pub language: String,
}

/// What is said before each further try, and where it ends.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ladder {
    pub(crate) again: Box<[Utterance]>,
    pub(crate) to: Target,
}

#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) ask: Option<Utterance>,
    pub(crate) barge_in: BargeIn,
    pub(crate) recogniser: Option<String>,
    pub(crate) language: String,
    pub(crate) intents: Box<[(String, Target)]>,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) expect: Option<Expect>,
    pub(crate) understand: Option<Box<Understand>>,
    pub(crate) keys: Box<[(Digit, usize)]>,
    pub(crate) save: Option<usize>,
    pub(crate) silence_max: Duration,
    pub(crate) speech_max: Duration,
    pub(crate) end_silence: Duration,
    pub(crate) hold_max: Duration,
    /// Where music that goes on leads.
    pub(crate) hold: Target,
    pub(crate) no_input: Ladder,
    pub(crate) no_match: Ladder,
    pub(crate) gone: Target,
}

impl Listen {
    /// How long somebody else may take to say what an answer means.
    pub(crate) fn understanding_max(&self) -> Duration {
        self.understand.as_ref().map_or(Duration::ZERO, |understand| understand.timeout)
    }
}

#[derive(Debug)]
pub(crate) struct Converse {
    /// How the callee is heard: the opening is its question, `gone` where it goes without a recogniser or a model.
    pub(crate) listen: Listen,
    pub(crate) model: Option<String>,
    pub(crate) prompt: Template,
    pub(crate) tools: Box<[(ModelTool, Target)]>,
    pub(crate) fields: Box<[(String, usize)]>,
    pub(crate) look_up: Option<Template>,
    /// In lower case.
    pub(crate) forbidden: Box<[String]>,
    /// After how many milliseconds, and what is said then.
    pub(crate) slow: Option<(u32, Utterance)>,
    pub(crate) answer_ms_max: u32,
    pub(crate) turns_max: u32,
    pub(crate) seconds_max: u32,
    pub(crate) tokens_max: u32,
    pub(crate) words_max: u32,
    pub(crate) voice: Option<String>,
    pub(crate) over: Target,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Bot {
    pub(crate) bot: Option<String>,
    pub(crate) parameters: Box<[(String, Template)]>,
    pub(crate) time_max: Duration,
    pub(crate) over: Target,
    pub(crate) failed: Target,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Menu {
    pub(crate) ask: Option<Utterance>,
    pub(crate) keys: Box<[(Digit, Target)]>,
    pub(crate) timeout: Duration,
    pub(crate) no_input: Ladder,
    pub(crate) no_match: Ladder,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Collect {
    pub(crate) max_digits: usize,
    pub(crate) first_digit_timeout: Duration,
    pub(crate) next_digit_timeout: Duration,
    pub(crate) terminator: Option<Digit>,
    pub(crate) save: Option<usize>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Http {
    pub(crate) url: Template,
    pub(crate) method: Method,
    pub(crate) headers: Box<[(String, Template)]>,
    /// And how what a variable puts into it is escaped.
    pub(crate) body: Option<(Template, Escape)>,
    pub(crate) timeout: Duration,
    pub(crate) keep: Duration,
    pub(crate) save: Box<[(usize, String)]>,
    pub(crate) failed: Target,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) failed: Target,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Transfer {
    pub(crate) to: Whom,
    pub(crate) mode: TransferMode,
    pub(crate) timeout: Duration,
    pub(crate) failed: Target,
}

impl Program {
    /// Checks a script. Gives everything that is wrong with it, up to a hundred faults, or the program.
    pub fn new(document: &Document) -> Result<Self, Vec<Fault>> {
        compile::compile(document)
    }

    /// The name that versions of the script share.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is spoken and heard unless a step says otherwise: BCP 47.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The prompts that it plays, each once.
    pub fn prompts(&self) -> BTreeSet<PromptId> {
        let prompt = |utterance: &Utterance| match utterance {
            Utterance::Prompt(prompt) => Some(*prompt),
            Utterance::Sentence { .. } => None,
        };
        self.utterances().filter_map(prompt).collect()
    }

    /// What is the same in every call, and so can be made before the first: whole sentences, and of those with variables what comes before
    /// the sentence with the first.
    pub fn constant_sentences(&self) -> BTreeSet<Sentence> {
        let constant = |utterance: &Utterance| {
            let Utterance::Sentence { text, voice, language } = utterance else { return None };
            let text = if text.is_constant() { text.render(&|_| "") } else { text.opening()?.to_owned() };
            Some(Sentence { text, voice: voice.clone(), language: language.clone() })
        };
        self.utterances().filter_map(constant).collect()
    }

    /// What an answer to the question of `step` means, said on `today`: an intent, or else the value that is expected. For a side
    /// thread, since a sentence is long work for a shard.
    pub fn understand(&self, step: StepIndex, text: &str, today: Date) -> Heard {
        let mut heard = Heard { text: text.to_owned(), ..Heard::default() };
        let Some(listen) = self.question(step) else { return heard };
        let opts_out = listen
            .intents
            .iter()
            .find(|(name, ..)| name == OPT_OUT)
            .filter(|_| understanding::opts_out(text));
        let meant = listen.vocabulary.grammar.understand(text).filter(|_| opts_out.is_none());
        let intent = opts_out.or_else(|| meant.map(|meant| &listen.intents[meant.intent]));
        heard.intent = intent.map(|(name, ..)| name.clone());
        heard.value = match listen.expect {
            None => None,
            Some(Expect::Number) => understanding::number(text).map(|number| number.to_string()),
            Some(Expect::Digits) => Some(understanding::digits(text)).filter(|digits| !digits.is_empty()),
            Some(Expect::Date) => understanding::date(text, today).map(|date| date.to_string()),
        };
        if heard.value.is_none() {
            heard.value = meant.and_then(|meant| listen.vocabulary.name(&meant)).map(str::to_owned);
        }
        heard
    }

    /// Phrases that the answer to the question of `step` is likely to be made of, for recognisers that listen for such. Those by which
    /// callees opt out are among them. The script's own come first, then those of the step's language. None where answers have other
    /// words too: in conversations, for dates, and where whatever is said is an answer.
    pub fn expected_phrases(&self, step: StepIndex) -> &[String] {
        self.question(step).map_or(&[], |listen| &listen.vocabulary.phrases)
    }

    /// How many of the [expected phrases](Self::expected_phrases), from the first, are the script's own or of the step's language.
    pub fn likely_phrases(&self, step: StepIndex) -> usize {
        self.question(step).map_or(0, |listen| listen.vocabulary.likely_phrases)
    }

    /// The kinds of its steps, by their names in a script; `play` and `say` are one, `say`.
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.steps.iter().map(|node| node.op.kind()).collect()
    }

    /// The recognisers that it listens with, by the names in its steps; the default is the empty name.
    pub fn recognisers(&self) -> BTreeSet<&str> {
        let listens = self.steps.iter().filter_map(|node| node.op.question());
        listens.map(|listen| listen.recogniser.as_deref().unwrap_or_default()).collect()
    }

    /// Whether it ever listens to the callee's voice.
    pub fn listens(&self) -> bool {
        self.steps.iter().any(|node| node.op.question().is_some())
    }

    /// Everything that it may say.
    pub fn utterances(&self) -> impl Iterator<Item = &Utterance> {
        self.steps.iter().flat_map(|node| {
            let (one, ladders): (Option<&Utterance>, [Option<&Ladder>; 2]) = match &node.op {
                Op::Speak { utterance, .. } => (Some(utterance), [None; 2]),
                Op::LeaveMessage { message, .. } => (Some(message), [None; 2]),
                Op::Listen(listen) => (listen.ask.as_ref(), [Some(&listen.no_input), Some(&listen.no_match)]),
                Op::Converse(converse) => {
                    (converse.listen.ask.as_ref(), [Some(&converse.listen.no_input), None])
                }
                Op::Menu(menu) => (menu.ask.as_ref(), [Some(&menu.no_input), Some(&menu.no_match)]),
                _ => (None, [None; 2]),
            };
            let slow = match &node.op {
                Op::Converse(converse) => converse.slow.as_ref().map(|(_, line)| line),
                _ => None,
            };
            one.into_iter()
                .chain(slow)
                .chain(ladders.into_iter().flatten().flat_map(|ladder| ladder.again.iter()))
        })
    }

    /// How the callee is listened to in a step, if it is a question.
    pub(crate) fn question(&self, step: StepIndex) -> Option<&Listen> {
        self.steps.get(usize::from(step.0))?.op.question()
    }

    /// Place of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|known| known == name)
    }
}
