//! Serving HTTP with time limits.
//!
//! `axum::serve` sets no timer, so a client that sends its headers one byte a minute would hold its connection for ever
//! (slow loris). Here the headers must be complete in time, and the number of connections is bounded.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take for the headers of a request, and may idle between two requests.
const HEADERS: Duration = Duration::from_secs(10);

/// Connections at once: more than any honest set of clients and scrapers opens, less than what files allow.
const CONNECTIONS: usize = 1_024;

/// How long requests under way may go on after the end was asked for. Event streams never end by themselves.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves `router` on `listener` until `stop`, then lets requests under way finish for a moment.
pub async fn serve(router: Router, listener: TcpListener, stop: CancellationToken) {
    serve_within(HEADERS, router, listener, stop).await;
}

async fn serve_within(headers: Duration, router: Router, listener: TcpListener, stop: CancellationToken) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(headers);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(headers).keep_alive_timeout(headers);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = room.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
        };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly: connections that end will give some back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended with an error");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections were cut at the end");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    async fn connect(headers: Duration) -> (TcpStream, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || "hello"));
        let server = tokio::spawn(serve_within(headers, router, listener, stop.clone()));
        (TcpStream::connect(address).await.expect("listening"), stop, server)
    }

    #[tokio::test]
    async fn a_request_is_answered_and_the_end_is_orderly() {
        let (mut client, stop, server) = connect(HEADERS).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("connected");
        let mut answer = vec![0; 512];
        let length = client.read(&mut answer).await.expect("answered");
        let text = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("hello"), "{text}");
        stop.cancel();
        server.await.expect("no panic");
        assert_eq!(client.read(&mut answer).await.expect("closed, not reset"), 0);
    }

    #[tokio::test]
    async fn headers_that_never_end_cost_the_connection() {
        let (mut client, _stop, _server) = connect(Duration::from_millis(50)).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.expect("connected");
        let mut rest = Vec::new();
        // Ends only because the server closes.
        client.read_to_end(&mut rest).await.expect("closed");
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
}
