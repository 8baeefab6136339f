//! Asking servers that scripts name: CRM look-ups, webhooks.
//!
//! A script is written by a tenant, and a URL in it must not become a way into our own network. So: only `http` and `https`; every
//! address that a name leads to is looked at, and the connection goes to one that was looked at (so that a name which changes its mind
//! between the look and the connection gains nothing); redirects are not followed; answers are read up to a bound and must be JSON. An
//! operator may allow networks of his own in the configuration.

mod reach;
mod signature;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Method};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::time::Instant;
use tower_service::Service;
use url::{Host, Url};

use crate::http::{self as client, Http, HttpError};

pub use reach::{Network, Reach};
pub use signature::{Signature, sign};

/// Longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 256 << 10;

/// A request that a script makes.
#[derive(Clone, Debug)]
pub struct Question {
    /// GET, POST or PUT.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// What is sent along.
    pub body: Option<String>,
    /// How long the whole may take.
    pub timeout: Duration,
}

/// Why there is no usable answer. Says nothing of what was asked or answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that may be asked.
    #[error("the URL cannot be asked: {0}")]
    Url(String),
    /// The address is one that scripts must not reach.
    #[error(
        "the host leads to an address that scripts must not reach; allow its network in `voice.networks` if it is yours"
    )]
    Forbidden,
    /// No connection, or it broke.
    #[error("the server cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("no answer in time")]
    Slow,
    /// It answered with a status other than 2xx.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// It answered with something that is not JSON.
    #[error("the answer is not JSON but {0}")]
    NotJson(String),
    /// It answered with too much.
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

/// Asks servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher {
    http: Http<Guarded>,
    reach: Arc<Reach>,
}

impl Fetcher {
    /// One that reaches what `reach` allows.
    pub fn new(reach: Reach) -> Self {
        let reach = Arc::new(reach);
        Self { http: Http::with(Guarded(reach.clone())), reach }
    }

    /// The answer to a question, as JSON.
    pub async fn ask(&self, question: &Question) -> Result<serde_json::Value, FetchError> {
        let until = Instant::now() + question.timeout;
        let asked = client::Question {
            method: question.method.clone(),
            url: self
                .checked(&question.url)?
                .as_str()
                .parse()
                .map_err(|_| FetchError::Url("it cannot be sent".to_owned()))?,
            headers: headers(&question.headers)?,
            body: question.body.clone().unwrap_or_default().into(),
        };
        let mut answer = self.http.ask(asked, question.timeout).await.map_err(why)?;
        if !answer.status().is_success() {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        if !is_json(answer.kind()) {
            let kind = if answer.kind().is_empty() { "of no kind that it names" } else { answer.kind() };
            return Err(FetchError::NotJson(kind.chars().take(60).collect()));
        }
        let body = answer.whole(until, ANSWER_BYTES_MAX).await.map_err(why)?.ok_or(FetchError::TooLong)?;
        serde_json::from_slice(&body).map_err(|error| {
            FetchError::NotJson(format!("broken at line {} column {}", error.line(), error.column()))
        })
    }

    fn checked(&self, text: &str) -> Result<Url, FetchError> {
        let url = Url::parse(text).map_err(|error| FetchError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Url("it must be http or https".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Url("it must not hold a user name or password".to_owned()));
        }
        // Names are looked at when they are resolved; an address is not resolved.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        match address {
            Some(address) if !self.reach.allows(address) => Err(FetchError::Forbidden),
            _ => Ok(url),
        }
    }
}

fn headers(fields: &[(String, String)]) -> Result<HeaderMap, FetchError> {
    let mut headers = client::headers(fields).map_err(|error| FetchError::Url(error.to_string()))?;
    // It decides which server of an address answers, and is the URL's to say.
    headers.remove(http::header::HOST);
    Ok(headers)
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

fn why(error: HttpError) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if found.is::<reach::Forbidden>() {
            return FetchError::Forbidden;
        }
        cause = found.source();
    }
    match error {
        HttpError::Request(problem) => FetchError::Url(problem),
        HttpError::Slow => FetchError::Slow,
        HttpError::Unreachable(_) | HttpError::Broken(_) => FetchError::Unreachable,
    }
}

/// A resolver that gives only addresses that may be reached.
#[derive(Clone, Debug)]
struct Guarded(Arc<Reach>);

type Found = std::vec::IntoIter<SocketAddr>;
type LookUpError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Name> for Guarded {
    type Response = Found;
    type Error = LookUpError;
    type Future = Pin<Box<dyn Future<Output = Result<Found, LookUpError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookUpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0.clone();
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One bad address spoils the name: an honest one has none.
            if all.iter().any(|address| !reach.allows(address.ip())) {
                return Err(reach::Forbidden.into());
            }
            Ok(all.into_iter())
        })
    }
}
