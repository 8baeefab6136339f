//! Answers that a server or a language model understands, for steps whose script says so.

use std::sync::Arc;
use std::time::Instant;

use ::voice::fetch::{ANSWER_BYTES_MAX, Fetcher, Question};
use ::voice::model::{Choosing, chosen};
use call::voice::{Hearing, Told};
use jiff::civil::Date;
use script::{Choice, Heard, Inquiry, Oracle, Program, StepIndex};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::hub::{CallKey, News};
use super::models::{Fault, Models};
use crate::metrics::VoiceMetrics;

/// Asks what answers mean. Cheap to clone.
#[derive(Clone)]
pub(super) struct Interpreter {
    fetcher: Fetcher,
    models: Models,
    metrics: VoiceMetrics,
}

/// An answer about which somebody is asked.
pub(super) struct Answer {
    pub(super) call: CallKey,
    /// Number of the wish to listen.
    pub(super) number: u32,
    pub(super) program: Arc<Program>,
    pub(super) step: StepIndex,
    /// Where the callee is.
    pub(super) today: Date,
    /// What phrases, patterns and values say: it counts if nobody answers.
    pub(super) heard: Heard,
    pub(super) hearing: Hearing,
}

impl Interpreter {
    pub(super) fn new(fetcher: Fetcher, models: Models, metrics: VoiceMetrics) -> Self {
        Self { fetcher, models, metrics }
    }

    /// Asks, and tells the call what was understood: always, and within the time that the script gives.
    pub(super) fn ask(
        &self,
        answer: Answer,
        inquiry: Inquiry,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (interpreter, news) = (self.clone(), news.clone());
        let task = tokio::spawn(async move {
            let Answer { call, number, program, step, today, heard: said, mut hearing } = answer;
            let began = Instant::now();
            // Whoever is asked has the script's time and no more: it ends there, and not here, where it would not be known who was late.
            let meant = interpreter.meant(call, &inquiry, today).await;
            hearing.understanding += began.elapsed();
            let heard = match &meant {
                Ok(meant) => program.take_answer(step, &inquiry.text, meant),
                Err(_) => said,
            };
            let result = match &meant {
                Err(why) => {
                    tracing::warn!(step = inquiry.step, %why, "nobody says what an answer means");
                    hearing.misunderstood = true;
                    "failed"
                }
                Ok(_) if heard.intent.is_none() && heard.value.is_none() => "no_match",
                Ok(_) => "understood",
            };
            interpreter.metrics.asked(by(&inquiry.oracle), result);
            let told = Told::Heard { number, heard, hearing };
            // The hub ends with the process.
            let _ = news.send(News::Call { call, told });
        });
        task.abort_handle()
    }

    async fn meant(&self, call: CallKey, inquiry: &Inquiry, today: Date) -> Result<Value, String> {
        match &inquiry.oracle {
            Oracle::Server { url, headers } => {
                let question = Question {
                    method: http::Method::POST,
                    url: url.clone(),
                    headers: headers.clone(),
                    body: Some(inquiry.body(&call.0.to_string()).to_string()),
                    timeout: inquiry.timeout,
                };
                self.fetcher.ask(&question).await.map_err(|error| error.to_string())
            }
            Oracle::Model(name) => self.chosen(name, inquiry, today).await.map_err(|fault| {
                self.metrics.model_failed(self.models.label(name), fault.kind);
                fault.why
            }),
        }
    }

    async fn chosen(&self, name: &str, inquiry: &Inquiry, today: Date) -> Result<Value, Fault> {
        let until = tokio::time::Instant::now() + inquiry.timeout;
        let model = self.models.model(name)?;
        let choosing = choosing(inquiry, &model.config.model, today);
        let answer = self.models.ask_once(model, &choosing.body(), until, ANSWER_BYTES_MAX).await?;
        chosen(&answer).ok_or_else(|| Fault::ours("tool", "the model's answer is no choice"))
    }
}

fn by(oracle: &Oracle) -> &'static str {
    match oracle {
        Oracle::Server { .. } => "server",
        Oracle::Model(_) => "model",
    }
}

