//! The configured language models, asked over chat completions.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::voice::http::{Answer, Http, HttpError, Question, headers};
use ::voice::model::{Dialogue, ModelFault};
use bytes::Bytes;
use serde_json::Value;

use super::config::{ModelConfig, VoiceConfig};

/// Names the only model that there is, where a name is needed.
const DEFAULT_MODEL: &str = "default";

/// All models. Cheap to clone.
#[derive(Clone)]
pub(super) struct Models {
    all: Arc<HashMap<String, ModelConfig>>,
    /// Name of the only one there is.
    only: Option<String>,
    http: Http,
    /// Addresses of servers that refuse what they do not know.
    strict: Arc<Mutex<HashSet<String>>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Fault {
    /// As it is counted.
    pub(super) kind: &'static str,
    pub(super) why: String,
}

impl Models {
    pub(super) fn new(config: &VoiceConfig) -> Self {
        let all: HashMap<String, ModelConfig> = config.models.clone().into_iter().collect();
        let only = config.models.keys().next().filter(|_| config.models.len() == 1).cloned();
        Self { all: Arc::new(all), only, http: Http::new(), strict: Arc::default() }
    }

    /// How the server of a model calls it.
    pub(super) fn name(&self, model: &str) -> Result<&str, String> {
        self.config(model).map(|config| config.model.as_str())
    }

    pub(super) fn config(&self, model: &str) -> Result<&ModelConfig, String> {
        self.find(model)
            .map(|(_, config)| config)
            .ok_or_else(|| "the configuration has no such model".to_owned())
    }

    /// What its faults are counted under.
    pub(super) fn label(&self, model: &str) -> &str {
        self.find(model).map_or("unknown", |(name, _)| name)
    }

    fn find(&self, model: &str) -> Option<(&str, &ModelConfig)> {
        let is_default = || matches!(model, "" | DEFAULT_MODEL);
        let found = self.all.get_key_value(model);
        let found = found.or_else(|| {
            self.only.as_ref().filter(|_| is_default()).and_then(|only| self.all.get_key_value(only))
        });
        found.map(|(name, config)| (name.as_str(), config))
    }

    /// The whole answer to one question, of at most so many bytes.
    pub(super) async fn ask_once(
        &self,
        model: &str,
        body: &Value,
        until: tokio::time::Instant,
        bytes_max: usize,
    ) -> Result<Value, String> {
        let begin_max = until.saturating_duration_since(tokio::time::Instant::now());
        let asked = self.ask(self.config(model)?, body, begin_max).await;
        let mut answer = asked.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the model's server answered with status {}", answer.status().as_u16()));
        }
        let body = answer.whole(until, bytes_max).await.map_err(|error| error.to_string())?;
        let body = body.ok_or("the model's server answers without end")?;
        serde_json::from_slice(&body).map_err(|_| "the model's server answers with no JSON".to_owned())
    }

    /// An answer of success that has begun. A server that refuses a request of a conversation is asked once more in fewer words, and from then on
    /// if that helps.
    pub(super) async fn begin(
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
        if answer.status().is_success() {
            return Ok(answer);
        }
        let why = format!("the model's server answered with status {}", answer.status().as_u16());
        Err(Fault { kind: "status", why })
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

impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        let kind = match error {
            HttpError::Request(_) | HttpError::Unreachable(_) => "connect",
            HttpError::Broken(_) => "broken",
            HttpError::Slow => "slow",
        };
        Self { kind, why: error.to_string() }
    }
}

impl From<ModelFault> for Fault {
    fn from(fault: ModelFault) -> Self {
        let kind = match fault {
            ModelFault::Rubbish(_) => "rubbish",
            ModelFault::Refused(_) => "refusal",
            ModelFault::Tool(_) => "tool",
        };
        Self { kind, why: fault.to_string() }
    }
}
