//! Conversations with language models: asked over chat completions, spoken sentence by sentence while the answer still comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::voice::Place;
use ::voice::fetch::{ANSWER_BYTES_MAX, Fetcher};
use ::voice::http::Answer;
use ::voice::model::{self, Limits, Over, Rules, Said, Tool, ToolCall, Uttered};
use ::voice::speech::RATE;
use call::voice::Told;
use script::{ModelDeed, ModelTool, Sentence, Talk};
use spoken::{sentences, spoken};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use super::config::ModelConfig;
use super::hub::{CallKey, News};
use super::models::{Fault, Model, Models};
use super::speaking::{Pieces, Speaker};
use crate::metrics::VoiceMetrics;

/// Answers with tools that a model may give one after the other before it says something.
const TOOLS_A_TURN_MAX: usize = 4;
/// How long all look-ups of an answer may take.
const LOOK_UPS_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take to its end.
const WHOLE_MAX: Duration = Duration::from_secs(60);
/// How long it may pause. A call that has nothing more to play waits for a second more.
const PIECE_MAX: Duration = Duration::from_secs(4);

/// Has models talk. Cheap to clone.
#[derive(Clone)]
pub(super) struct Talker {
    models: Models,
    fetcher: Fetcher,
    speaker: Speaker,
    metrics: VoiceMetrics,
}

/// One call's conversation.
#[derive(Clone, Default)]
pub(super) struct Conversation(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The turn under way holds the lock.
    talking: Mutex<Option<Talking>>,
    /// Nobody hears it any more.
    is_over: AtomicBool,
}

impl Conversation {
    /// The call is over. An answer that is due is read to its end, for it may say that the callee wants no more calls; nothing else is asked,
    /// looked up or spoken from here on.
    pub(super) fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }
}

struct Talking {
    dialogue: model::Dialogue,
    /// Of the last turn, as far as it came.
    uttered: Uttered,
}

impl Talker {
    pub(super) fn new(models: Models, fetcher: Fetcher, speaker: Speaker, metrics: VoiceMetrics) -> Self {
        Self { models, fetcher, speaker, metrics }
    }

    /// Has the model answer. `heard` is how much of the audio of its last turn was, when it was interrupted.
    pub(super) fn answer(
        &self,
        call: CallKey,
        number: u32,
        talk: Talk,
        conversation: &Conversation,
        heard: Option<Duration>,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (talker, conversation, news) = (self.clone(), conversation.clone(), news.clone());
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let conversation = &conversation;
            let turn = Turn { talker: &talker, talk: &talk, conversation, call, number, news, began };
            let mut talking = conversation.0.talking.lock().await;
            if talk.begins {
                *talking = None;
            }
            let before = talking.as_ref().map_or(0, |talking| talking.dialogue.tokens());
            let deed = turn.take(&mut talking, heard).await.unwrap_or_else(|Fault { kind, why, .. }| {
                tracing::warn!(%why, "a conversation with a model failed");
                let model = talker.models.label(talk.model.as_deref().unwrap_or_default());
                talker.metrics.model_failed(model, kind);
                Some(ModelDeed::Failed)
            });
            if let Some(deed) = deed {
                turn.tell(Told::Deed { number, deed });
            }
            let tokens = talking.as_ref().map_or(0, |talking| talking.dialogue.tokens());
            let model = talker.models.label(talk.model.as_deref().unwrap_or_default());
            talker.metrics.tokens(model, tokens.saturating_sub(before));
            turn.tell(Told::Silent { number });
        });
        task.abort_handle()
    }
}

/// One turn of a conversation.
struct Turn<'a> {
    talker: &'a Talker,
    talk: &'a Talk,
    conversation: &'a Conversation,
    call: CallKey,
    number: u32,
    news: mpsc::UnboundedSender<News>,
    began: Instant,
}

