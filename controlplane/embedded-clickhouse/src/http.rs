//! The HTTP side: connections, who may enter, how many at once, and what an answer looks like.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use hyper::{Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, oneshot},
};

use crate::{
    Config,
    body::{ReplyBody, pump},
    engine::Engine,
    exception::Exception,
    request::Request,
    work::{Head, PIECES_AHEAD, Stopper, Work},
};

/// How long a client may take to send the head of a request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an insert may keep its place without sending anything.
const BODY_SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long requests that run at the end may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Connections at once: a few pools of clients. More wait in the listen queue.
const CONNECTIONS_MAX: usize = 256;

pub(crate) struct Server {
    engine: Arc<Engine>,
    config: Config,
    /// Places for running queries.
    running: Arc<Semaphore>,
    /// Places for running and waiting queries together.
    admitted: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new(engine: Engine, config: Config) -> Arc<Self> {
        let running = config.running_max.max(1);
        let admitted = running + config.waiting_max;
        Arc::new(Self {
            engine: Arc::new(engine),
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(admitted)),
            config,
        })
    }

    /// Serves until `stop` is done, then lets the requests that run finish.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = async {
                let place = connections.clone().acquire_owned().await.expect("never closed");
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                accepted = accepted => accepted,
                () = &mut stop => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors or a connection that is gone again: neither ends the server.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let server = self.clone();
            let service = service_fn(move |request| {
                let server = server.clone();
                async move { Ok::<_, Infallible>(server.handle(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
                drop(place);
            });
        }
        drop(listener);
        if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still running at the end");
        }
    }

    async fn handle(self: Arc<Self>, request: hyper::Request<Incoming>) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        match parts.uri.path() {
            "/" => {}
            "/ping" | "/replicas_status" => return plain(StatusCode::OK, "Ok.\n"),
            _ => return plain(StatusCode::NOT_FOUND, "There is no such path: use / or /ping\n"),
        }
        let request = match Request::read(&parts) {
            Ok(request) => request,
            Err(exception) => return self.refusal(&exception),
        };
        if !request.may_enter(self.config.access.as_ref()) {
            return self.refusal(&Exception::new(
                Exception::AUTHENTICATION_FAILED,
                "Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)",
            ));
        }
        if parts.method == hyper::Method::GET && request.query.is_empty() {
            return plain(StatusCode::OK, "Ok.\n");
        }
        self.run(request, body).await.unwrap_or_else(|exception| self.refusal(&exception))
    }

    async fn run(&self, request: Request, body: Incoming) -> Result<Response<ReplyBody>, Exception> {
        let crowded =
            || Exception::new(Exception::TOO_MANY_SIMULTANEOUS_QUERIES, "Too many simultaneous queries");
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| crowded())?;
        let place = self.running.clone().acquire_owned().await.map_err(|_| crowded())?;

        let mark = uuid::Uuid::new_v4().to_string();
        let exception_tag = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        let ended = Arc::new(AtomicBool::new(false));
        let stopper = Stopper { engine: self.engine.clone(), mark: mark.clone(), ended: ended.clone() };
        let (head, begun) = oneshot::channel();
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let query_id = request.query_id.clone();
        let compressed = request.compress;
        let work = Work {
            engine: self.engine.clone(),
            body: pump(body, self.config.body_bytes_max, BODY_SILENCE_MAX),
            request,
            mark,
            exception_tag: exception_tag.clone(),
            head,
            pieces,
            ended,
            nice: self.config.nice,
            place,
        };
        tokio::task::spawn_blocking(move || {
            work.run();
            drop(admitted);
        });
        let head = begun.await.map_err(|_| Exception::unexplained())??;
        let response = self
            .head(StatusCode::OK)
            .header(header::CONTENT_TYPE, content_type(&head.format, compressed))
            .header("X-ClickHouse-Format", &head.format)
            .header("X-ClickHouse-Query-Id", query_id)
            .header("X-ClickHouse-Summary", summary(&head))
            .header("X-ClickHouse-Exception-Tag", exception_tag);
        response.body(ReplyBody::streamed(received, stopper)).map_err(|_| {
            Exception::new(Exception::BAD_ARGUMENTS, "the query id or format does not fit into a header")
        })
    }

    fn head(&self, status: StatusCode) -> hyper::http::response::Builder {
        Response::builder()
            .status(status)
            .header("X-ClickHouse-Server-Display-Name", "peal-embedded")
            .header("X-ClickHouse-Timezone", &self.engine.timezone)
    }

    fn refusal(&self, exception: &Exception) -> Response<ReplyBody> {
        self.head(exception.status())
            .header(header::CONTENT_TYPE, "text/plain; charset=UTF-8")
            .header("X-ClickHouse-Exception-Code", exception.code)
            // What is left of the request's body is not worth reading.
            .header(header::CONNECTION, "close")
            .body(ReplyBody::text(format!("{}\n", exception.text)))
            .expect("numbers and fixed texts")
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::text(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}

fn content_type(format: &str, compressed: bool) -> &'static str {
    match format {
        _ if compressed => "application/octet-stream",
        _ if format.starts_with("JSON") || format == "NDJSON" => "application/json; charset=UTF-8",
        _ if format.starts_with("CSVWithNames") => "text/csv; charset=UTF-8; header=present",
        _ if format.starts_with("CSV") => "text/csv; charset=UTF-8; header=absent",
        _ if format.starts_with("TSV") || format.starts_with("TabSeparated") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ if format.starts_with("Pretty") || format == "Vertical" => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

/// Strings all of them, as a server has it. What a query read is not known when its answer begins.
fn summary(head: &Head) -> String {
    let (rows, bytes) = (head.written.rows, head.written.bytes);
    format!(
        r#"{{"read_rows":"0","read_bytes":"0","written_rows":"{rows}","written_bytes":"{bytes}","total_rows_to_read":"0","result_rows":"{}","result_bytes":"0"}}"#,
        if rows > 0 { rows } else { head.result_rows },
    )
}
