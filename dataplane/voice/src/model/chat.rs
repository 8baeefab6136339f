//! Chat completions as JSON: tools, and the chunks of a streamed answer.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Something that the model may do beside speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Give the callee to somebody else.
    Transfer,
    /// End the call.
    HangUp,
    /// Note that the callee wants no more calls.
    OptOut,
    /// Note when to call again.
    CallBack,
    /// Remember a value.
    SetField,
    /// Ask the script's server.
    LookUp,
}

impl Tool {
    /// All of them.
    pub const ALL: [Tool; 6] =
        [Self::Transfer, Self::HangUp, Self::OptOut, Self::CallBack, Self::SetField, Self::LookUp];

    /// Its name to the model.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::HangUp => "hang_up",
            Self::OptOut => "opt_out",
            Self::CallBack => "call_back",
            Self::SetField => "set_field",
            Self::LookUp => "look_up",
        }
    }

    /// Its description to the model, with a JSON Schema of its arguments.
    pub(super) fn described(self) -> Value {
        let text = |description: &str| json!({ "type": "string", "description": description });
        let (description, properties) = match self {
            Self::Transfer => {
                ("Give the callee to a person.", json!({ "reason": text("why, in a few words") }))
            }
            Self::HangUp => (
                "End the call, after saying good-bye.",
                json!({ "disposition": text("what came of the call, in a few words") }),
            ),
            Self::OptOut => {
                ("The callee wants no more calls. Always use this when asked not to call again.", json!({}))
            }
            Self::CallBack => (
                "The callee wants to be called again later.",
                json!({ "when": text("as the callee said it") }),
            ),
            Self::SetField => (
                "Remember something that the callee said.",
                json!({ "name": text("name of the field"), "value": text("its value") }),
            ),
            Self::LookUp => ("Look something up.", json!({ "query": text("what to look up") })),
        };
        let required: Vec<_> =
            properties.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        json!({ "type": "function", "function": {
            "name": self.name(),
            "description": description,
            "parameters": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
        } })
    }
}

/// The model wants something done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's own name for this call.
    pub id: String,
    /// What.
    pub tool: Tool,
    /// With what, by name. All of them are text.
    pub arguments: Vec<(String, String)>,
}

impl ToolCall {
    /// As the model called it, for the history.
    pub(super) fn described(&self) -> Value {
        let arguments = self.arguments.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
        let arguments = Value::Object(arguments.collect()).to_string();
        json!({ "id": self.id, "type": "function", "function": { "name": self.tool.name(), "arguments": arguments } })
    }
}

/// An answer that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    /// Not the stream that belongs here.
    #[error("the model's server sends no chat completion: {0}")]
    Rubbish(String),
    /// The server says that something is wrong.
    #[error("the model's server says: {0}")]
    Refused(String),
    /// It wants something done that it was not offered, or in a way that cannot be understood.
    #[error("the model calls a tool wrongly: {0}")]
    Tool(String),
}

/// A piece of a streamed answer, or a whole one. Servers differ in what they leave out and what they send as `null`.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

impl Chunk {
    /// What the server says is wrong: `{"error": {"message": …}}` or `{"error": …}`.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let words = error.get("message").unwrap_or(error).as_str().unwrap_or("an error without a word");
        Some(words.chars().filter(|sign| !sign.is_control()).take(200).collect())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    /// Of an answer that is not streamed, all of it.
    #[serde(default, alias = "message", deserialize_with = "null_is_default")]
    pub(super) delta: Delta,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) content: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) tool_calls: Vec<ToolDelta>,
}

/// A piece of a tool call: the name comes with the first, the arguments in pieces.
#[derive(Debug, Deserialize)]
pub(super) struct ToolDelta {
    #[serde(default)]
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) function: FunctionDelta,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FunctionDelta {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) arguments: Option<String>,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) prompt_tokens: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) completion_tokens: u64,
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A tool call that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct PartialCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// Longest arguments that are taken, in bytes.
const ARGUMENTS_MAX: usize = 4 << 10;
/// Tool calls of one answer.
const CALLS_MAX: usize = 8;

/// Adds a piece to the calls of an answer.
pub(super) fn add_piece(calls: &mut Vec<PartialCall>, piece: ToolDelta) -> Result<(), ModelFault> {
    let id = piece.id.unwrap_or_default();
    let begins = piece.function.name.as_ref().is_some_and(|name| !name.is_empty()) && !id.is_empty();
    // Some servers count none of their calls, or all of them as the first.
    let is_another = |call: &PartialCall| begins && !call.id.is_empty() && call.id != id;
    let index = match piece.index {
        Some(index) if !calls.get(index).is_some_and(is_another) => index,
        _ if calls.last().is_none_or(is_another) => calls.len(),
        _ => calls.len() - 1,
    };
    if index >= CALLS_MAX {
        return Err(ModelFault::Tool(format!("more than {CALLS_MAX} at once")));
    }
    while calls.len() <= index {
        calls.push(PartialCall::default());
    }
    let call = &mut calls[index];
    // Some send both again with every piece.
    if call.id.is_empty() {
        call.id = id;
    }
    if let Some(name) = piece.function.name.filter(|name| *name != call.name) {
        call.name.push_str(&name);
    }
    call.arguments.push_str(piece.function.arguments.as_deref().unwrap_or_default());
    if call.arguments.len() + call.name.len() + call.id.len() > ARGUMENTS_MAX {
        return Err(ModelFault::Tool("arguments without end".to_owned()));
    }
    Ok(())
}

/// A call whose pieces have all come.
pub(super) fn complete(call: PartialCall, offered: &[Tool]) -> Result<ToolCall, ModelFault> {
    let tool = offered.iter().find(|tool| tool.name() == call.name).copied();
    let name: String = call.name.chars().filter(|sign| !sign.is_control()).take(40).collect();
    let tool = tool.ok_or_else(|| ModelFault::Tool(format!("`{name}` was not offered")))?;
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(ModelFault::Tool(format!("the arguments of `{name}` are no JSON object")));
    };
    let arguments = fields.into_iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name, value)
    });
    Ok(ToolCall { id: call.id, tool, arguments: arguments.collect() })
}