impl Turn<'_> {
    fn tell(&self, told: Told) {
        // The hub ends with the process.
        let _ = self.news.send(News::Call { call: self.call, told });
    }

    async fn take(
        &self,
        talking: &mut Option<Talking>,
        heard: Option<Duration>,
    ) -> Result<Option<ModelDeed>, Fault> {
        let model = self.talker.models.model(self.talk.model.as_deref().unwrap_or_default())?;
        let talking = talking.get_or_insert_with(|| Talking::new(self.talk, &model.config));
        let uttered = std::mem::take(&mut talking.uttered);
        if let Some(played) = heard {
            talking.dialogue.interrupt(&uttered.heard(played));
        }
        let said = self.talk.said.as_deref().unwrap_or_default();
        let mut body = match talking.dialogue.ask(Instant::now(), said) {
            Ok(body) => body,
            Err(over) => return Ok(Some(ended(over))),
        };
        for _ in 0..TOOLS_A_TURN_MAX {
            self.asks(Duration::from_millis(self.talk.answer_ms_max.into()));
            let calls = self.listen(model, talking, body).await?;
            if calls.is_empty() || self.conversation.is_over() {
                return Ok(None);
            }
            self.asks(LOOK_UPS_MAX);
            let (outcomes, ending) = self.work(calls).await;
            if ending.is_some() {
                return Ok(ending);
            }
            if self.conversation.is_over() {
                return Ok(None);
            }
            body = match talking.dialogue.done(Instant::now(), outcomes) {
                Ok(body) => body,
                Err(over) => return Ok(Some(ended(over))),
            };
        }
        Err(Fault::ours("tool", "the model uses one tool after the other"))
    }

    fn asks(&self, within: Duration) {
        self.tell(Told::Asks { number: self.number, within });
    }

    /// Takes an answer as it comes, and speaks it. Gives what the model wants done after it.
    async fn listen(
        &self,
        model: &Model,
        talking: &mut Talking,
        body: serde_json::Value,
    ) -> Result<Vec<ToolCall>, Fault> {
        let (to, mut sentences) = mpsc::unbounded_channel::<String>();
        let Talking { dialogue, uttered } = talking;
        uttered.begin_answer();
        let speak = async {
            let mut pieces = Pieces::new(self.call, self.number, self.news.clone());
            let mut next = None;
            if let Some((slow_ms, line)) = self.talk.slow.as_ref().filter(|_| uttered.is_empty()) {
                let wait = Duration::from_millis(u64::from(*slow_ms)).saturating_sub(self.began.elapsed());
                match tokio::time::timeout(wait, sentences.recv()).await {
                    Ok(first) => next = first,
                    Err(_) if self.conversation.is_over() => {}
                    Err(_) => {
                        self.say_next(uttered, line);
                        uttered.aside(line);
                        // A line that cannot be spoken is no reason to say nothing.
                        let _ = self.speak(line, uttered, &mut pieces).await;
                    }
                }
            }
            while let Some(text) = match next.take() {
                Some(text) => Some(text),
                None => sentences.recv().await,
            } {
                if self.conversation.is_over() {
                    continue;
                }
                self.asks(Duration::ZERO);
                self.say_next(uttered, &text);
                uttered.sentence(&text);
                let spoken = self.speak(&text, uttered, &mut pieces).await;
                if !self.conversation.is_over() {
                    spoken?;
                }
            }
            Ok::<_, Fault>(())
        };
        let begin_max = Duration::from_millis(self.talk.answer_ms_max.into());
        // Servers say that they will answer before they know what: this is for its first word.
        let begin_by = tokio::time::Instant::now() + begin_max;
        let read = async move |mut answer: Answer, place: &Place| {
            // Dropped at the end of the answer, which ends the speaking.
            let to = to;
            let until = tokio::time::Instant::now() + WHOLE_MAX;
            let mut piece_by = begin_by;
            let mut wanted = Vec::new();
            let mut take = |said: Vec<Said>| {
                for said in said {
                    match said {
                        Said::Sentence(text) => drop(to.send(text)),
                        Said::Do(call) => wanted.push(call),
                    }
                }
            };
            if answer.kind().starts_with("application/json") {
                let whole = answer.whole(begin_by, ANSWER_BYTES_MAX).await?;
                let whole = whole.ok_or_else(|| model::ModelFault::Rubbish("too much at once".to_owned()))?;
                take(dialogue.read_whole(&whole)?);
            }
            while let Some(piece) = answer.piece(piece_by.min(until)).await? {
                take(dialogue.read(&piece)?);
                if dialogue.goes_on() {
                    place.reached();
                    piece_by = tokio::time::Instant::now() + PIECE_MAX;
                }
            }
            take(dialogue.end()?);
            // They may hang up before the last word is spoken.
            if let Some(call) = wanted.iter().find(|call| call.tool == Tool::OptOut) {
                self.tell(Told::Deed { number: self.number, deed: deed(call) });
            }
            Ok(wanted)
        };
        let read = self.talker.models.converse(model, body, begin_max, read);
        // What has come of an answer that breaks off is said; one that cannot be spoken is not read on while the callee waits for it.
        let (wanted, ()) = tokio::try_join!(async { Ok(read.await) }, speak)?;
        wanted
    }

    /// Tells what comes next. What the callee waits for the first of it is the model's time, also when it is a line that asks for patience.
    fn say_next(&self, uttered: &Uttered, text: &str) {
        let took = if uttered.is_empty() { self.began.elapsed() } else { Duration::ZERO };
        self.tell(Told::Says { number: self.number, text: text.to_owned(), took });
    }

    async fn speak(&self, text: &str, uttered: &mut Uttered, pieces: &mut Pieces) -> Result<(), Fault> {
        let before = pieces.samples_sent();
        let sentence = Sentence {
            text: text.to_owned(),
            voice: self.talk.voice.clone(),
            language: self.talk.language.clone(),
        };
        let mut result = Ok(());
        for part in sentences(&spoken(text, &self.talk.language)) {
            result = self.talker.speaker.part(part, &sentence, pieces).await;
            if result.is_err() {
                break;
            }
        }
        pieces.flush();
        let samples = pieces.samples_sent() - before;
        uttered.is_made(Duration::from_micros(samples as u64 * 1_000_000 / u64::from(RATE)));
        result.map_err(|why| Fault::ours("voice", why))
    }

    /// Does all that an answer wants, in its order, with what came of it; and how the conversation ends, if it does. Who wants no more calls
    /// gets none, however else it was to end.
    async fn work(&self, calls: Vec<ToolCall>) -> (Vec<(ToolCall, String)>, Option<ModelDeed>) {
        let until = Instant::now() + LOOK_UPS_MAX;
        let (mut outcomes, mut ending) = (Vec::new(), None);
        for call in calls {
            let outcome = match call.tool {
                Tool::SetField => self.set_field(&call),
                Tool::LookUp => self.look_up(&call, until.saturating_duration_since(Instant::now())).await,
                Tool::Transfer | Tool::HangUp | Tool::OptOut | Tool::CallBack => {
                    if ending.is_none() || call.tool == Tool::OptOut {
                        ending = Some(deed(&call));
                    }
                    String::new()
                }
            };
            outcomes.push((call, outcome));
        }
        (outcomes, ending)
    }

    fn set_field(&self, call: &ToolCall) -> String {
        let argument = |name: &str| {
            call.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let (Some(name), Some(value)) = (argument("name"), argument("value")) else {
            return "name and value are needed".to_owned();
        };
        if !self.talk.fields.contains(&name) {
            return format!("there is no field {name}; there are: {}", self.talk.fields.join(", "));
        }
        self.tell(Told::Deed { number: self.number, deed: ModelDeed::Field(name, value) });
        "noted".to_owned()
    }

    async fn look_up(&self, call: &ToolCall, timeout: Duration) -> String {
        let query = call.arguments.first().map(|(_, query)| escaped(query)).unwrap_or_default();
        let url = self.talk.look_up.as_ref().filter(|_| !self.conversation.is_over());
        let Some(url) = url else { return "nothing can be looked up".to_owned() };
        let url = url.replace("{}", &query);
        if script::leads_elsewhere(&url) {
            return "it failed: nothing is called that".to_owned();
        }
        let question = ::voice::fetch::Question {
            method: ::http::Method::GET,
            url,
            headers: Vec::new(),
            body: None,
            timeout,
        };
        match self.talker.fetcher.ask(&question).await {
            Ok(answer) => answer.to_string(),
            Err(error) => format!("it failed: {error}"),
        }
    }
}

