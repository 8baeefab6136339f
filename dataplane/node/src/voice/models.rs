//! The configured language models, asked over chat completions.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::voice::http::{Answer, Http, HttpError, Question, headers};
use ::voice::model::{Dialogue, ModelFault};
use ::voice::{Place, Refusal, SharedBreaker, Verdict};
use bytes::Bytes;
use serde_json::Value;

use super::config::{ModelConfig, VoiceConfig};

/// Names the only model that there is, where a name is needed.
const DEFAULT_MODEL: &str = "default";

/// All models. Cheap to clone.
#[derive(Clone)]
pub(super) struct Models {
    all: Arc<HashMap<String, Model>>,
    /// Name of the only one there is.
    only: Option<String>,
    http: Http,
    /// Addresses of servers that refuse what they do not know.
    strict: Arc<Mutex<HashSet<String>>>,
}

/// One model.
pub(super) struct Model {
    pub(super) config: ModelConfig,
    breaker: SharedBreaker,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Fault {
    /// As it is counted.
    pub(super) kind: &'static str,
    pub(super) why: String,
    /// What it tells of the server.
    verdict: Verdict,
}

impl Models {
    pub(super) fn new(config: &VoiceConfig) -> Self {
        let model = |config: &ModelConfig| Model {
            config: config.clone(),
            breaker: SharedBreaker::new(config.requests_max),
        };
        let all = config.models.iter().map(|(name, config)| (name.clone(), model(config))).collect();
        let only = config.models.keys().next().filter(|_| config.models.len() == 1).cloned();
        Self { all: Arc::new(all), only, http: Http::new(), strict: Arc::default() }
    }

    pub(super) fn model(&self, name: &str) -> Result<&Model, Fault> {
        let found = self.find(name).map(|(_, model)| model);
        found.ok_or_else(|| Fault::ours("connect", "the configuration has no such model"))
    }

    /// What its faults are counted under.
    pub(super) fn label(&self, model: &str) -> &str {
        self.find(model).map_or("unknown", |(name, _)| name)
    }

    /// Requests of each that are under way.
    pub(super) fn under_way(&self) -> impl Iterator<Item = (&str, usize)> {
        self.all.iter().map(|(name, model)| (name.as_str(), model.breaker.under_way()))
    }

    fn find(&self, model: &str) -> Option<(&str, &Model)> {
        let is_default = || matches!(model, "" | DEFAULT_MODEL);
        let found = self.all.get_key_value(model);
        let found = found.or_else(|| {
            self.only.as_ref().filter(|_| is_default()).and_then(|only| self.all.get_key_value(only))
        });
        found.map(|(name, model)| (name.as_str(), model))
    }

    /// The whole answer to one question, of at most so many bytes.
    pub(super) async fn ask_once(
        &self,
        model: &Model,
        body: &Value,
        until: tokio::time::Instant,
        bytes_max: usize,
    ) -> Result<Value, Fault> {
        let place = model.breaker.begin()?;
        let asked = async {
            let begin_max = until.saturating_duration_since(tokio::time::Instant::now());
            let mut answer = success(self.ask(&model.config, body, begin_max).await?)?;
            place.reached();
            let body = answer.whole(until, bytes_max).await?;
            let rubbish = |why| Fault { kind: "rubbish", why: String::from(why), verdict: Verdict::Failed };
            let body = body.ok_or_else(|| rubbish("the model's server answers without end"))?;
            let answer: Value = serde_json::from_slice(&body)
                .map_err(|_| rubbish("the model's server answers with no JSON"))?;
            let is_completion = answer.pointer("/choices/0").is_some();
            is_completion.then_some(answer).ok_or_else(|| rubbish("the model's server sends no completion"))
        };
        let asked = asked.await;
        judge(place, &asked);
        asked
    }

    /// What `take` makes of an answer of success to a request of a conversation. A server that refuses one is asked once more in fewer words, and from
    /// then on if that helps. A future that is dropped says nothing of the server.
    pub(super) async fn converse<T>(
        &self,
        model: &Model,
        body: Value,
        begin_max: Duration,
        take: impl AsyncFnOnce(Answer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let place = model.breaker.begin()?;
        let asked = async {
            let answer = self.begin(&model.config, body, begin_max).await?;
            place.reached();
            take(answer).await
        };
        let asked = asked.await;
        judge(place, &asked);
        asked
    }

    async fn begin(
        &self,
        config: &ModelConfig,
        mut body: Value,
        begin_max: Duration,
    ) -> Result<Answer, Fault> {
        let is_strict = self.strict.lock().unwrap_or_else(PoisonError::into_inner).contains(&config.url);
        if is_strict {
            Dialogue::simplify(&mut body);
        }
        let mut answer = self.ask(config, &body, begin_max).await?;
        if !is_strict && matches!(answer.status().as_u16(), 400 | 422) {
            Dialogue::simplify(&mut body);
            answer = self.ask(config, &body, begin_max).await?;
            if answer.status().is_success() {
                self.strict.lock().unwrap_or_else(PoisonError::into_inner).insert(config.url.clone());
            }
        }
        success(answer)
    }

    async fn ask(
        &self,
        config: &ModelConfig,
        body: &Value,
        begin_max: Duration,
    ) -> Result<Answer, HttpError> {
        let mut fields = vec![("content-type".to_owned(), "application/json".to_owned())];
        if !config.key.0.is_empty() {
            fields.push(("authorization".to_owned(), format!("Bearer {}", config.key.0)));
        }
        let url = format!("{}/chat/completions", config.url.trim_end_matches('/'));
        let question = Question {
            method: ::http::Method::POST,
            url: url.parse().map_err(|error| HttpError::Request(format!("the model's address: {error}")))?,
            headers: headers(&fields)?,
            body: Bytes::from(body.to_string()),
        };
        self.http.ask(question, begin_max).await
    }
}

fn success(answer: Answer) -> Result<Answer, Fault> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let why = format!("the model's server answered with status {}", status.as_u16());
    Err(Fault { kind: "status", why, verdict: Verdict::of_status(status) })
}

fn judge<T>(place: Place, asked: &Result<T, Fault>) {
    place.judge(asked.as_ref().map_or_else(|fault| fault.verdict, |_| Verdict::Worked));
}

impl Fault {
    /// One that tells nothing of the server.
    pub(super) fn ours(kind: &'static str, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), verdict: Verdict::Nothing }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::ours("refused", format!("the model's server is not asked: {refusal}"))
    }
}

impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        let (kind, verdict) = match error {
            HttpError::Request(_) => ("connect", Verdict::Nothing),
            HttpError::Unreachable(_) => ("connect", Verdict::Failed),
            HttpError::Broken(_) => ("broken", Verdict::Failed),
            HttpError::Slow => ("slow", Verdict::Late),
        };
        Self { kind, why: error.to_string(), verdict }
    }
}

impl From<ModelFault> for Fault {
    fn from(fault: ModelFault) -> Self {
        let (kind, verdict) = match fault {
            ModelFault::Rubbish(_) => ("rubbish", Verdict::Failed),
            // It began to answer and cannot go on.
            ModelFault::Refused(_) => ("refusal", Verdict::Failed),
            // The server works; the model does not know better.
            ModelFault::Tool(_) => ("tool", Verdict::Worked),
        };
        Self { kind, why: fault.to_string(), verdict }
    }
}
