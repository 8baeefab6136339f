//! Conversations with language models: asked over chat completions, spoken sentence by sentence while the answer still comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::voice::fetch::Fetcher;
use ::voice::http::{self, Http};
use ::voice::model::{self, Limits, Over, Rules, Said, Tool};
use bytes::Bytes;
use call::voice::Told;
use script::{ModelDeed, ModelTool, Sentence, Talk};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use super::config::{ModelConfig, VoiceConfig};
use super::hub::{CallKey, News};
use super::speaking::{Pieces, Speaker};

/// Tools that a model may use one after the other before it says something.
const TOOLS_A_TURN_MAX: usize = 4;
/// How long a look-up of a model may take.
const LOOK_UP_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take to its end.
const WHOLE_MAX: Duration = Duration::from_secs(60);

/// Names the only model that there is, where a name is needed.
const DEFAULT_MODEL: &str = "default";

/// All models, and what a conversation needs besides.
#[derive(Clone)]
pub(super) struct Models {
    all: Arc<HashMap<String, ModelConfig>>,
    http: Http,
    fetcher: Fetcher,
    speaker: Speaker,
}

/// One call's conversation. The turn under way holds the lock.
#[derive(Clone, Default)]
pub(super) struct Conversation(Arc<Mutex<Option<Talking>>>);

struct Talking {
    dialogue: model::Dialogue,
    /// Sentences of the last turn, with how long each lasts.
    spoken: Vec<(String, Duration)>,
}

impl Models {
    pub(super) fn new(config: &VoiceConfig, fetcher: Fetcher, speaker: Speaker) -> Self {
        let mut all: HashMap<String, ModelConfig> = config.models.clone().into_iter().collect();
        if let [only] = config.models.keys().collect::<Vec<_>>()[..] {
            all.insert(String::new(), config.models[only].clone());
        }
        Self { all: Arc::new(all), http: Http::new(), fetcher, speaker }
    }

    /// How the server of a model calls it.
    pub(super) fn name(&self, model: &str) -> Result<&str, String> {
        self.config(model).map(|config| config.model.as_str())
    }

    /// The whole answer to one question, of at most so many bytes.
    pub(super) async fn ask_once(
        &self,
        model: &str,
        body: &serde_json::Value,
        until: tokio::time::Instant,
        bytes_max: usize,
    ) -> Result<serde_json::Value, String> {
        let begin_max = until.saturating_duration_since(tokio::time::Instant::now());
        let asked = self.http.ask(question(self.config(model)?, body)?, begin_max).await;
        let mut answer = asked.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the model's server answered with status {}", answer.status().as_u16()));
        }
        let body = answer.whole(until, bytes_max).await.map_err(|error| error.to_string())?;
        let body = body.ok_or("the model's server answers without end")?;
        serde_json::from_slice(&body).map_err(|_| "the model's server answers with no JSON".to_owned())
    }

    fn config(&self, model: &str) -> Result<&ModelConfig, String> {
        let only = || (model == DEFAULT_MODEL).then(|| self.all.get("")).flatten();
        self.all.get(model).or_else(only).ok_or_else(|| "the configuration has no such model".to_owned())
    }

    /// Has the model answer. `heard` is how much of its last turn was, when it was interrupted.
    pub(super) fn answer(
        &self,
        call: CallKey,
        number: u32,
        talk: Talk,
        conversation: &Conversation,
        heard: Option<Duration>,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (models, conversation, news) = (self.clone(), conversation.clone(), news.clone());
        let task = tokio::spawn(async move {
            let mut turn = Turn { models: &models, talk: &talk, call, number, news, began: Instant::now() };
            let mut talking = conversation.0.lock().await;
            let deed = turn.take(&mut talking, heard).await;
            if let Err(why) = &deed {
                tracing::warn!(%why, "a conversation with a model failed");
            }
            if let Some(deed) = deed.unwrap_or(Some(ModelDeed::Failed)) {
                turn.tell(Told::Deed { number, deed });
            }
            turn.tell(Told::Silent { number });
        });
        task.abort_handle()
    }
}

