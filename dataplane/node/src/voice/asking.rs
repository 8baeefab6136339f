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
    /// Answers to GET by URL and header fields, with when each is forgotten.
    kept: Arc<Mutex<Kept>>,
}

impl Asker {
    pub(super) fn new(fetcher: Fetcher, secret: String) -> Self {
        Self { fetcher, secret: secret.into(), kept: Arc::default() }
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
            let id = format!("{}-{}-{number}", call.0, call.1);
            let reply = asker.reply(&id, &request).await;
            let _ = news.send(News::Call { call, told: Told::Reply { number, reply } });
        });
        task.abort_handle()
    }

    async fn reply(&self, id: &str, request: &Request) -> Reply {
        let answer = match self.answer(id, request).await {
            Ok(answer) => answer,
            Err(error) => return Reply::Failed(error.to_string()),
        };
        match &request.save {
            Some(pointers) => {
                Reply::Saved(pointers.iter().map(|pointer| value_at(&answer, pointer)).collect())
            }
            None => {
                // Hundreds of steps with patterns take longer than other calls can wait.
                let steps = tokio::task::spawn_blocking(move || steps(&answer)).await;
                let steps = steps.unwrap_or_else(|error| Err(error.to_string()));
                steps.map_or_else(Reply::Failed, |program| Reply::Steps(Arc::new(program)))
            }
        }
    }

    async fn answer(&self, id: &str, request: &Request) -> Result<Arc<Value>, FetchError> {
        let key = (!request.keep.is_zero()).then(|| format!("{} {:?}", request.url, request.headers));
        if let Some(kept) = key.as_ref().and_then(|key| self.kept(key)) {
            return Ok(kept);
        }
        let mut pause = RETRY_PAUSE;
        let mut tries = 0;
        let answer = loop {
            match self.fetcher.ask(&self.question(id, request)).await {
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

    fn question(&self, id: &str, request: &Request) -> Question {
        let mut headers = request.headers.clone();
        // A webhook has a signature; a look-up has a server of the author's choice, which has its own keys.
        if request.save.is_none()
            && !self.secret.is_empty()
            && let (Some(body), Ok(now)) =
                (&request.body, SystemTime::now().duration_since(SystemTime::UNIX_EPOCH))
        {
            let signature = sign(&self.secret, id, now.as_secs(), body);
            headers.push(("webhook-id".to_owned(), signature.id));
            headers.push(("webhook-timestamp".to_owned(), signature.timestamp));
            headers.push(("webhook-signature".to_owned(), signature.signature));
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