impl Talking {
    fn new(talk: &Talk, config: &ModelConfig) -> Self {
        let mut tools: Vec<Tool> = talk.tools.iter().map(|tool| of_model(*tool)).collect();
        tools.extend((!talk.fields.is_empty()).then_some(Tool::SetField));
        tools.extend(talk.look_up.is_some().then_some(Tool::LookUp));
        let mut system = talk.prompt.hiding(&config.hides);
        if let Some(opening) = &talk.opening {
            system += &format!("\n\nThe call began with your saying: {}", opening.hiding(&config.hides));
        }
        if !talk.fields.is_empty() {
            system += &format!("\n\nFields that you can set: {}", talk.fields.join(", "));
        }
        let rules = Rules {
            model: config.model.clone(),
            system,
            tools,
            forbidden: talk.forbidden.clone(),
            limits: Limits {
                turns: talk.turns_max,
                time: Duration::from_secs(talk.seconds_max.into()),
                tokens: talk.tokens_max.into(),
                words_an_answer: talk.words_max as usize,
            },
        };
        Self { dialogue: model::Dialogue::new(rules, Instant::now()), uttered: Uttered::default() }
    }
}

/// What ends the conversation, with the model's word on it.
fn deed(call: &ToolCall) -> ModelDeed {
    let word = call.arguments.first().map(|(_, word)| word.clone()).unwrap_or_default();
    ModelDeed::Tool(of_script(call.tool), word)
}

fn ended(over: Over) -> ModelDeed {
    tracing::info!(?over, "a conversation with a model is over");
    ModelDeed::Over
}

fn of_model(tool: ModelTool) -> Tool {
    match tool {
        ModelTool::HangUp => Tool::HangUp,
        ModelTool::Transfer => Tool::Transfer,
        ModelTool::OptOut => Tool::OptOut,
        ModelTool::CallBack => Tool::CallBack,
    }
}

fn of_script(tool: Tool) -> ModelTool {
    match tool {
        Tool::Transfer => ModelTool::Transfer,
        Tool::OptOut => ModelTool::OptOut,
        Tool::CallBack => ModelTool::CallBack,
        Tool::HangUp | Tool::SetField | Tool::LookUp => ModelTool::HangUp,
    }
}

/// For a URL's query.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
