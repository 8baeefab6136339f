//! A conversation: its history, its limits, and what is made of an answer while it comes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::chat::{self, Chunk, ModelFault, PartialCall, Tool, ToolCall, Usage};
use super::event_stream::EventStream;
use super::text;

/// Longest answer that is read, in bytes with all that surrounds its words: more than a model writes in a minute, with its thoughts.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What a conversation may be.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Name of the model.
    pub model: String,
    /// How it shall speak and what it knows, from the script with the contact's data.
    pub system: String,
    /// What it may do.
    pub tools: Vec<Tool>,
    /// Words that it must not say, nor those that begin so, in lower case; a sentence with one of them is left unsaid and ends the conversation.
    pub forbidden: Vec<String>,
    /// How long it may go on.
    pub limits: Limits,
}

/// How long a conversation may go on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Answers of the model.
    pub turns: u32,
    /// From its beginning.
    pub time: Duration,
    /// Tokens of questions and answers together, as the server counts them. Where it does not, or an answer was interrupted before it
    /// did, they are estimated: four letters are one, and each Chinese or Japanese character.
    pub tokens: u64,
    /// Words of one answer; the rest of it is left unsaid.
    pub words_an_answer: usize,
}

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The callee.
    Callee(String),
    /// An answer of the model.
    Model {
        /// What was heard of it.
        said: String,
        /// What it wanted done, and what came of each.
        did: Vec<(ToolCall, String)>,
    },
}

/// What comes of a piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A sentence is complete and can be spoken.
    Sentence(String),
    /// Something is to be done.
    Do(ToolCall),
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// As many answers as allowed were given.
    Turns,
    /// Its time is over.
    Time,
    /// It has cost as much as allowed.
    Tokens,
    /// The model wanted to say something that it must not.
    Forbidden,
}

/// One conversation.
#[derive(Debug)]
pub struct Dialogue {
    rules: Rules,
    began: Instant,
    lines: Vec<Line>,
    turns: u32,
    tokens: u64,
    answer: Option<Answer>,
    was_forbidden: bool,
}

/// An answer that is coming.
#[derive(Debug, Default)]
struct Answer {
    stream: EventStream,
    /// All sentences that were handed out, one after the other.
    spoken: String,
    /// What has come and makes no whole sentence yet.
    rest: String,
    words: usize,
    calls: Vec<PartialCall>,
    is_cut: bool,
    /// What was read of it.
    bytes: usize,
    /// Something of a completion was in it.
    has_come: bool,
    /// Words, or pieces of calls of tools, were in the last piece.
    goes_on: bool,
    /// The last that the server said of its cost.
    usage: Option<Usage>,
    /// An estimate of the same, in quarters of tokens.
    quarter_tokens: u64,
}

impl Dialogue {
    /// A conversation that begins now.
    pub fn new(rules: Rules, now: Instant) -> Self {
        Self { rules, began: now, lines: Vec::new(), turns: 0, tokens: 0, answer: None, was_forbidden: false }
    }

    /// The callee said something. Gives the body of the request that asks for an answer, or why there will be none.
    pub fn ask(&mut self, now: Instant, said: &str) -> Result<Value, Over> {
        self.lines.push(Line::Callee(said.to_owned()));
        self.go_on(now)
    }

    /// All that the last answer wanted was done. Gives the body of the request for what the model says to it.
    pub fn done(&mut self, now: Instant, outcomes: Vec<(ToolCall, String)>) -> Result<Value, Over> {
        if let Some(Line::Model { did, .. }) = self.lines.last_mut() {
            *did = outcomes;
        }
        self.go_on(now)
    }

    fn go_on(&mut self, now: Instant) -> Result<Value, Over> {
        self.settle();
        let limits = &self.rules.limits;
        let over = [
            (self.was_forbidden, Over::Forbidden),
            (self.turns >= limits.turns, Over::Turns),
            (now.duration_since(self.began) >= limits.time, Over::Time),
            (self.tokens >= limits.tokens, Over::Tokens),
        ];
        if let Some((_, over)) = over.into_iter().find(|(is, _)| *is) {
            return Err(over);
        }
        self.turns += 1;
        let request = self.request();
        let quarter_tokens = text::quarter_tokens(&request["messages"].to_string());
        self.answer = Some(Answer { quarter_tokens, ..Answer::default() });
        Ok(request)
    }

