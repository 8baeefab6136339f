//! What voices over HTTP have in common: asking, and passing on audio while it comes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use tokio::time::Instant;

use super::reader::{AudioReader, Form};
use super::{Delivery, SpeechError};
use crate::breaker::{Place, SharedBreaker, Verdict};
use crate::http::{Answer, Http, HttpError, Question};

/// How long a server may be silent between two pieces. Slower than this is slower than speech; calls wait for a second more.
const PIECE_MAX: Duration = Duration::from_secs(4);
/// How long a whole sentence may take. The longest that is spoken at once is some minutes of speech, made faster than it is heard.
const WHOLE_MAX: Duration = Duration::from_secs(120);
/// How much is read of what a server says of an error, and how long that may take.
const WORDS_BYTES_MAX: usize = 4 << 10;
const WORDS_MAX: Duration = Duration::from_secs(1);

/// A server that speaks.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) http: Http,
    /// Who it is, in errors.
    pub(super) who: String,
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    /// How long the beginning of its audio may take.
    pub(super) begin_max: Duration,
    pub(super) breaker: SharedBreaker,
}

impl Server {
    /// Posts a question and passes on the audio of the answer, in the form that its media type has; an error of `form` names the media type.
    pub(super) async fn speak(
        &self,
        body: &Value,
        form: fn(&str) -> Result<Form, String>,
        to: &mut Delivery,
    ) -> Result<(), SpeechError> {
        let refused = |refusal| SpeechError::Refused { who: self.who.clone(), refusal };
        let place = self.breaker.begin().map_err(refused)?;
        let spoken = async {
            let begin_by = Instant::now() + self.begin_max;
            let answer = self.ask(body).await?;
            let form = form(answer.kind()).map_err(|problem| self.unusable(problem))?;
            self.deliver(answer, form, begin_by, &place, to).await?;
            // Voices are silent where there is nothing that they could speak, as an English one that is given Chinese.
            let is_silent =
                || SpeechError::Declined { who: self.who.clone(), problem: "made no audio".to_owned() };
            if to.is_empty() { Err(is_silent()) } else { Ok(()) }
        };
        let spoken = spoken.await;
        place.judge(spoken.as_ref().map_or_else(SpeechError::verdict, |()| Verdict::Worked));
        spoken
    }

    /// Posts a question. The answer is one of success.
    async fn ask(&self, body: &Value) -> Result<Answer, SpeechError> {
        let question = Question {
            method: Method::POST,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Bytes::from(body.to_string()),
        };
        let mut answer = self
            .http
            .ask(question, self.begin_max)
            .await
            .map_err(|error| self.failed(error, self.begin_max))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let words = words(&mut answer).await.map(|words| format!(": {words}")).unwrap_or_default();
        let (who, status) = (self.who.clone(), answer.status());
        let problem = format!("answered with status {}{words}", status.as_u16());
        Err(match Verdict::of_status(status) {
            Verdict::Failed => SpeechError::Unavailable { who, problem },
            _ => SpeechError::Declined { who, problem },
        })
    }

    /// Passes on the audio of an answer while it comes.
    async fn deliver(
        &self,
        mut answer: Answer,
        form: Form,
        begin_by: Instant,
        place: &Place,
        to: &mut Delivery,
    ) -> Result<(), SpeechError> {
        let until = Instant::now() + WHOLE_MAX;
        let (mut piece_by, mut waits) = (begin_by, self.begin_max);
        let mut reader = AudioReader::new(form);
        loop {
            let piece = answer.piece(until.min(piece_by)).await;
            let Some(piece) = piece.map_err(|error| self.failed(error, waits))? else { break };
            let samples = reader.read(&piece).map_err(|error| self.unusable(error.to_string()))?;
            // The head of a file is no audio yet.
            if !samples.is_empty() {
                place.reached();
                to.push(samples).await?;
                (piece_by, waits) = (Instant::now() + PIECE_MAX, PIECE_MAX);
            }
        }
        let samples = reader.finish().map_err(|error| self.unusable(error.to_string()))?;
        to.push(samples).await
    }

    /// Something is wrong with what it sent.
    fn unusable(&self, problem: String) -> SpeechError {
        SpeechError::Unusable { who: self.who.clone(), problem }
    }

    fn failed(&self, error: HttpError, waited: Duration) -> SpeechError {
        match error {
            HttpError::Slow => SpeechError::Slow { who: self.who.clone(), seconds: waited.as_secs() },
            error @ (HttpError::Unreachable(_) | HttpError::Broken(_)) => {
                SpeechError::Unavailable { who: self.who.clone(), problem: error.to_string() }
            }
            error @ HttpError::Request(_) => {
                SpeechError::Declined { who: self.who.clone(), problem: error.to_string() }
            }
        }
    }
}

/// What a server says of an error, as most write it: `{"error": {"message": …}}`, `{"error": …}` or `{"detail": …}`.
async fn words(answer: &mut Answer) -> Option<String> {
    let until = Instant::now() + WORDS_MAX;
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.piece(until).await {
        body.extend_from_slice(&piece);
        if body.len() > WORDS_BYTES_MAX {
            return None;
        }
    }
    let body: Value = serde_json::from_slice(&body).ok()?;
    let words = [body.pointer("/error/message"), body.get("error"), body.get("detail")];
    let words = words.into_iter().flatten().find_map(Value::as_str)?;
    Some(words.chars().filter(|sign| !sign.is_control()).take(200).collect())
}

/// A parameter of a media type: `rate` of `audio/L16; rate=16000`.
pub(super) fn parameter<'a>(kind: &'a str, name: &str) -> Option<&'a str> {
    kind.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// A media type without its parameters, in lower case.
pub(super) fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