/// One turn of a conversation.
struct Turn<'a> {
    models: &'a Models,
    talk: &'a Talk,
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
        &mut self,
        talking: &mut Option<Talking>,
        heard: Option<Duration>,
    ) -> Result<Option<ModelDeed>, String> {
        let config = self.models.config(self.talk.model.as_deref().unwrap_or_default())?.clone();
        if self.talk.begins {
            *talking = None;
        }
        let talking = talking.get_or_insert_with(|| Talking::new(self.talk, &config));
        if let Some(heard) = heard {
            let heard = talking.heard(heard);
            talking.dialogue.interrupt(&heard);
        }
        talking.spoken.clear();
        let said = self.talk.said.as_deref().unwrap_or_default();
        let mut body = match talking.dialogue.ask(Instant::now(), said) {
            Ok(body) => body,
            Err(over) => return Ok(Some(ended(over))),
        };
        for _ in 0..TOOLS_A_TURN_MAX {
            let Some(call) = self.listen(&config, talking, body).await? else { return Ok(None) };
            let outcome = match call.tool {
                Tool::SetField => self.set_field(&call),
                Tool::LookUp => self.look_up(&call).await,
                Tool::Transfer | Tool::HangUp | Tool::OptOut | Tool::CallBack => {
                    let word = call.arguments.into_iter().next().map(|(_, value)| value).unwrap_or_default();
                    return Ok(Some(ModelDeed::Tool(of_script(call.tool), word)));
                }
            };
            body = match talking.dialogue.done(Instant::now(), call, &outcome) {
                Ok(body) => body,
                Err(over) => return Ok(Some(ended(over))),
            };
        }
        Err("the model uses one tool after the other".to_owned())
    }

    /// Takes an answer as it comes, and speaks it. Gives what the model wants done after it.
    async fn listen(
        &mut self,
        config: &ModelConfig,
        talking: &mut Talking,
        body: serde_json::Value,
    ) -> Result<Option<model::ToolCall>, String> {
        let (to, mut sentences) = mpsc::unbounded_channel::<String>();
        let (speaker, talk, number) = (&self.models.speaker, self.talk, self.number);
        let mut pieces = Pieces::new(self.call, number, self.news.clone());
        let (news, call, began) = (self.news.clone(), self.call, self.began);
        let has_spoken = !talking.spoken.is_empty();
        let speak = async {
            let mut spoken = Vec::new();
            let mut is_first = !has_spoken;
            let slow = talk.slow.as_ref().filter(|_| is_first);
            if let Some((slow_ms, line)) = slow {
                let wait = Duration::from_millis(u64::from(*slow_ms)).saturating_sub(began.elapsed());
                tokio::select! {
                    biased;
                    // Nothing is taken here: what has come is taken below.
                    () = until_some(&sentences) => {}
                    () = tokio::time::sleep(wait) => {
                        let sentence = sentence(talk, line);
                        // A line that cannot be spoken is no reason to say nothing.
                        let _ = speaker.part(line, &sentence, &mut pieces).await;
                    }
                }
            }
            while let Some(text) = sentences.recv().await {
                let took = if std::mem::take(&mut is_first) { began.elapsed() } else { Duration::ZERO };
                let _ = news.send(News::Call { call, told: Told::Says { number, text: text.clone(), took } });
                let before = pieces.samples_sent();
                speaker.part(&text, &sentence(talk, &text), &mut pieces).await?;
                pieces.flush();
                let samples = pieces.samples_sent() - before;
                spoken.push((text, Duration::from_micros(samples as u64 * 1_000_000 / 8_000)));
            }
            Ok::<_, String>(spoken)
        };
        let http = &self.models.http;
        let read = async {
            let begin_max = Duration::from_millis(talk.answer_ms_max.into());
            let mut wanted = None;
            let mut answer =
                http.ask(question(config, &body)?, begin_max).await.map_err(|error| error.to_string())?;
            if !answer.status().is_success() {
                return Err(format!("the model's server answered with status {}", answer.status().as_u16()));
            }
            let until = tokio::time::Instant::now() + WHOLE_MAX;
            let mut take = |said: Vec<Said>| {
                for said in said {
                    match said {
                        Said::Sentence(text) => drop(to.send(text)),
                        Said::Do(call) => drop(wanted.get_or_insert(call)),
                    }
                }
            };
            while let Some(piece) = answer.piece(until).await.map_err(|error| error.to_string())? {
                take(talking.dialogue.read(&piece).map_err(|fault| fault.to_string())?);
            }
            take(talking.dialogue.end().map_err(|fault| fault.to_string())?);
            drop(to);
            Ok::<_, String>(wanted)
        };
        let (wanted, spoken) = tokio::join!(read, speak);
        talking.spoken.extend(spoken?);
        wanted
    }

    fn set_field(&self, call: &model::ToolCall) -> String {
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

    async fn look_up(&self, call: &model::ToolCall) -> String {
        let query =
            call.arguments.first().map(|(_, query)| super::hearing::escaped(query)).unwrap_or_default();
        let Some(url) = &self.talk.look_up else { return "nothing can be looked up".to_owned() };
        let question = ::voice::fetch::Question {
            method: ::http::Method::GET,
            url: url.replace("{}", &query),
            headers: Vec::new(),
            body: None,
            timeout: LOOK_UP_MAX,
        };
        match self.models.fetcher.ask(&question).await {
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
        let mut system = talk.prompt.clone();
        if let Some(opening) = &talk.opening {
            system += &format!("\n\nThe call began with your saying: {opening}");
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
        Self { dialogue: model::Dialogue::new(rules, Instant::now()), spoken: Vec::new() }
    }

    /// What was heard of the last turn in so much time: whole sentences, and of the one that was cut the words that had their time.
    fn heard(&self, mut time: Duration) -> String {
        let mut heard = Vec::new();
        for (text, lasts) in &self.spoken {
            if time >= *lasts {
                heard.push(text.clone());
                time -= *lasts;
                continue;
            }
            let words: Vec<&str> = text.split_whitespace().collect();
            let share = time.as_secs_f64() / lasts.as_secs_f64().max(0.001);
            heard.push(words[..(words.len() as f64 * share) as usize].join(" "));
            break;
        }
        heard.join(" ")
    }
}

fn sentence(talk: &Talk, text: &str) -> Sentence {
    Sentence { text: text.to_owned(), voice: talk.voice.clone(), language: talk.language.clone() }
}

async fn until_some(sentences: &mpsc::UnboundedReceiver<String>) {
    while sentences.is_empty() && !sentences.is_closed() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn question(config: &ModelConfig, body: &serde_json::Value) -> Result<http::Question, String> {
    let mut fields = vec![("content-type".to_owned(), "application/json".to_owned())];
    if !config.key.0.is_empty() {
        fields.push(("authorization".to_owned(), format!("Bearer {}", config.key.0)));
    }
    let url = format!("{}/chat/completions", config.url.trim_end_matches('/'));
    Ok(http::Question {
        method: ::http::Method::POST,
        url: url.parse().map_err(|error| format!("the model's address: {error}"))?,
        headers: http::headers(&fields).map_err(|error| error.to_string())?,
        body: Bytes::from(body.to_string()),
    })
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
