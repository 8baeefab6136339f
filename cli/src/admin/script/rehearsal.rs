//! A script run in the terminal, by the interpreter that runs it in calls.
//!
//! Time is virtual: what is said takes none, and an empty line lets it pass until the script has waited long enough. Only a WAV file takes the time that it lasts,
//! since a recogniser hears it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use common::digits::Digit;
use node::voice::config::VoiceConfig;
use script::{
    Action, Ask, Awaits, Heard, Input, Inquiry, ModelDeed, ModelTool, Oracle, Program, Reply, Request, Run,
    Sentence, StepIndex,
};
use serde_json::{Value, json};

/// Runs a script until it ends or the input does.
pub(super) fn run(
    program: Arc<Program>,
    contact: Box<[(String, String)]>,
    voice: &VoiceConfig,
    hear: &[PathBuf],
    json: bool,
) -> Result<()> {
    let mut rehearsal = Rehearsal {
        run: Run::new(program, contact),
        now: Instant::now(),
        voice,
        request: None,
        asked: None,
        talks: false,
        opted_out: false,
        inquiry: None,
        json,
        prompts: std::io::stdin().is_terminal() && !json,
    };
    if rehearsal.prompts {
        println!(
            "Type what the callee says (or the name of a .wav), #12 for keys, or nothing to let time pass."
        );
    }
    rehearsal.hand(Input::Answered)?;
    let mut lines = std::io::stdin().lock().lines();
    let mut files = hear.iter();
    while rehearsal.run.awaits() != Awaits::Nothing {
        if rehearsal.is_asking()
            && let Some(file) = files.next()
        {
            rehearsal.hear_file(file)?;
            continue;
        }
        rehearsal.show_prompt()?;
        let Some(line) = lines.next() else {
            rehearsal.tell("hung_up", "the callee hung up", json!({}));
            return Ok(());
        };
        rehearsal.take(line.context("cannot read what was typed")?.trim())?;
    }
    Ok(())
}

struct Rehearsal<'v> {
    run: Run,
    now: Instant,
    /// Whose recognisers hear files.
    voice: &'v VoiceConfig,
    /// What a server was asked last.
    request: Option<Box<Request>>,
    /// The question that is open.
    asked: Option<Ask>,
    /// The model has the word.
    talks: bool,
    /// The callee wants no more calls.
    opted_out: bool,
    /// Somebody is asked what the callee meant in this step.
    inquiry: Option<(StepIndex, Inquiry)>,
    json: bool,
    prompts: bool,
}