    /// No more of the answer is taken; what it cost is counted.
    fn settle(&mut self) -> Option<Answer> {
        let answer = self.answer.take()?;
        let tokens = match answer.usage {
            Some(usage) => usage.prompt_tokens.saturating_add(usage.completion_tokens),
            None => answer.quarter_tokens.div_ceil(4),
        };
        self.tokens = self.tokens.saturating_add(tokens);
        Some(answer)
    }

    fn request(&self) -> Value {
        let mut messages = vec![json!({ "role": "system", "content": self.rules.system })];
        for line in &self.lines {
            match line {
                Line::Callee(said) => messages.push(json!({ "role": "user", "content": said })),
                Line::Model { said, did } => {
                    let content = if said.is_empty() { Value::Null } else { said.as_str().into() };
                    let mut message = json!({ "role": "assistant", "content": content });
                    if !did.is_empty() {
                        message["tool_calls"] = did.iter().map(|(call, _)| call.described()).collect();
                    }
                    messages.push(message);
                    messages.extend(did.iter().map(|(call, outcome)| {
                        json!({ "role": "tool", "tool_call_id": call.id, "content": outcome })
                    }));
                }
            }
        }
        let mut body = json!({
            "model": self.rules.model,
            "messages": messages,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if !self.rules.tools.is_empty() {
            body["tools"] = self.rules.tools.iter().map(|tool| tool.described()).collect();
            body["parallel_tool_calls"] = false.into();
        }
        body
    }

    /// The same request without what some servers refuse to know. They lose little by it: tokens are estimated, tool calls taken as they
    /// come.
    pub fn simplify(request: &mut Value) {
        if let Some(fields) = request.as_object_mut() {
            fields.remove("stream_options");
            fields.remove("parallel_tool_calls");
        }
    }

    /// A piece of the answer's body. A piece of an answer that was interrupted is passed over.
    pub fn read(&mut self, piece: &[u8]) -> Result<Vec<Said>, ModelFault> {
        let Some(mut answer) = self.answer.take() else { return Ok(Vec::new()) };
        answer.goes_on = false;
        let said = self.take_piece(&mut answer, piece);
        self.answer = Some(answer);
        said
    }

    fn take_piece(&mut self, answer: &mut Answer, piece: &[u8]) -> Result<Vec<Said>, ModelFault> {
        answer.bytes += piece.len();
        if answer.bytes > ANSWER_BYTES_MAX {
            return Err(ModelFault::Rubbish("an answer without end".to_owned()));
        }
        let mut events = Vec::new();
        let read = answer.stream.read(piece, |event| events.push(event.to_owned()));
        read.map_err(|_| ModelFault::Rubbish("an event without end".to_owned()))?;
        let mut said = Vec::new();
        for event in events.iter().filter(|event| *event != "[DONE]") {
            self.take_chunk(answer, event.as_bytes(), &mut said)?;
        }
        Ok(said)
    }

    /// Whether the last piece had words, or something to be done, in it. Servers also send comments, roles and thoughts, so as not to be
    /// silent while they work or wait.
    pub fn goes_on(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.goes_on)
    }

    /// The answer in one piece, of a server that streams none.
    pub fn read_whole(&mut self, body: &[u8]) -> Result<Vec<Said>, ModelFault> {
        let Some(mut answer) = self.answer.take() else { return Ok(Vec::new()) };
        let mut said = Vec::new();
        let taken = self.take_chunk(&mut answer, body, &mut said);
        self.answer = Some(answer);
        taken.map(|()| said)
    }

    fn take_chunk(
        &mut self,
        answer: &mut Answer,
        chunk: &[u8],
        said: &mut Vec<Said>,
    ) -> Result<(), ModelFault> {
        let chunk: Chunk = serde_json::from_slice(chunk)
            .map_err(|error| ModelFault::Rubbish(format!("at column {}", error.column())))?;
        if let Some(words) = chunk.error() {
            return Err(ModelFault::Refused(words));
        }
        answer.has_come |= !chunk.choices.is_empty();
        // Some servers say it with each piece, of all pieces so far.
        answer.usage = chunk.usage.or(answer.usage);
        for delta in chunk.choices.into_iter().map(|choice| choice.delta) {
            answer.goes_on |= !delta.tool_calls.is_empty();
            for piece in delta.tool_calls {
                let arguments = piece.function.arguments.as_deref().unwrap_or_default();
                answer.quarter_tokens += text::quarter_tokens(arguments);
                chat::add_piece(&mut answer.calls, piece)?;
            }
            let content = delta.content.unwrap_or_default();
            answer.goes_on |= !content.is_empty();
            answer.quarter_tokens += text::quarter_tokens(&content);
            answer.rest.push_str(&content);
            self.take_sentences(answer, false, said);
        }
        Ok(())
    }

    /// The answer is complete: a fault if there was none.
    pub fn end(&mut self) -> Result<Vec<Said>, ModelFault> {
        let Some(mut answer) = self.settle() else { return Ok(Vec::new()) };
        if !answer.has_come {
            return Err(ModelFault::Rubbish("nothing".to_owned()));
        }
        let mut said = Vec::new();
        self.take_sentences(&mut answer, true, &mut said);
        let spoken = answer.spoken.trim().to_owned();
        if !spoken.is_empty() || !answer.calls.is_empty() {
            self.lines.push(Line::Model { said: spoken, did: Vec::new() });
        }
        let mut calls = Vec::new();
        let mut fault = None;
        for (n, mut call) in answer.calls.into_iter().enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{}_{n}", self.turns);
            }
            match chat::complete(call, &self.rules.tools) {
                Ok(call) => calls.push(call),
                Err(wrong) => fault = fault.or(Some(wrong)),
            }
        }
        // Who wants no more calls gets none, whatever else the model got wrong.
        if let Some(fault) = fault.filter(|_| calls.iter().all(|call| call.tool != Tool::OptOut)) {
            return Err(fault);
        }
        said.extend(calls.into_iter().map(Said::Do));
        Ok(said)
    }

    /// The callee spoke into what the model said since the callee's last words, of which this was heard, answer by answer. What was not
    /// heard never was said.
    pub fn interrupt(&mut self, heard: &[String]) {
        let mut heard = heard.iter().map(|heard| heard.trim());
        let began =
            self.lines.iter().rposition(|line| matches!(line, Line::Callee(_))).map_or(0, |at| at + 1);
        for line in &mut self.lines[began..] {
            let heard = heard.next().unwrap_or_default();
            if let Line::Model { said, .. } = line
                && said != heard
            {
                *said = cut(heard);
            }
        }
        if self.settle().is_some() {
            let said = cut(heard.next().unwrap_or_default());
            self.lines.push(Line::Model { said, did: Vec::new() });
        }
        self.lines
            .retain(|line| !matches!(line, Line::Model { said, did } if said.is_empty() && did.is_empty()));
    }

    /// What was said, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Tokens so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Hands out sentences that are complete. Of an answer that was cut off, nothing is kept.
    fn take_sentences(&mut self, answer: &mut Answer, is_end: bool, said: &mut Vec<Said>) {
        let all = std::mem::take(&mut answer.rest);
        let mut rest = all.as_str();
        while !answer.is_cut
            && let Some((sentence, after)) = text::next_sentence(rest, is_end)
        {
            self.say(answer, sentence, said);
            rest = after;
        }
        if !answer.is_cut {
            answer.rest = rest.to_owned();
        }
    }

    fn say(&mut self, answer: &mut Answer, sentence: &str, said: &mut Vec<Said>) {
        let lower = sentence.to_lowercase();
        if self.rules.forbidden.iter().any(|word| text::has_word(&lower, word)) {
            (self.was_forbidden, answer.is_cut) = (true, true);
        }
        answer.words += text::words(sentence);
        // The first sentence is always heard, however long.
        if answer.words > self.rules.limits.words_an_answer && !answer.spoken.is_empty() {
            answer.is_cut = true;
        }
        if !answer.is_cut {
            answer.spoken.push_str(sentence);
            answer.spoken.push(' ');
            said.push(Said::Sentence(sentence.to_owned()));
        }
    }
}

/// What was heard of an answer that was to go on.
fn cut(heard: &str) -> String {
    if heard.is_empty() { String::new() } else { format!("{heard} —") }
}

#[cfg(test)]
mod tests;
