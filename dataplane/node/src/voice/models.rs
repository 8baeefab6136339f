//! The configured language models, asked over chat completions.

mod fault;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::voice::http::{Answer, Http, HttpError, Question, headers};
use ::voice::model::Dialogue;
use ::voice::{Place, SharedBreaker, Verdict};
use bytes::Bytes;
use serde_json::Value;

pub(super) use self::fault::Fault;
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
            let body = answer.whole(until, bytes_max).await?;
            let rubbish = |why| Fault::of_server("rubbish", why, Verdict::Failed);
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

    /// What `take` makes of an answer of success to a request of a conversation, of which it says that it is there once it has come to words. A server
    /// that refuses one is asked once more in fewer words, and from then on if that helps. A future that is dropped says nothing of the server.
    pub(super) async fn converse<T>(
        &self,
        model: &Model,
        body: Value,
        begin_max: Duration,
        take: impl AsyncFnOnce(Answer, &Place) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let place = model.breaker.begin()?;
        let asked = async {
            let answer = self.begin(&model.config, body, begin_max).await?;
            take(answer, &place).await
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
    Err(Fault::of_server("status", why, Verdict::of_status(status)))
}

fn judge<T>(place: Place, asked: &Result<T, Fault>) {
    place.judge(asked.as_ref().map_or_else(Fault::verdict, |_| Verdict::Worked));
}

#[cfg(test)]
mod tests {
    use ::voice::model::ModelFault;
    use ::voice::{FAILURES, PAUSE};
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, advance, pause, resume};

    use super::*;

    const BEGIN_MAX: Duration = Duration::from_secs(10);
    const WORD: &str = "data: word\n\n";

    /// The server of a model, and us, who may have so many requests there.
    struct Stand {
        listener: TcpListener,
        models: Models,
        /// What has come of answers.
        words: (mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<()>),
    }

    type Asking = JoinHandle<Result<(), Fault>>;

    impl Stand {
        async fn new(requests_max: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            let config = ModelConfig {
                url: format!("http://{}/v1", listener.local_addr().expect("bound")),
                model: "m".to_owned(),
                key: Default::default(),
                requests_max,
                hides: Vec::new(),
            };
            let models = [("m".to_owned(), config)].into();
            let models = Models::new(&VoiceConfig { models, ..VoiceConfig::default() });
            Self { listener, models, words: mpsc::unbounded_channel() }
        }

        /// Begins a turn of a conversation, which is over when its answer ends.
        fn converse(&self, said: &str, begin_max: Duration) -> Asking {
            let (models, body, words) = (self.models.clone(), json!({ "said": said }), self.words.0.clone());
            tokio::spawn(async move {
                let take = async move |mut answer: Answer, place: &Place| {
                    while let Some(piece) = answer.piece(Instant::now() + BEGIN_MAX).await? {
                        place.reached();
                        if piece.starts_with(b"<") {
                            return Err(ModelFault::Rubbish("a page".to_owned()).into());
                        }
                        let _ = words.send(());
                    }
                    Ok(())
                };
                models.converse(models.model("m")?, body, begin_max, take).await
            })
        }

        /// Asks what was meant.
        fn ask_once(&self) -> Asking {
            let models = self.models.clone();
            tokio::spawn(async move {
                let until = Instant::now() + BEGIN_MAX;
                models.ask_once(models.model("m")?, &json!({}), until, 1_000).await.map(drop)
            })
        }

        /// The next request.
        async fn asked(&self) -> (String, TcpStream) {
            let (mut stream, _) = self.listener.accept().await.expect("a connection");
            let mut request = String::new();
            while !request.ends_with('}') {
                let mut piece = [0; 4_096];
                let read = stream.read(&mut piece).await.expect("a request");
                request += std::str::from_utf8(&piece[..read]).expect("text");
            }
            (request, stream)
        }

        async fn answers(&self, status: &str, body: &str) {
            let (_, mut stream) = self.asked().await;
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            stream.write_all((head + body).as_bytes()).await.expect("it is read");
        }

        /// Whether nobody is asked. Only what is under way can take up time.
        async fn is_refused(&self, said: &str) -> bool {
            pause();
            let began = Instant::now();
            let fault = self.converse(said, BEGIN_MAX).await.expect("no panic").expect_err("no answer");
            assert_eq!((fault.kind, began.elapsed()), ("refused", Duration::ZERO), "{}", fault.why);
            resume();
            true
        }

        fn under_way(&self) -> usize {
            self.models.under_way().map(|(_, requests)| requests).sum()
        }
    }

    /// What the fault is counted as.
    async fn fails(asking: Asking) -> &'static str {
        asking.await.expect("no panic").expect_err("no answer").kind
    }

    #[tokio::test]
    async fn a_model_that_is_down_is_left_alone_for_a_while() {
        let stand = Stand::new(10).await;
        for n in 0..FAILURES {
            // Whoever asks, it is the same server.
            let asking = if n % 2 == 0 { stand.ask_once() } else { stand.converse("hello", BEGIN_MAX) };
            stand.answers("503 Service Unavailable", "").await;
            assert_eq!(fails(asking).await, "status");
        }
        assert!(stand.is_refused("while it is down").await);
        pause();
        advance(PAUSE).await;
        resume();
        let trial = stand.converse("after the pause", BEGIN_MAX);
        let (request, mut stream) = stand.asked().await;
        assert!(request.contains("after the pause"), "it was not asked meanwhile: {request}");
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await.expect("it is read");
        drop(stream);
        trial.await.expect("no panic").expect("an answer");
        assert_eq!(stand.under_way(), 0);
    }

    #[tokio::test]
    async fn some_answers_say_that_a_server_is_down_and_others_do_not() {
        for (status, body, kind, is_down) in [
            ("500 Internal Server Error", "", "status", true),
            ("429 Too Many Requests", "", "status", true),
            ("200 OK", "<html>", "rubbish", true),
            ("400 Bad Request", "", "status", false),
            ("401 Unauthorized", "", "status", false),
            ("404 Not Found", "", "status", false),
        ] {
            let stand = Stand::new(10).await;
            for _ in 0..FAILURES {
                let asking = stand.converse("hello", BEGIN_MAX);
                stand.answers(status, body).await;
                if status.starts_with("400") {
                    stand.answers(status, body).await;
                }
                assert_eq!(fails(asking).await, kind, "{status}");
            }
            if is_down {
                assert!(stand.is_refused("once more").await, "{status}");
            } else {
                let asking = stand.converse("once more", BEGIN_MAX);
                stand.answers("200 OK", WORD).await;
                asking.await.expect("no panic").expect("an answer");
            }
        }
    }

    #[tokio::test]
    async fn who_is_asked_what_was_meant_and_sends_no_completion_is_down() {
        for body in ["<html>", r#"{"detail":"no"}"#] {
            let stand = Stand::new(10).await;
            for _ in 0..FAILURES {
                let asking = stand.ask_once();
                stand.answers("200 OK", body).await;
                assert_eq!(fails(asking).await, "rubbish");
            }
            assert_eq!(fails(stand.ask_once()).await, "refused");
        }
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_down_and_one_that_had_no_time_is_not() {
        for (begin_max, is_down) in [(Duration::from_secs(8), true), (Duration::from_secs(1), false)] {
            let stand = Stand::new(10).await;
            for _ in 0..FAILURES {
                let asking = stand.converse("hello", begin_max);
                let _asked = stand.asked().await;
                // From here on only timers can go on.
                pause();
                assert_eq!(fails(asking).await, "slow");
                resume();
            }
            if is_down {
                assert!(stand.is_refused("once more").await);
            } else {
                let asking = stand.converse("once more", BEGIN_MAX);
                stand.answers("200 OK", WORD).await;
                asking.await.expect("no panic").expect("an answer");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_interrupted_says_nothing_of_the_server() {
        let mut stand = Stand::new(1).await;
        for _ in 0..2 * FAILURES {
            let asking = stand.converse("hello", BEGIN_MAX);
            let (_, mut stream) = stand.asked().await;
            let begins = format!("HTTP/1.1 200 OK\r\n\r\n{WORD}");
            stream.write_all(begins.as_bytes()).await.expect("it is read");
            stand.words.1.recv().await.expect("a word");
            assert_eq!(stand.under_way(), 1);
            asking.abort();
            assert!(asking.await.is_err(), "it was under way");
            assert_eq!(stand.under_way(), 0, "its place is free");
        }
    }

    #[tokio::test]
    async fn a_model_has_no_more_requests_than_allowed() {
        let stand = Stand::new(2).await;
        let (first, second) = (stand.converse("one", BEGIN_MAX), stand.ask_once());
        let (_first, _second) = (stand.asked().await, stand.asked().await);
        assert!(stand.is_refused("three").await);
        first.abort();
        let _ = first.await;
        let third = stand.converse("three", BEGIN_MAX);
        assert!(stand.asked().await.0.contains("three"), "nobody else asked");
        third.abort();
        second.abort();
    }
}
