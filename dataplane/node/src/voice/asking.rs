//! Requests of scripts: look-ups and webhooks, with their tries, their signatures and what is kept of their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use ::voice::fetch::{FetchError, Fetcher, Question, sign};
use call::voice::Told;
use script::{Method, Program, RETRY_PAUSE, Reply, Request, value_at};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::hub::{CallKey, News};
use crate::metrics::VoiceMetrics;

/// Answers kept at once, and their length in JSON; the table is emptied when it is full.
const KEPT_MAX: usize = 10_000;
const KEPT_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
struct Kept {
    answers: HashMap<String, (Instant, Arc<Value>)>,
    bytes: usize,
}

/// Asks servers.
#[derive(Clone)]
pub(super) struct Asker {
    fetcher: Fetcher,
    secret: Arc<str>,
    metrics: VoiceMetrics,
    /// Answers to GET by URL and header fields, with when each is forgotten.
    kept: Arc<Mutex<Kept>>,
}

impl Asker {
    pub(super) fn new(fetcher: Fetcher, secret: String, metrics: VoiceMetrics) -> Self {
        Self { fetcher, secret: secret.into(), metrics, kept: Arc::default() }
    }

    pub(super) fn ask(
        &self,
        call: CallKey,
        number: u32,
        request: Request,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (asker, news) = (self.clone(), news.clone());
        let task = tokio::spawn(async move {
            let event = Event { attempt: call.0.to_string(), id: format!("{}-{}-{number}", call.0, call.1) };
            let reply = asker.reply(&event, request).await.unwrap_or_else(|failure| {
                asker.tell(&event, &failure);
                Reply::Failed(failure.why)
            });
            let _ = news.send(News::Call { call, told: Told::Reply { number, reply } });
        });
        task.abort_handle()
    }

    async fn reply(&self, event: &Event, mut request: Request) -> Result<Reply, Failure> {
        let of = |kind: &'static str, why| Failure {
            by: if request.save.is_none() { "webhook" } else { "http" },
            host: host(&request.url),
            kind,
            why,
        };
        if request.save.is_none() {
            request.body = request.body.map(|body| event.named_in(&body));
        }
        let answer =
            self.answer(event, &request).await.map_err(|error| of(kind(&error), error.to_string()))?;
        match &request.save {
            Some(pointers) => {
                Ok(Reply::Saved(pointers.iter().map(|pointer| value_at(&answer, pointer)).collect()))
            }
            None => {
                // Hundreds of steps with patterns take longer than other calls can wait.
                let steps = tokio::task::spawn_blocking(move || steps(&answer)).await;
                let program =
                    steps.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| of("script", why))?;
                Ok(Reply::Steps(Arc::new(program)))
            }
        }
    }

    /// For the operator: without the path and the query, which may hold what a contact or a callee said.
    fn tell(&self, event: &Event, failure: &Failure) {
        let Failure { by, host, kind, why } = failure;
        self.metrics.server_failed(by, kind);
        tracing::warn!(attempt = event.attempt, by, host, why, "a request of a script failed");
    }

    async fn answer(&self, event: &Event, request: &Request) -> Result<Arc<Value>, FetchError> {
        let key = (!request.keep.is_zero()).then(|| format!("{} {:?}", request.url, request.headers));
        if let Some(kept) = key.as_ref().and_then(|key| self.kept(key)) {
            return Ok(kept);
        }
        let mut pause = RETRY_PAUSE;
        let mut tries = 0;
        let answer = loop {
            match self.fetcher.ask(&self.question(event, request)).await {
                Ok(answer) => break Arc::new(answer),
                Err(error) if tries < request.retries && may_be_tried_again(&error) => {
                    tries += 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        };
        if let Some(key) = key {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = key.len() + answer.to_string().len();
            if kept.answers.len() >= KEPT_MAX || kept.bytes + bytes > KEPT_BYTES_MAX {
                *kept = Kept::default();
            }
            kept.bytes += bytes;
            kept.answers.insert(key, (Instant::now() + request.keep, answer.clone()));
        }
        Ok(answer)
    }

    fn kept(&self, key: &str) -> Option<Arc<Value>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers.get(key).filter(|(until, _)| Instant::now() < *until).map(|(_, answer)| answer.clone())
    }

    fn question(&self, event: &Event, request: &Request) -> Question {
        let mut headers = request.headers.clone();
        // Of a webhook alone: a look-up has a server of the author's choice, which has its own keys.
        if request.save.is_none()
            && let (Some(body), Ok(now)) =
                (&request.body, SystemTime::now().duration_since(SystemTime::UNIX_EPOCH))
        {
            let signed = sign(&self.secret, &event.id, now.as_secs(), body);
            headers.push(("webhook-id".to_owned(), signed.id));
            headers.push(("webhook-timestamp".to_owned(), signed.timestamp));
            if !self.secret.is_empty() {
                headers.push(("webhook-signature".to_owned(), signed.signature));
            }
        }
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        Question {
            method,
            url: request.url.clone(),
            headers,
            body: request.body.clone(),
            timeout: request.timeout,
        }
    }
}

/// What is posted to a webhook, by the names that it has for everybody.
struct Event {
    attempt: String,
    /// The same for every try.
    id: String,
}

impl Event {
    /// The body of the event, with its own name and its call's.
    fn named_in(&self, body: &str) -> String {
        let Ok(Value::Object(mut event)) = serde_json::from_str(body) else { return body.to_owned() };
        event.insert("id".to_owned(), self.id.as_str().into());
        event.insert("attempt".to_owned(), self.attempt.as_str().into());
        Value::Object(event).to_string()
    }
}

/// Why a request came to nothing.
struct Failure {
    by: &'static str,
    host: String,
    kind: &'static str,
    why: String,
}

fn host(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

fn kind(error: &FetchError) -> &'static str {
    match error {
        FetchError::Url(_) => "url",
        FetchError::Forbidden => "forbidden",
        FetchError::Unreachable => "connect",
        FetchError::Slow => "slow",
        FetchError::Status(_) => "status",
        FetchError::NotJson(_) => "rubbish",
        FetchError::TooLong => "too_long",
    }
}

fn may_be_tried_again(error: &FetchError) -> bool {
    match error {
        FetchError::Unreachable | FetchError::Slow => true,
        FetchError::Status(status) => *status == 429 || *status >= 500,
        FetchError::Url(_) | FetchError::Forbidden | FetchError::NotJson(_) | FetchError::TooLong => false,
    }
}

fn steps(answer: &Value) -> Result<Program, String> {
    crate::assets::program(&answer.to_string()).map_err(|why| format!("the answer is no script: {why}"))
}
