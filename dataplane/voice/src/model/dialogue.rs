//! A conversation: its history, its limits, and what is made of an answer while it comes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spoken::first_sentence;

use super::chat::{self, Chunk, ModelFault, PartialCall, Tool, ToolCall};
use super::event_stream::EventStream;

/// What a conversation may be.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Name of the model.
    pub model: String,
    /// How it shall speak and what it knows, from the script with the contact's data.
    pub system: String,
    /// What it may do.
    pub tools: Vec<Tool>,
    /// Words that it must not say, in lower case; a sentence with one of them is left unsaid and ends the conversation.
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
    /// Tokens, as the server counts them, of questions and answers together.
    pub tokens: u64,
    /// Words of one answer; the rest of it is left unsaid.
    pub words_an_answer: usize,
}

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The callee.
    Callee(String),
    /// The model: what was heard of it.
    Model(String),
    /// The model wanted something done, and what came of it.
    Done(ToolCall, String),
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

    /// What was asked for was done. Gives the body of the request for what the model says to it.
    pub fn done(&mut self, now: Instant, call: ToolCall, outcome: &str) -> Result<Value, Over> {
        self.lines.push(Line::Done(call, outcome.to_owned()));
        self.go_on(now)
    }

    fn go_on(&mut self, now: Instant) -> Result<Value, Over> {
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
        self.answer = Some(Answer::default());
        Ok(self.request())
    }

    fn request(&self) -> Value {
        let mut messages = vec![json!({ "role": "system", "content": self.rules.system })];
        for line in &self.lines {
            match line {
                Line::Callee(said) => messages.push(json!({ "role": "user", "content": said })),
                Line::Model(said) => messages.push(json!({ "role": "assistant", "content": said })),
                Line::Done(call, outcome) => {
                    let arguments: serde_json::Map<_, _> = call
                        .arguments
                        .iter()
                        .map(|(name, value)| (name.clone(), value.as_str().into()))
                        .collect();
                    let arguments = Value::Object(arguments).to_string();
                    messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [{
                        "id": call.id, "type": "function",
                        "function": { "name": call.tool.name(), "arguments": arguments },
                    }] }));
                    messages.push(json!({ "role": "tool", "tool_call_id": call.id, "content": outcome }));
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
        }
        body
    }

    /// A piece of the answer's body. A piece of an answer that was interrupted is passed over.
    pub fn read(&mut self, piece: &[u8]) -> Result<Vec<Said>, ModelFault> {
        let Some(mut answer) = self.answer.take() else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        let read = answer.stream.read(piece, |event| events.push(event.to_owned()));
        read.map_err(|_| ModelFault::Rubbish("an event without end".to_owned()))?;
        let mut said = Vec::new();
        for event in events.iter().filter(|event| *event != "[DONE]") {
            let chunk: Chunk = serde_json::from_str(event)
                .map_err(|error| ModelFault::Rubbish(format!("at column {}", error.column())))?;
            if let Some(error) = chunk.error {
                return Err(ModelFault::Refused(error.message.chars().take(200).collect()));
            }
            if let Some(usage) = chunk.usage {
                self.tokens += usage.prompt_tokens + usage.completion_tokens;
            }
            for delta in chunk.choices.into_iter().map(|choice| choice.delta) {
                for piece in delta.tool_calls {
                    chat::add_piece(&mut answer.calls, piece)?;
                }
                answer.rest.push_str(delta.content.as_deref().unwrap_or_default());
                self.take_sentences(&mut answer, false, &mut said);
            }
        }
        self.answer = Some(answer);
        Ok(said)
    }

    /// The answer is complete.
    pub fn end(&mut self) -> Result<Vec<Said>, ModelFault> {
        let Some(mut answer) = self.answer.take() else { return Ok(Vec::new()) };
        let mut said = Vec::new();
        self.take_sentences(&mut answer, true, &mut said);
        if !answer.spoken.is_empty() {
            self.lines.push(Line::Model(answer.spoken.trim().to_owned()));
        }
        for call in answer.calls {
            said.push(Said::Do(chat::complete(call, &self.rules.tools)?));
        }
        Ok(said)
    }

    /// The callee spoke into the answer, which was heard so far: what was not spoken never was. Of an answer that had come to its end the
    /// history is set right.
    pub fn interrupt(&mut self, heard: &str) {
        let was_coming = self.answer.take().is_some();
        if !was_coming && matches!(self.lines.last(), Some(Line::Model(_))) {
            self.lines.pop();
        }
        if !heard.trim().is_empty() {
            self.lines.push(Line::Model(format!("{} —", heard.trim())));
        }
    }

    /// What was said, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Tokens so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Hands out sentences that are complete. The last may go on, unless the answer is at its end.
    fn take_sentences(&mut self, answer: &mut Answer, is_end: bool, said: &mut Vec<Said>) {
        let text = std::mem::take(&mut answer.rest);
        let mut rest = text.as_str();
        while let Some((sentence, after)) =
            first_sentence(rest).filter(|(_, after)| is_end || !after.trim().is_empty())
        {
            self.say(answer, sentence, said);
            rest = after;
        }
        if is_end && !rest.trim().is_empty() {
            self.say(answer, rest.trim(), said);
        } else {
            answer.rest = rest.to_owned();
        }
    }

    fn say(&mut self, answer: &mut Answer, sentence: &str, said: &mut Vec<Said>) {
        let lower = sentence.to_lowercase();
        if self.rules.forbidden.iter().any(|word| lower.contains(word.as_str())) {
            (self.was_forbidden, answer.is_cut) = (true, true);
        }
        answer.words += words(sentence);
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

/// Words of a sentence; each Chinese character is one.
fn words(sentence: &str) -> usize {
    let ideographs = sentence.chars().filter(|sign| ('\u{4E00}'..='\u{9FFF}').contains(sign)).count();
    ideographs + sentence.split_whitespace().filter(|word| word.is_ascii()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            model: "m".into(),
            system: "You are Acme's voice. The callee is Ann.".into(),
            tools: vec![Tool::HangUp, Tool::SetField],
            forbidden: vec!["guarantee".into()],
            limits: Limits { turns: 3, time: Duration::from_secs(60), tokens: 1_000, words_an_answer: 20 },
        }
    }

    fn begin() -> (Dialogue, Instant) {
        let now = Instant::now();
        (Dialogue::new(rules(), now), now)
    }

    fn event(delta: Value) -> Vec<u8> {
        format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] })).into_bytes()
    }

    fn words(dialogue: &mut Dialogue, pieces: &[&str]) -> Vec<Said> {
        pieces
            .iter()
            .flat_map(|piece| dialogue.read(&event(json!({ "content": piece }))).expect("good"))
            .collect()
    }

    fn sentence(text: &str) -> Said {
        Said::Sentence(text.to_owned())
    }

    #[test]
    fn sentences_leave_as_they_are_complete() {
        let (mut dialogue, now) = begin();
        let body = dialogue.ask(now, "Who are you?").expect("asked");
        assert_eq!(body["messages"][0]["role"], "system");
        assert_eq!(body["messages"][1], json!({ "role": "user", "content": "Who are you?" }));
        assert_eq!(body["tools"].as_array().map(Vec::len), Some(2));
        let said = words(&mut dialogue, &["Good morn", "ing, I am from Acme.", " How can", " I help?"]);
        assert_eq!(said, [sentence("Good morning, I am from Acme.")]);
        assert_eq!(dialogue.end(), Ok(vec![sentence("How can I help?")]));
        let all = "Good morning, I am from Acme. How can I help?";
        assert_eq!(dialogue.lines()[1], Line::Model(all.to_owned()));
        let body = dialogue.ask(now, "Fine.").expect("asked");
        assert_eq!(body["messages"][2]["content"], all);
    }

    #[test]
    fn an_interruption_leaves_what_was_heard() {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "Tell me all.").expect("asked");
        words(&mut dialogue, &["It is a long story, you see. It began", " in May."]);
        dialogue.interrupt("It is a long");
        assert_eq!(words(&mut dialogue, &[" And so on."]), []);
        assert_eq!(dialogue.end(), Ok(vec![]));
        assert_eq!(dialogue.lines().last(), Some(&Line::Model("It is a long —".to_owned())));
        // After it came to its end.
        dialogue.ask(now, "Go on.").expect("asked");
        words(&mut dialogue, &["It began in the month of May."]);
        dialogue.end().expect("good");
        dialogue.interrupt("");
        assert_eq!(dialogue.lines().last(), Some(&Line::Callee("Go on.".to_owned())));
    }

    #[test]
    fn tools_come_in_pieces() {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "I'm Bob.").expect("asked");
        for delta in [
            json!({ "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": { "name": "set_field", "arguments": "" } }] }),
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"name\":\"first\"," } }] }),
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "\"value\":\"Bob\"}" } }] }),
        ] {
            assert_eq!(dialogue.read(&event(delta)), Ok(vec![]));
        }
        dialogue.read(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n").expect("good");
        let said = dialogue.end().expect("good");
        let arguments = vec![("name".to_owned(), "first".to_owned()), ("value".to_owned(), "Bob".to_owned())];
        let call = ToolCall { id: "c1".into(), tool: Tool::SetField, arguments };
        assert_eq!((said, dialogue.tokens()), (vec![Said::Do(call.clone())], 49));
        let body = dialogue.done(now, call, "ok").expect("goes on");
        assert_eq!(body["messages"][3], json!({ "role": "tool", "tool_call_id": "c1", "content": "ok" }));
    }

    #[test]
    fn limits_end_it() {
        let (mut dialogue, now) = begin();
        for _ in 0..3 {
            dialogue.ask(now, "x").expect("asked");
            dialogue.end().expect("nothing came");
        }
        assert_eq!(dialogue.ask(now, "x"), Err(Over::Turns));
        let (mut dialogue, now) = begin();
        assert_eq!(dialogue.ask(now + Duration::from_secs(60), "x"), Err(Over::Time));
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        dialogue.read(b"data: {\"usage\":{\"prompt_tokens\":1000}}\n\n").expect("good");
        assert_eq!(dialogue.ask(now, "x"), Err(Over::Tokens));
    }

    #[test]
    fn too_many_words_and_forbidden_ones_are_left_unsaid() {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        let ten = "one two three four five six seven eight nine ten. ";
        words(&mut dialogue, &[ten, ten, ten, ten]);
        dialogue.end().expect("good");
        assert_eq!(dialogue.lines()[1], Line::Model(format!("{ten}{ten}").trim().to_owned()));
        dialogue.ask(now, "Is it safe?").expect("asked");
        let said = words(&mut dialogue, &["It is quite safe. We GUARANTEE a profit. Trust me in this."]);
        assert_eq!(said, [sentence("It is quite safe.")]);
        assert_eq!(dialogue.end(), Ok(vec![]));
        assert_eq!(dialogue.ask(now, "x"), Err(Over::Forbidden));
    }

    #[test]
    fn rubbish_is_a_fault() {
        for bytes in [
            &b"data: <html>\n\n"[..],
            b"data: {\"choices\":5}\n\n",
            b"data: {\"error\":{\"message\":\"no\"}}\n\n",
        ] {
            let (mut dialogue, now) = begin();
            dialogue.ask(now, "x").expect("asked");
            dialogue.read(bytes).expect_err("no answer");
        }
        for arguments in ["{", "[]", "\"x\""] {
            let (mut dialogue, now) = begin();
            dialogue.ask(now, "x").expect("asked");
            let function = json!({ "name": "hang_up", "arguments": arguments });
            dialogue
                .read(&event(json!({ "tool_calls": [{ "index": 0, "id": "c", "function": function }] })))
                .expect("a piece");
            assert!(matches!(dialogue.end(), Err(ModelFault::Tool(_))));
        }
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        let function = json!({ "name": "format_disk", "arguments": "{}" });
        dialogue
            .read(&event(json!({ "tool_calls": [{ "index": 0, "id": "c", "function": function }] })))
            .expect("a piece");
        assert!(matches!(dialogue.end(), Err(ModelFault::Tool(_))), "not offered");
    }
}
