//! What a person writes: a script as a list of steps.
//!
//! Plain data. Every limit is documented at its field and held by `check`; the published JSON Schema is made from these types.

mod ask;
mod bot;
mod converse;
mod played;
mod say;
mod serve;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use ask::minute as hold_ms_max;
pub use ask::{Collect, Expect, Intent, Ladder, Listen, Menu, Understand};
pub use bot::Bot;
pub use converse::{Converse, ModelTool};
pub use played::Played;
pub use say::{BargeIn, LeaveMessage, OptOut, Play, Record, Say, Speech};
pub use serve::{Headers, Http, Method, Transfer, TransferMode, Webhook};

use crate::condition::Condition;

/// A script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ScriptDocument))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Versions of one script share the name. 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// What is spoken and heard unless a step says otherwise: a BCP 47 tag such as `en` or `zh-CN`.
    #[serde(default = "english", skip_serializing_if = "is_english")]
    #[cfg_attr(feature = "openapi", schema(default = "en", max_length = 35))]
    pub language: String,
    /// Variables that the script uses beside those of the contact, with what they hold at first. At most 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// What callees may mean, by name, for the `intents` of `listen` steps. `yes`, `no`, `opt_out`, `repeat`, `person`, `busy` and
    /// `wrong_person` are known without being told; phrases given here for one of them are added. At most 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<String, Intent>,
    /// 1 to 500 steps. The call begins with the first; after each comes the one in its `next`, or else the one below it. After
    /// the last the call ends.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 500))]
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its name, by which other steps lead to it: letters, digits, `_` and `-`, at most 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The step that follows; the one below it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum StepKind {
    /// Play a recorded prompt to its end.
    Play(Play),
    /// Speak a sentence.
    Say(Say),
    /// Ask something and listen to the answer.
    Listen(Listen),
    /// Ask something and wait for one key.
    Menu(Menu),
    /// Collect digits that the callee presses.
    Collect(Collect),
    /// Give variables values.
    Set(Set),
    /// Go on in one of several places.
    Branch(Branch),
    /// Ask a server for something, or tell it something.
    Http(Http),
    /// Tell a server how far the call is, and do the steps that it answers with.
    Webhook(Webhook),
    /// Let a language model talk with the callee.
    Converse(Box<Converse>),
    /// Let a voice bot talk with the callee.
    Bot(Bot),
    /// Begin to record the call, or stop.
    Record(Record),
    /// Never call the callee again.
    OptOut(OptOut),
    /// Wait for the tone of an answering machine, and speak after it.
    LeaveMessage(LeaveMessage),
    /// Give the callee to somebody else.
    Transfer(Transfer),
    /// Say nothing for a while.
    Wait(Wait),
    /// End the call.
    HangUp(HangUp),
}

impl Document {
    /// The recognisers that it listens with, by the names in its steps; the default is the empty name.
    pub fn recognisers(&self) -> BTreeSet<&str> {
        let listens = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Listen(listen) => Some(listen.recogniser.as_deref().unwrap_or_default()),
            StepKind::Converse(converse) => Some(converse.recogniser.as_deref().unwrap_or_default()),
            _ => None,
        });
        listens.collect()
    }

    /// The bots that it gives calls to, by the names in its steps; the only one there is has the empty name.
    pub fn bots(&self) -> BTreeSet<&str> {
        let bots = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Bot(bot) => Some(bot.bot.as_deref().unwrap_or_default()),
            _ => None,
        });
        bots.collect()
    }
}

impl Step {
    /// How it is named to the one who wrote it: by its number counted from 0, and its name.
    pub(crate) fn place(&self, index: usize) -> String {
        match &self.id {
            Some(id) => format!("steps[{index}] ({id})"),
            None => format!("steps[{index}]"),
        }
    }
}

impl StepKind {
    /// Its name in a script.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Play(_) => "play",
            Self::Say(_) => "say",
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
            Self::OptOut(_) => "opt_out",
            Self::LeaveMessage(_) => "leave_message",
            Self::Transfer(_) => "transfer",
            Self::Wait(_) => "wait",
            Self::HangUp(_) => "hang_up",
        }
    }
}

/// Give variables values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Each variable and the template of its value. 1 to 20.
    pub values: BTreeMap<String, String>,
}

/// Go on in one of several places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The first whose condition holds is taken; when none does, the step's `next`. 1 to 50.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 50))]
    pub cases: Vec<Case>,
}

/// One way that a branch may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What must hold.
    pub when: Condition,
    /// The step to go to.
    pub to: String,
}

/// Say nothing for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// 1 to 3,600,000.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3600000))]
    pub ms: u32,
}

/// End the call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HangUp {
    /// What came of the call, for the record: at most 64 characters.
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
}

fn english() -> String {
    "en".to_owned()
}

fn is_english(language: &String) -> bool {
    language == "en"
}

impl<'de> Deserialize<'de> for Step {
    /// By hand, since a flattened enum lets unknown keys pass and loses what was wrong.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let mut name = |key: &str| match fields.remove(key) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(name)) => Ok(Some(name)),
            Some(other) => Err(D::Error::custom(format!("`{key}` must be a step's name, not {other}"))),
        };
        let (id, next) = (name("id")?, name("next")?);
        if !fields.contains_key("do") {
            return Err(D::Error::custom("`do` is missing: it says what the step does, such as \"play\""));
        }
        let kind = StepKind::deserialize(serde_json::Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { id, next, kind })
    }
}
