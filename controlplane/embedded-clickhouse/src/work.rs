//! One request on a thread that may block: body in, statement to the engine, result out.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{
    body::{BodyReader, Broken},
    engine::{Connection, Engine, Written},
    exception::Exception,
    framing,
    pieces::{Joiner, joining},
    request::{Request, form_fields},
    statement::{self, Statement},
};

/// Longest text of a statement, its inlined data aside. The engine has its own limit (`max_query_size`, 256 KiB) for
/// what it parses; long lists of literals are outside of that one.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// How much of a body is handed to the engine at once.
const APPEND_BYTES: usize = 256 << 10;
/// Pieces of a result that wait for the client; the engine waits when there are more.
pub(crate) const PIECES_AHEAD: usize = 4;

/// A request with all that it needs to run.
pub(crate) struct Work {
    pub(crate) engine: Arc<Engine>,
    pub(crate) request: Request,
    pub(crate) body: BodyReader,
    /// Our name for the query, also in its `log_comment`, by which [`Stopper`] finds it.
    pub(crate) mark: String,
    /// Ends a result that broke off; see [`exception_piece`].
    pub(crate) exception_tag: String,
    /// Receives what is known when the answer begins.
    pub(crate) head: oneshot::Sender<Result<Head, Exception>>,
    /// Receives the result.
    pub(crate) pieces: mpsc::Sender<Result<Bytes, Broken>>,
    /// Set when the query has ended.
    pub(crate) ended: Arc<AtomicBool>,
    /// Priority of the thread.
    pub(crate) nice: u8,
    /// One of the places for running queries, given back at the end.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What is known when an answer begins.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// Format of the result.
    pub(crate) format: String,
    pub(crate) result_rows: u64,
    pub(crate) written: Written,
}

/// Where the answer goes: the head once, then pieces.
struct Reply {
    head: Option<oneshot::Sender<Result<Head, Exception>>>,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    compress: bool,
    exception_tag: String,
}

impl Work {
    /// Runs the request to its end. Everything that goes wrong reaches the client.
    pub(crate) fn run(self) {
        let Self { engine, mut request, body, mark, exception_tag, head, pieces, ended, nice, place } = self;
        crate::stand_back(nice);
        let mut reply = Reply { head: Some(head), pieces, compress: request.compress, exception_tag };
        let outcome = answer(&engine, &mut request, body, &mark, &mut reply);
        ended.store(true, Ordering::Release);
        drop(place);
        if let Err(exception) = outcome {
            reply.fail(exception.with_version(&engine.version));
        }
    }
}

fn answer(
    engine: &Engine,
    request: &mut Request,
    body: BodyReader,
    mark: &str,
    reply: &mut Reply,
) -> Result<(), Exception> {
    let mut data = decoded(request, body)?;
    if let Some(boundary) = request.boundary.take() {
        let mut form = Vec::new();
        read_up_to(&mut data, &mut form, TEXT_BYTES_MAX)?;
        for (name, value) in form_fields(&form, &boundary)? {
            request.field(&name, value)?;
        }
        data = Box::new(io::empty());
    }
    let mut text = std::mem::take(&mut request.query).into_bytes();
    if !text.is_empty() && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let statement = read_statement(&mut text, &mut data)?;

    let mut connection = engine.connect()?;
    for statement in request.preparation(mark) {
        connection.execute(&statement, "Null", &Default::default())?;
    }
    let default_format = request.default_format.as_deref().unwrap_or("TabSeparated");
    match statement {
        Statement::Insert { head, format, data: start } => {
            let written =
                insert(&mut connection, request, sql(&text[..head])?, &format, &text[start..], data)?;
            reply.begin(Head { format: "TabSeparated".into(), written, ..Head::default() });
            Ok(())
        }
        Statement::Select { format } => {
            let sql = sql(&text)?;
            let format = format.as_deref().unwrap_or(default_format);
            let settings = request.settings.iter().fold(sql.to_owned(), |all, (name, _)| all + name);
            let streamed = match joining(format, &settings).filter(|_| !request.wait_end) {
                Some(joining) => stream(&mut connection, request, sql, format, Joiner::new(joining), reply)?,
                None => false,
            };
            if streamed { Ok(()) } else { whole(&mut connection, request, sql, format, reply) }
        }
        Statement::Other { format } => {
            let format = format.as_deref().unwrap_or(default_format);
            whole(&mut connection, request, sql(&text)?, format, reply)
        }
        Statement::Incomplete => unreachable!("the text was read to its end"),
    }
}

/// The body without what it is wrapped in.
fn decoded(request: &Request, body: BodyReader) -> Result<Box<dyn Read>, Exception> {
    Ok(match (request.lz4_encoded, request.decompress) {
        (false, false) => Box::new(body),
        (false, true) => Box::new(framing::Decompressor::new(body)),
        (true, false) => Box::new(framing::Lz4Frames::new(body)),
        (true, true) => {
            return Err(Exception::new(
                Exception::BAD_ARGUMENTS,
                "decompress=1 and Content-Encoding exclude each other",
            ));
        }
    })
}