impl Rehearsal<'_> {
    fn show_prompt(&self) -> Result<()> {
        if !self.prompts {
            return Ok(());
        }
        let prompt = match self.run.awaits() {
            _ if self.inquiry.is_some() => "what it means (an intent, JSON, or nothing)> ",
            _ if self.talks => "the model says, or does (/hang_up)> ",
            Awaits::Reply => "the server answers (JSON, or nothing)> ",
            Awaits::Bot => "to the bot, or what it does (/over, /failed)> ",
            Awaits::Beep => "beep, or nothing> ",
            Awaits::Transfer => "somebody answers: yes, or nothing> ",
            Awaits::Hold => "music plays (/music: it ends, or nothing)> ",
            Awaits::Key => "keys> ",
            _ => "you> ",
        };
        print!("{prompt}");
        Ok(std::io::stdout().flush()?)
    }

    /// What was typed.
    fn take(&mut self, line: &str) -> Result<()> {
        if let Some((step, inquiry)) = self.inquiry.take() {
            return self.answer_inquiry(step, &inquiry, line);
        }
        if std::mem::take(&mut self.talks) {
            return self.answer_as_model(line);
        }
        match self.run.awaits() {
            Awaits::Reply => {
                let reply = self.reply(line);
                self.hand(Input::Reply(reply))
            }
            Awaits::Bot if line == "/over" => self.hand(Input::BotLeft),
            Awaits::Bot if line == "/failed" => self.hand(Input::BotFailed),
            Awaits::Beep if line == "beep" => self.hand(Input::Beep),
            Awaits::Hold if line == "/music" => self.hand(Input::MusicEnded),
            Awaits::Speech if line == "/music" => {
                self.tell("music", "[music]", json!({}));
                self.hand(Input::MusicBegan)
            }
            Awaits::Transfer => self.hand(Input::Transferred(line.starts_with('y'))),
            _ if line.is_empty() => {
                self.now = self.run.poll_timeout().unwrap_or(self.now).max(self.now);
                self.hand(Input::Time)
            }
            Awaits::Key => self.press(line.trim_start_matches('#')),
            _ if line.starts_with('#') && line.len() > 1 => self.press(&line[1..]),
            Awaits::Bot => {
                self.tell("bot_hears", "[the bot hears it]", json!({ "text": line }));
                Ok(())
            }
            _ if line.to_ascii_lowercase().ends_with(".wav") => self.hear_file(Path::new(line)),
            _ => self.hear(line),
        }
    }

    /// Whether the callee is to say something.
    fn is_asking(&self) -> bool {
        self.run.awaits() == Awaits::Speech && self.inquiry.is_none() && !self.talks
    }

    /// What the callee says is in a file.
    fn hear_file(&mut self, file: &Path) -> Result<()> {
        let Some(ask) = &self.asked else {
            self.tell("not_listening", "nobody listens", json!({}));
            return Ok(());
        };
        let name = file.display().to_string();
        let wav = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
        let said = node::voice::hear_wav(self.voice, ask, self.run.program(), &wav);
        let said = said.with_context(|| format!("{name} cannot be heard"))?;
        self.tell("said", &format!("[{name}] {said}"), json!({ "file": name, "text": said }));
        if said.is_empty() {
            return self.hand(Input::Heard(Heard::default()));
        }
        self.hear(&said)
    }

    /// What the model would say, or do: `/hang_up`, `/field name=value`, `/over`, `/failed`.
    fn answer_as_model(&mut self, line: &str) -> Result<()> {
        let deed = match line.strip_prefix('/') {
            None => {
                self.tell("say", line, json!({ "text": line }));
                return self.hand(Input::Spoken);
            }
            Some("over") => ModelDeed::Over,
            Some("failed") => ModelDeed::Failed,
            Some(deed) => {
                match (deed.strip_prefix("field ").and_then(|field| field.split_once('=')), tool(deed)) {
                    (Some((name, value)), _) => ModelDeed::Field(name.to_owned(), value.to_owned()),
                    (None, Some(tool)) => ModelDeed::Tool(tool, String::new()),
                    (None, None) => {
                        self.tell("no_deed", &format!("a model does not {deed}"), json!({}));
                        self.talks = true;
                        return Ok(());
                    }
                }
            }
        };
        self.run.handle_input(self.now, Input::Deed(deed));
        self.hand(Input::Spoken)
    }

    fn press(&mut self, keys: &str) -> Result<()> {
        for key in keys.chars() {
            match Digit::from_char(key) {
                Some(digit) => self.hand(Input::Key(digit))?,
                None => self.tell("no_key", &format!("{key:?} is no key: 0-9, *, # and A-D are"), json!({})),
            }
        }
        Ok(())
    }

    fn hear(&mut self, text: &str) -> Result<()> {
        let Some(step) = self.asked.as_ref().map(|ask| ask.step) else {
            self.tell("not_listening", "nobody listens", json!({}));
            return Ok(());
        };
        if understanding::opts_out(text) {
            self.opt_out(text);
        }
        // The terminal's day; a call has its campaign's.
        let today = jiff::Zoned::now().date();
        let heard = self.run.program().understand(step, text, today);
        if let Some(inquiry) = self.run.program().inquiry(step, &heard) {
            let whom = match &inquiry.oracle {
                Oracle::Server { url, .. } => url.clone(),
                Oracle::Model(model) => format!("the model {model}"),
            };
            let line = format!("[asks {whom} what it means]");
            self.tell("inquiry", &line, json!({ "of": whom, "body": inquiry.body("") }));
            self.inquiry = Some((step, inquiry));
            return Ok(());
        }
        self.hand_heard(heard)
    }

    /// What a server or a model would say that the callee meant: the name of an intent, or JSON.
    fn answer_inquiry(&mut self, step: StepIndex, inquiry: &Inquiry, line: &str) -> Result<()> {
        let answer = serde_json::from_str(line).unwrap_or_else(|_| json!({ "intent": line }));
        let heard = self.run.program().take_answer(step, &inquiry.text, &answer);
        self.hand_heard(heard)
    }

    fn hand_heard(&mut self, heard: Heard) -> Result<()> {
        let meant = match (&heard.intent, &heard.value) {
            (Some(intent), _) => format!("understood: {intent}"),
            (None, Some(value)) => format!("understood: {value}"),
            (None, None) => "no intent".to_owned(),
        };
        self.tell(
            "heard",
            &meant,
            json!({ "text": heard.text, "intent": heard.intent, "value": heard.value }),
        );
        self.hand(Input::SpeechBegan)?;
        self.hand(Input::Heard(heard))
    }

    fn reply(&mut self, line: &str) -> Reply {
        let Some(request) = self.request.take().filter(|_| !line.is_empty()) else {
            return Reply::Failed("no answer".to_owned());
        };
        let Some(pointers) = &request.save else {
            return match script::read(line).map_err(|error| error.to_string()).and_then(|document| {
                Program::new(&document)
                    .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }) {
                Ok(steps) => Reply::Steps(Arc::new(steps)),
                Err(problem) => Reply::Failed(problem),
            };
        };
        match serde_json::from_str::<Value>(line) {
            Ok(answer) => {
                Reply::Saved(pointers.iter().map(|pointer| script::value_at(&answer, pointer)).collect())
            }
            Err(error) => Reply::Failed(format!("not JSON: {error}")),
        }
    }

    fn hand(&mut self, input: Input) -> Result<()> {
        self.run.handle_input(self.now, input);
        loop {
            while let Some(action) = self.run.poll_action() {
                self.show(action);
            }
            if self.run.awaits() != Awaits::Spoken || self.talks {
                return Ok(());
            }
            self.run.handle_input(self.now, Input::Spoken);
        }
    }

    fn show(&mut self, action: Action) {
        match action {
            Action::Say(Sentence { text, language, .. }) => {
                self.tell("say", &text, json!({ "text": text, "language": language }))
            }
            Action::Play(prompt) => {
                self.tell("play", &format!("[prompt {prompt}]"), json!({ "prompt": prompt }));
            }
            Action::Listen(ask) => self.asked = Some(ask),
            Action::StopListening => self.asked = None,
            Action::StopSpeaking => {}
            Action::Request(request) => {
                let method = format!("{:?}", request.method).to_uppercase();
                let line = format!("[{method} {}]", request.url);
                self.tell(
                    "request",
                    &line,
                    json!({ "method": method, "url": request.url, "body": request.body }),
                );
                self.request = Some(request);
            }
            Action::Converse(talk) => {
                self.talks = true;
                self.tell(
                    "converse",
                    "[the model answers]",
                    json!({ "prompt": talk.prompt.whole(), "said": talk.said }),
                );
            }
            Action::Attach(attend) => {
                let bot = attend.bot.as_deref().unwrap_or("the bot");
                let parameters: serde_json::Map<_, _> =
                    attend.parameters.into_iter().map(|(name, value)| (name, value.into())).collect();
                let told = if parameters.is_empty() {
                    String::new()
                } else {
                    format!(", and is told {}", Value::Object(parameters.clone()))
                };
                let line = format!("[{bot} has the call{told}]");
                self.tell("bot", &line, json!({ "bot": attend.bot, "parameters": parameters }));
            }
            Action::TellKey(key) => {
                self.tell(
                    "bot_key",
                    &format!("[the bot is told of key {key}]"),
                    json!({ "key": key.to_string() }),
                );
            }
            Action::Detach => self.tell("bot_over", "[the bot's time is over]", json!({})),
            Action::Pressed { keys, intent, .. } => {
                let meant = intent.as_deref().map(|intent| format!(": {intent}")).unwrap_or_default();
                self.tell(
                    "pressed",
                    &format!("[pressed {keys}{meant}]"),
                    json!({ "keys": keys, "intent": intent }),
                );
            }
            Action::OptOut { said } => self.opt_out(&said),
            Action::Record(on) => {
                self.tell(
                    "record",
                    if on { "[recording begins]" } else { "[recording stops]" },
                    json!({ "on": on }),
                );
            }
            Action::AwaitBeep => self.tell("await_beep", "[waits for the beep]", json!({})),
            Action::Transfer { to, .. } => {
                self.tell("transfer", &format!("[transfer to {to}]"), json!({ "to": to }))
            }
            Action::End(end) => {
                let disposition = end.disposition.as_deref().unwrap_or("no disposition");
                let error = end.error.as_deref().map(|error| format!(", {error}")).unwrap_or_default();
                let value = json!({ "disposition": end.disposition, "error": end.error, "digits": self.run.entries() });
                self.tell("end", &format!("[end: {disposition}{error}]"), value);
            }
        }
    }

    /// In a call the number would be suppressed.
    fn opt_out(&mut self, said: &str) {
        if !std::mem::replace(&mut self.opted_out, true) {
            self.tell("opted_out", "[the callee is never called again]", json!({ "said": said }));
        }
    }

    /// One event: a line for people, or an object for programs.
    fn tell(&self, event: &str, line: &str, mut value: Value) {
        if self.json {
            value["event"] = event.into();
            println!("{value}");
        } else {
            println!("{line}");
        }
    }
}

fn tool(name: &str) -> Option<ModelTool> {
    let all = [ModelTool::HangUp, ModelTool::Transfer, ModelTool::OptOut, ModelTool::CallBack];
    all.into_iter().find(|tool| tool.name() == name)
}
