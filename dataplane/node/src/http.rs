//! `/metrics`, `/healthz` and `/readyz`: just enough HTTP/1.1 for a scraper and a probe.
//!
//! One request a connection, answered and closed. Slow, long and surplus clients are cut off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Longest request head.
const HEAD_MAX: usize = 8 * 1024;
/// Time for the whole exchange. Prometheus gives up after 10 s.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(10);
/// Connections at once.
const CONNECTIONS_MAX: usize = 16;

/// What the listener shows.
pub(crate) trait Show: Send + Sync + 'static {
    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;
    /// Whether the process does its work.
    fn is_healthy(&self) -> bool;
    /// Whether calls may be started.
    fn is_ready(&self) -> bool;
}

/// Binds the listener.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener, show: Arc<dyn Show>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else { continue };
        let show = show.clone();
        tokio::spawn(async move {
            // A client that went away or was too slow concerns nobody.
            let _ = tokio::time::timeout(EXCHANGE_WITHIN, exchange(stream, &*show)).await;
            drop(permit);
        });
    }
}

async fn exchange(mut stream: TcpStream, show: &dyn Show) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1_024);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() >= HEAD_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (status, kind, body) = answer(&head, show);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(head: &[u8], show: &dyn Show) -> (&'static str, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != b"GET" {
        return ("405 Method Not Allowed", TEXT, "only GET\n".to_owned());
    }
    let probe = |good: bool| match good {
        true => ("200 OK", TEXT, "ok\n".to_owned()),
        false => ("503 Service Unavailable", TEXT, "no\n".to_owned()),
    };
    match target.split(|byte| *byte == b'?').next().unwrap_or_default() {
        b"/metrics" => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", show.metrics()),
        b"/healthz" => probe(show.is_healthy()),
        b"/readyz" => probe(show.is_ready()),
        _ => ("404 Not Found", TEXT, "/metrics, /healthz and /readyz are here\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Show for Fixed {
        fn metrics(&self) -> String {
            "peal_x 1\n".to_owned()
        }
        fn is_healthy(&self) -> bool {
            true
        }
        fn is_ready(&self) -> bool {
            false
        }
    }

    async fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(request).await.expect("it reads");
        let mut answer = String::new();
        // What is cut off ends with a reset, which is fine.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn each_path_has_its_answer() {
        let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(serve(listener, Arc::new(Fixed)));
        for (request, status, body) in [
            ("GET /metrics HTTP/1.1\r\n\r\n", "200", "peal_x 1\n"),
            ("GET /metrics?x=1 HTTP/1.0\r\nHost: a\r\n\r\n", "200", "peal_x 1\n"),
            ("GET /healthz HTTP/1.1\r\n\r\n", "200", "ok\n"),
            ("GET /readyz HTTP/1.1\r\n\r\n", "503", "no\n"),
            ("GET /else HTTP/1.1\r\n\r\n", "404", ""),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405", ""),
        ] {
            let answer = ask(address, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(answer.ends_with(body), "{request}: {answer}");
        }
        assert_eq!(ask(address, &[b'x'; HEAD_MAX + 1]).await, "");
    }
}
