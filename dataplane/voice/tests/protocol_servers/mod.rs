//! Servers of our own that speak the protocols of services which were not reachable: each checks every handshake and every message
//! against the service's public documents, answers as they say, and fails the test that drives it when something is not as documented.
//!
//! They are driven by the test: one call reads one message of the session, checks it and answers it. What a service decides by itself,
//! such as what it has understood, the test says.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use media::Codec;
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use url::Url;
use voice::session::{Given, Gone, Target, Told, run};
use voice::{CallFacts, Heard, Piece, Protocol};

/// For what must happen; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// The key that servers want.
pub const KEY: &str = "a-key";
/// Samples of the pieces that a call says.
pub const PIECE_SAMPLES: usize = 800;

/// One call's side of a session.
pub struct Caller {
    given: Option<mpsc::Sender<Given>>,
    told: mpsc::UnboundedReceiver<Told>,
    position: u64,
}

impl Caller {
    /// A session with the server at `url` begins.
    pub fn begin(
        url: String,
        authorization: String,
        call: CallFacts,
        protocol: impl Fn() -> Box<dyn Protocol> + Send + Sync + 'static,
    ) -> Self {
        let headers = vec![("authorization".to_owned(), authorization)];
        let target = Target { url, headers, protocol: Box::new(protocol) };
        let (given, taken) = mpsc::channel(64);
        let (teller, told) = mpsc::unbounded_channel();
        tokio::spawn(run(target, call, Codec::Pcmu, taken, teller));
        Self { given: Some(given), told, position: 0 }
    }

    pub async fn give(&self, given: Given) {
        self.given.as_ref().expect("the call goes on").send(given).await.expect("the session runs");
    }

    /// 100 ms of what the callee says, of this sample.
    pub async fn say(&mut self, sample: u8) {
        let piece = Piece { position: self.position, samples: vec![sample; PIECE_SAMPLES] };
        self.position += PIECE_SAMPLES as u64;
        self.give(Given::Audio(piece)).await;
    }

    pub async fn told(&mut self) -> Told {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        told.expect("something is told in time").expect("the session tells its end")
    }

    /// What the server said next.
    pub async fn heard(&mut self) -> Heard {
        loop {
            match self.told().await {
                Told::Heard(heard) => return heard,
                Told::Connected { .. } | Told::Reconnecting => {}
                other => panic!("{other:?} instead of what was heard"),
            }
        }
    }

    /// The call has no more to say.
    pub fn hang_up(&mut self) {
        self.given = None;
    }

    /// How the session ends; nothing else may be heard before.
    pub async fn over(&mut self) -> Result<(), Gone> {
        loop {
            match self.told().await {
                Told::Over(how) => return how,
                Told::Connected { .. } | Told::Reconnecting => {}
                other => panic!("{other:?} instead of the end"),
            }
        }
    }
}

/// What was understood, and how sure the server is.
pub fn understood(text: &str, confidence: Option<f32>) -> Heard {
    Heard::Final { text: text.to_owned(), confidence }
}

/// A server's side of one connection.
pub struct Wire {
    socket: WebSocketStream<TcpStream>,
}

impl Wire {
    /// A connection, whose handshake has this authorization and this path. The parameters of its address come with it.
    pub async fn accept(
        listener: &TcpListener,
        authorization: &str,
        path: &str,
    ) -> (Self, Vec<(String, String)>) {
        let (stream, _) = within(listener.accept()).await.expect("a connection");
        let mut asked = None;
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            asked = Some((request.uri().clone(), request.headers().clone()));
            Ok(response)
        };
        let socket = within(accept_hdr_async(stream, note)).await.expect("a WebSocket handshake");
        let (uri, headers) = asked.expect("it was called");
        let keys: Vec<_> = headers.get_all("authorization").iter().collect();
        assert_eq!(keys, [authorization], "the handshake's Authorization");
        for known in headers.keys() {
            let belongs = ["host", "connection", "upgrade", "authorization"].contains(&known.as_str())
                || known.as_str().starts_with("sec-websocket-");
            assert!(belongs, "the handshake has a header field `{known}`");
        }
        assert_eq!(uri.path(), path, "the handshake's path");
        let url = Url::parse(&format!("ws://server{uri}")).expect("a URL");
        (Self { socket }, url.query_pairs().into_owned().collect())
    }

    /// The next frame. None once the session has closed the connection.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            match within(self.socket.next()).await {
                None | Some(Err(_) | Ok(Message::Close(_))) => return None,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
            }
        }
    }

    pub async fn send(&mut self, answer: Value) {
        within(self.socket.send(Message::text(answer.to_string()))).await.expect("the session reads");
    }

    pub async fn close(mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        within(self.socket.close(Some(frame))).await.expect("closed");
        while self.next().await.is_some() {}
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

/// A message as an object that has these fields, may have those, and has no others.
pub fn object<'a>(what: &str, value: &'a Value, needs: &[&str], may_have: &[&str]) -> &'a Map<String, Value> {
    let Some(object) = value.as_object() else { panic!("{what} is no object: {value}") };
    for need in needs {
        assert!(object.contains_key(*need), "{what} lacks `{need}`: {value}");
    }
    for name in object.keys().map(String::as_str) {
        assert!(needs.contains(&name) || may_have.contains(&name), "{what} has an unknown `{name}`: {value}");
    }
    object
}

/// The JSON of a text frame, with its type.
pub fn event(text: &str) -> (String, Value) {
    let event: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
    let Some(kind) = event["type"].as_str() else { panic!("a message without a type: {text}") };
    (kind.to_owned(), event)
}
