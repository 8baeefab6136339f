//! The HTTP client of everything here: what scripts ask, what speaks, what answers.
//!
//! It follows no redirect and uses no proxy of the environment: a URL leads where it says. Answers are read piece by piece, by whoever
//! knows how much is too much. What nobody reads for [`IDLE_MAX`] is closed.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

/// How long a connection may take to be made. A call waits for it with somebody on the line.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a connection is kept for the next request.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Connections to one server that are kept.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Why there is no answer, or no more of it. Says nothing of what was asked or answered.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not something that can be asked.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// No connection.
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke before the answer was whole.
    #[error("the connection broke before the answer was whole")]
    Broken(#[source] hyper::Error),
    /// It took too long.
    #[error("no answer in time")]
    Slow,
}

/// Asks servers. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Http<R = GaiResolver> {
    client: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector<R>>, Full<Bytes>>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// How.
    pub method: Method,
    /// Where, `http` or `https`.
    pub url: Uri,
    /// Header fields; `Content-Type` is JSON if there is a body and nothing else is said.
    pub headers: HeaderMap,
    /// What is sent along; may be empty.
    pub body: Bytes,
}

impl Http {
    /// A client that reaches whatever the machine reaches: for servers that the operator has named.
    pub fn new() -> Self {
        Self::with(GaiResolver::new())
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Http<R>
where
    R: Service<Name> + Clone + Send + Sync + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R::Future: Send,
    HttpConnector<R>: Service<Uri, Response = hyper_util::rt::TokioIo<tokio::net::TcpStream>>,
    <HttpConnector<R> as Service<Uri>>::Future: Send,
    <HttpConnector<R> as Service<Uri>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    HttpsConnector<HttpConnector<R>>:
        hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    /// A client that looks names up with `resolver`.
    pub(crate) fn with(resolver: R) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        let tls = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(&crate::tls::config()));
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// Asks, and waits at most so long for the answer to begin.
    pub async fn ask(&self, question: Question, begin_max: Duration) -> Result<Answer, HttpError> {
        let Question { method, url, headers, body } = question;
        let has_body = !body.is_empty();
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, url, headers);
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("peal/", env!("CARGO_PKG_VERSION"))));
        if has_body && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answer = timeout(begin_max, self.client.request(request)).await.map_err(|_| HttpError::Slow)?;
        let (head, body) = answer.map_err(|error| HttpError::Unreachable(error.into()))?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// An answer that has begun. Dropped before its end, it closes the connection.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What its body is, as it says: `audio/wav`, with its parameters. Empty if it does not say.
    pub fn kind(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
    }

    /// Its whole body, of at most `bytes_max`; `None` if it has more.
    pub async fn whole(&mut self, until: Instant, bytes_max: usize) -> Result<Option<Vec<u8>>, HttpError> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(until).await? {
            if body.len() + piece.len() > bytes_max {
                return Ok(None);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Some(body))
    }

    /// The next piece of its body, or `None` at the end; waits until `until` at most.
    pub async fn piece(&mut self, until: Instant) -> Result<Option<Bytes>, HttpError> {
        loop {
            match timeout_at(until, self.body.frame()).await {
                Err(_) => return Err(HttpError::Slow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(HttpError::Broken(error)),
                // Trailers say nothing here.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Header fields from text. The error names the field; not its value, which may be a key.
pub fn headers(fields: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let problem = || HttpError::Request(format!("the header field `{name}` cannot be sent"));
        let mut value = HeaderValue::from_str(value).map_err(|_| problem())?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem())?, value);
    }
    Ok(headers)
}