/// Reads from `data` to the end of `text` until the statement is known: to where an INSERT's data begin, else to the end.
fn read_statement(text: &mut Vec<u8>, data: &mut dyn Read) -> Result<Statement, Exception> {
    let mut step = 16 << 10;
    loop {
        let wanted = text.len() + step;
        let complete = !read_up_to(data, text, wanted)?;
        match statement::read(text, complete)? {
            Statement::Incomplete if text.len() > TEXT_BYTES_MAX => {
                return Err(Exception::new(Exception::QUERY_IS_TOO_LARGE, "the statement is too long"));
            }
            // Twice as much each time, so that reading it again and again stays linear.
            Statement::Incomplete => step = text.len().max(step),
            statement => return Ok(statement),
        }
    }
}

/// Reads until `text` is `length` long; whether there may be more.
fn read_up_to(data: &mut dyn Read, text: &mut Vec<u8>, length: usize) -> Result<bool, Exception> {
    let missing = length.saturating_sub(text.len()) as u64;
    let read = data.take(missing).read_to_end(text).map_err(|error| broken_body(&error))?;
    Ok(read as u64 == missing)
}

fn broken_body(error: &io::Error) -> Exception {
    let code = match error.kind() {
        io::ErrorKind::InvalidData => Exception::CANNOT_DECOMPRESS,
        io::ErrorKind::FileTooLarge => Exception::QUERY_IS_TOO_LARGE,
        _ => Exception::CANNOT_READ_ALL_DATA,
    };
    Exception::new(code, format!("Cannot read the request body: {error}"))
}

fn sql(text: &[u8]) -> Result<&str, Exception> {
    std::str::from_utf8(text)
        .map_err(|_| Exception::new(Exception::INCORRECT_DATA, "the statement is not UTF-8"))
}

/// The data go through the engine's streaming insert, whatever their size. A body that breaks off inserts nothing
/// beyond the full blocks (a million rows) that the engine had written before.
fn insert(
    connection: &mut Connection<'_>,
    request: &Request,
    sql: &str,
    format: &str,
    first: &[u8],
    mut rest: Box<dyn Read>,
) -> Result<Written, Exception> {
    let mut insert = connection.insert(sql, format, &request.parameters)?;
    insert.append(first)?;
    let mut buffer = vec![0; APPEND_BYTES];
    loop {
        match rest.read(&mut buffer).map_err(|error| broken_body(&error))? {
            0 => return insert.finish(),
            length => insert.append(&buffer[..length])?,
        }
    }
}

/// Whether the statement is one that can be streamed; if not, nothing has happened.
fn stream(
    connection: &mut Connection<'_>,
    request: &Request,
    sql: &str,
    format: &str,
    mut joiner: Joiner,
    reply: &mut Reply,
) -> Result<bool, Exception> {
    let mut pieces = match connection.stream(sql, format, &request.parameters) {
        // What begins like a SELECT and is none, such as `WITH … INSERT`.
        Err(exception) if exception.text.contains("Streaming query is not supported") => return Ok(false),
        pieces => pieces?,
    };
    // An exception before the first row still gets its own status.
    let mut piece = pieces.next()?;
    reply.begin(Head { format: format.to_owned(), ..Head::default() });
    while let Some(bytes) = piece {
        if !reply.send(joiner.join(bytes)?) {
            break;
        }
        piece = pieces.next()?;
    }
    Ok(true)
}

fn whole(
    connection: &mut Connection<'_>,
    request: &Request,
    sql: &str,
    format: &str,
    reply: &mut Reply,
) -> Result<(), Exception> {
    let answer = connection.execute(sql, format, &request.parameters)?;
    reply.begin(Head { format: format.to_owned(), result_rows: answer.rows, written: answer.written });
    let mut bytes = answer.bytes;
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(APPEND_BYTES));
        if !reply.send(piece) {
            break;
        }
    }
    Ok(())
}

impl Reply {
    fn begin(&mut self, head: Head) {
        if let Some(sender) = self.head.take() {
            // A client that has gone needs no head.
            let _ = sender.send(Ok(head));
        }
    }

    /// Whether somebody still listens.
    fn send(&mut self, piece: Bytes) -> bool {
        let piece = if self.compress { framing::compress(&piece).into() } else { piece };
        self.pieces.blocking_send(Ok(piece)).is_ok()
    }

    fn fail(&mut self, exception: Exception) {
        if let Some(sender) = self.head.take() {
            let _ = sender.send(Err(exception));
        } else if self.send(exception_piece(&exception.text, &self.exception_tag)) {
            let _ = self.pieces.blocking_send(Err(Broken));
        }
    }
}

/// The end of a result that broke off, as ClickHouse writes it since 25.11: a frame that no data contain, since its
/// tag was made up for this answer and told in its head.
fn exception_piece(text: &str, tag: &str) -> Bytes {
    let length = text.len() + 1;
    format!("\r\n__exception__\r\n{tag}\r\n{text}\n{length} {tag}\r\n__exception__\r\n").into()
}

/// Stops a query whose client has gone, when dropped.
pub(crate) struct Stopper {
    pub(crate) engine: Arc<Engine>,
    pub(crate) mark: String,
    pub(crate) ended: Arc<AtomicBool>,
}

impl Drop for Stopper {
    fn drop(&mut self) {
        if self.ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (engine, mark) = (self.engine.clone(), std::mem::take(&mut self.mark));
        runtime.spawn_blocking(move || {
            let kill = format!("KILL QUERY WHERE Settings['log_comment'] = '{mark}' ASYNC");
            let killed = engine
                .connect()
                .and_then(|mut connection| connection.execute(&kill, "Null", &Default::default()).map(drop));
            if let Err(exception) = killed {
                tracing::warn!(error = exception.text, "a query whose client has gone could not be stopped");
            }
        });
    }
}