fn choosing(inquiry: &Inquiry, model: &str, today: Date) -> Choosing {
    let line = |Choice { description, examples, .. }: &Choice| {
        let examples = (!examples.is_empty()).then(|| format!("such as \"{}\"", examples.join("\", \"")));
        description.clone().into_iter().chain(examples).collect::<Vec<_>>().join(", ")
    };
    Choosing {
        model: model.to_owned(),
        said: inquiry.text.clone(),
        language: inquiry.language.clone(),
        question: inquiry.question.clone(),
        names: inquiry.intents.iter().map(|choice| (choice.intent.clone(), line(choice))).collect(),
        value: inquiry.expect.map(str::to_owned),
        today: today.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::voice::fetch::Reach;
    use prometheus::Registry;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::config::{ModelConfig, VoiceConfig};
    use super::*;

    /// A server that answers every request with this body, or never, and what it was asked last.
    async fn server(
        body: Option<&'static str>,
        kind: &'static str,
    ) -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("bound");
        let (teller, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = String::new();
                while !request.ends_with('}') {
                    let mut piece = [0; 4_096];
                    let read = stream.read(&mut piece).await.expect("a request");
                    request += std::str::from_utf8(&piece[..read]).expect("text");
                }
                let _ = teller.send(request);
                if let Some(body) = body {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("it is read");
                }
                open.push(stream);
            }
        });
        (format!("http://{address}/v1"), asked)
    }

    /// What the call is told of "two boxes", or of something else, and what Prometheus counts.
    async fn told(understand: &str, model_url: &str, networks: &[&str]) -> (Heard, Hearing, String) {
        told_of("two boxes", understand, model_url, networks).await
    }

    async fn told_of(
        said: &str,
        understand: &str,
        model_url: &str,
        networks: &[&str],
    ) -> (Heard, Hearing, String) {
        let json = format!(
            r#"{{"name":"s","intents":{{"order":{{"description":"wants some"}}}},"steps":[
                {{"do":"listen","ask":"What is it?","intents":{{"order":"bye","no":"bye"}},"understand":{understand},"no_match":{{"to":"bye"}}}},
                {{"do":"hang_up","id":"bye"}}]}}"#
        );
        let program = Arc::new(crate::assets::program(&json).expect("a script"));
        let model = ModelConfig {
            url: model_url.to_owned(),
            model: "m".to_owned(),
            key: Default::default(),
            requests_max: 1,
            hides: Vec::new(),
        };
        let config = VoiceConfig { models: [("small".to_owned(), model)].into(), ..VoiceConfig::default() };
        let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
        let fetcher = Fetcher::new(Reach::with(networks));
        let registry = Registry::new();
        let (news, mut tidings) = mpsc::unbounded_channel();
        let models = Models::new(&config);
        let interpreter = Interpreter::new(fetcher, models, VoiceMetrics::new(&registry));
        let step = StepIndex(0);
        let heard = program.understand(step, said, jiff::Zoned::now().date());
        let inquiry = program.inquiry(step, &heard).expect("nobody knows");
        let hearing = Hearing { understanding: Duration::from_micros(7), ..Hearing::default() };
        let call = (common::AttemptId::new(1, &[0; 10]), 1);
        let today = jiff::civil::date(2026, 11, 22);
        interpreter.ask(Answer { call, number: 3, program, step, today, heard, hearing }, inquiry, &news);
        let Some(News::Call { told: Told::Heard { number: 3, heard, hearing }, .. }) = tidings.recv().await
        else {
            panic!("an answer to the wish");
        };
        let counted = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        let counted = counted.lines().find(|line| line.starts_with("peal_dataplane_answers_asked_total"));
        (heard, hearing, counted.unwrap_or_default().to_owned())
    }

    const LOOPBACK: &[&str] = &["127.0.0.1/32"];

    #[tokio::test]
    async fn a_server_says_what_is_meant() {
        let (url, mut asked) = server(Some(r#"{"intent":"order","value":2}"#), "application/json").await;
        let (heard, hearing, counted) = told(&format!(r#"{{"url":"{url}"}}"#), "http://h", LOOPBACK).await;
        assert_eq!((heard.intent.as_deref(), heard.value.as_deref()), (Some("order"), Some("2")));
        assert!(!hearing.misunderstood && hearing.understanding > Duration::from_micros(7));
        assert!(counted.contains(r#"by="server",result="understood"} 1"#), "{counted}");
        let asked = asked.recv().await.expect("it was asked");
        assert!(
            asked.contains(r#""text":"two boxes""#) && asked.contains(r#""intents":["no","order"]"#),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_match() {
        for (body, kind, misunderstood, result) in [
            (Some(r#"{"intent":"buy_the_company"}"#), "application/json", false, "no_match"),
            (Some("<html></html>"), "text/html", true, "failed"),
            (Some("{"), "application/json", true, "failed"),
            (None, "", true, "failed"),
        ] {
            let (url, _asked) = server(body, kind).await;
            let understand = format!(r#"{{"url":"{url}","timeout_ms":300}}"#);
            let (heard, hearing, counted) = told(&understand, "http://h", LOOPBACK).await;
            assert_eq!(
                (heard.text.as_str(), heard.intent, heard.value),
                ("two boxes", None, None),
                "{body:?}"
            );
            assert_eq!(hearing.misunderstood, misunderstood, "{body:?}");
            assert!(counted.contains(&format!(r#"result="{result}"}} 1"#)), "{body:?}: {counted}");
        }
    }

    #[tokio::test]
    async fn what_phrases_say_counts_when_nobody_answers() {
        for (body, intent) in [(None, Some("no")), (Some(r#"{"intent":null}"#), None)] {
            let (url, _asked) = server(body, "application/json").await;
            let understand = format!(r#"{{"url":"{url}","timeout_ms":300,"always":true}}"#);
            let (heard, hearing, _) = told_of("no thanks", &understand, "http://h", LOOPBACK).await;
            assert_eq!((heard.intent.as_deref(), hearing.misunderstood), (intent, body.is_none()));
        }
    }

    #[tokio::test]
    async fn our_own_networks_are_not_asked() {
        let (url, mut asked) = server(Some(r#"{"intent":"order"}"#), "application/json").await;
        let (heard, hearing, _) = told(&format!(r#"{{"url":"{url}"}}"#), "http://h", &[]).await;
        assert_eq!((heard.intent, hearing.misunderstood), (None, true));
        assert!(asked.try_recv().is_err(), "nobody came");
    }

    #[tokio::test]
    async fn a_model_chooses() {
        let answer = r#"{"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[
            {"id":"c","type":"function","function":{"name":"understood","arguments":"{\"intent\":\"order\"}"}}]}}]}"#;
        let (url, mut asked) = server(Some(answer), "application/json").await;
        for name in ["small", "default"] {
            let (heard, hearing, counted) = told(&format!(r#"{{"model":"{name}"}}"#), &url, &[]).await;
            assert_eq!((heard.intent.as_deref(), hearing.misunderstood), (Some("order"), false));
            assert!(counted.contains(r#"by="model",result="understood"} 1"#), "{counted}");
            let asked = asked.recv().await.expect("it was asked");
            assert!(
                asked.starts_with("POST /v1/chat/completions") && asked.contains("wants some"),
                "{asked}"
            );
        }
        let (heard, hearing, _) = told(r#"{"model":"large"}"#, &url, &[]).await;
        assert_eq!((heard.intent, hearing.misunderstood), (None, true), "there is none of that name");
    }

    #[tokio::test]
    async fn a_model_that_talks_has_not_chosen() {
        let (url, _asked) =
            server(Some(r#"{"choices":[{"message":{"content":"I think: order."}}]}"#), "application/json")
                .await;
        let (heard, hearing, _) = told(r#"{"model":"small"}"#, &url, &[]).await;
        assert_eq!((heard.intent, hearing.misunderstood), (None, true));
    }
}
