//! The opening of a connection.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::Gone;
use crate::{Protocol, tls};

/// How long a connection may take to be opened. A call waits for it with somebody on the line.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Longest frame that is taken of a server that answers in words.
pub(super) const FRAME_BYTES_MAX: usize = 128 << 10;
/// Longest frame that is taken of a bot: a minute and a half of audio in base64. Simple ones send a whole answer in one.
pub(super) const BOT_FRAME_BYTES_MAX: usize = 1 << 20;
/// How much is read from the kernel at once. The buffer is filled with zeroes before each read; with the 128 KiB that are usual this took
/// a third of a session's time, and most of its memory.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// Where a server is, and how it is spoken to.
pub struct Target {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Header fields of the handshake, such as a key.
    pub headers: Vec<(String, String)>,
    /// A new machine for each connection.
    pub protocol: Box<dyn Fn() -> Box<dyn Protocol> + Send + Sync>,
}

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a connection that takes frames up to so long.
pub(super) async fn connect(target: &Target, frame_bytes_max: usize) -> Result<Socket, Gone> {
    let problem = |what: String| Gone::Connect(what.chars().take(200).collect());
    let mut request =
        target.url.as_str().into_client_request().map_err(|error| problem(error.to_string()))?;
    for (name, value) in &target.headers {
        let name = name.parse::<HeaderName>().map_err(|error| problem(error.to_string()))?;
        // Not the value: it may be a key.
        let value = value
            .parse()
            .map_err(|_| problem(format!("the header field {name} has a value that cannot be sent")))?;
        request.headers_mut().insert(name, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(frame_bytes_max))
        .max_frame_size(Some(frame_bytes_max))
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0);
    let opened = timeout(
        CONNECT_MAX,
        connect_async_tls_with_config(request, Some(config), true, Some(Connector::Rustls(tls::config()))),
    )
    .await;
    match opened {
        Err(_) => Err(Gone::Connect(format!("no answer in {} s", CONNECT_MAX.as_secs()))),
        Ok(Err(error)) => Err(problem(error.to_string())),
        Ok(Ok((socket, _))) => Ok(socket),
    }
}
