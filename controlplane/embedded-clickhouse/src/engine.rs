//! The engine behind safe types: connections, queries, streamed queries, streamed inserts.
//!
//! Every request gets a connection of its own (0.2 ms), so that its settings, parameters and current database die with
//! it. All calls block; the HTTP side runs them on threads for blocking work.

use std::{
    ffi::{CStr, CString, c_char},
    fs::File,
    marker::PhantomData,
    path::Path,
    ptr::NonNull,
};

use bytes::Bytes;

use crate::{
    Error,
    exception::Exception,
    library::{ConnectionBox, ConnectionPtr, InsertPtr, Library, ResultPtr},
};

/// The engine with one data folder. A process holds at most one.
pub(crate) struct Engine {
    library: &'static Library,
    arguments: Vec<CString>,
    /// ClickHouse's own version, such as `26.7.2.1`.
    pub(crate) version: String,
    /// Name of the engine's time zone.
    pub(crate) timezone: String,
    /// Held so that the engine stays up between requests.
    _keep: Connection<'static>,
    /// Held so that no second process opens the folder: the engine itself would let it.
    _lock: File,
}

// SAFETY: `library` holds plain functions that chdb.h calls thread-safe; `_keep` is never used again after `open`,
// only closed, by whichever thread drops the engine.
unsafe impl Send for Engine {}
// SAFETY: as above; `connect` takes `&self` and shares nothing but the functions and the argument strings.
unsafe impl Sync for Engine {}

impl Engine {
    /// Opens `path` (created if missing) with the engine's own options `--name=value`.
    pub(crate) fn open(library: &'static Library, path: &Path, options: &[String]) -> Result<Self, Error> {
        let io = |source| Error::Folder { path: path.to_path_buf(), source };
        std::fs::create_dir_all(path).map_err(io)?;
        let path = path.canonicalize().map_err(io)?;
        let lock = File::create(path.join("peal.lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(Error::FolderInUse { path }),
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut arguments = vec!["clickhouse".to_owned(), format!("--path={}", path.display())];
        arguments.extend_from_slice(options);
        let arguments = arguments
            .into_iter()
            .map(|argument| {
                CString::new(argument).map_err(|_| Error::Start("an option holds a NUL byte".into()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut keep = Connection::open(library, &arguments)
            .ok_or_else(|| Error::Start(format!("the engine does not open {}", path.display())))?;
        let about = keep
            .execute("SELECT version(), timezone()", "TSV", &Parameters::default())
            .map_err(|exception| Error::Start(exception.text))?;
        let about = String::from_utf8_lossy(&about.bytes);
        let (version, timezone) = about.trim_end().split_once('\t').unwrap_or((&about, "UTC"));
        Ok(Self {
            library,
            version: version.to_owned(),
            timezone: timezone.to_owned(),
            arguments,
            _keep: keep,
            _lock: lock,
        })
    }

    /// A connection with default settings.
    pub(crate) fn connect(&self) -> Result<Connection<'_>, Exception> {
        Connection::open(self.library, &self.arguments)
            .ok_or_else(|| Exception::new(Exception::NETWORK_ERROR, "the engine refuses a new connection"))
    }
}

/// A session of the engine. One statement at a time.
pub(crate) struct Connection<'e> {
    library: &'static Library,
    handle: NonNull<*mut std::ffi::c_void>,
    _engine: PhantomData<&'e Engine>,
}

impl<'e> Connection<'e> {
    fn open(library: &'static Library, arguments: &[CString]) -> Option<Self> {
        let mut pointers: Vec<*mut c_char> =
            arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = i32::try_from(pointers.len()).expect("a handful of options");
        // SAFETY: `pointers` are `count` NUL-terminated strings that live through the call, which only reads them.
        let handle: ConnectionBox = unsafe { (library.connect)(count, pointers.as_mut_ptr()) };
        Some(Self { library, handle: NonNull::new(handle)?, _engine: PhantomData })
    }

    fn raw(&self) -> ConnectionPtr {
        // SAFETY: `handle` came from `chdb_connect`, points at the connection and is valid until `close`.
        unsafe { *self.handle.as_ptr() }
    }

    /// Runs a statement and returns its whole result in `format`.
    ///
    /// Never pass data inlined in an INSERT: the engine cuts it at the first empty line. See [`Self::insert`].
    pub(crate) fn execute(
        &mut self,
        sql: &str,
        format: &str,
        with: &Parameters,
    ) -> Result<Answer, Exception> {
        let result = OwnedResult::new(self.library, self.call(self.library.query, sql, format, with));
        result.error()?;
        Ok(Answer { bytes: result.bytes(), rows: result.rows_read(), written: result.written() })
    }

    /// Starts a SELECT whose result comes in pieces. Each piece is formatted on its own: see [`crate::pieces`].
    pub(crate) fn stream(
        &mut self,
        sql: &str,
        format: &str,
        with: &Parameters,
    ) -> Result<Pieces<'_, 'e>, Exception> {
        let result = OwnedResult::new(self.library, self.call(self.library.stream_query, sql, format, with));
        result.error()?;
        Ok(Pieces { connection: self, result, done: false })
    }

    /// Starts an INSERT whose data follow in `format`. `sql` ends before its FORMAT clause.
    pub(crate) fn insert(
        &mut self,
        sql: &str,
        format: &str,
        with: &Parameters,
    ) -> Result<Insert<'_, 'e>, Exception> {
        let handle: InsertPtr = self.call(self.library.stream_insert, sql, format, with);
        let insert = Insert { connection: self, handle };
        insert.error().map_or(Ok(insert), Err)
    }

    fn call(
        &mut self,
        function: unsafe extern "C" fn(
            ConnectionPtr,
            *const c_char,
            usize,
            *const c_char,
            usize,
            *const *const c_char,
            *const usize,
            *const *const c_char,
            *const usize,
            usize,
        ) -> *mut std::ffi::c_void,
        sql: &str,
        format: &str,
        with: &Parameters,
    ) -> *mut std::ffi::c_void {
        let pointers = |texts: &[String]| texts.iter().map(|text| text.as_ptr().cast()).collect::<Vec<_>>();
        let lengths = |texts: &[String]| texts.iter().map(String::len).collect::<Vec<_>>();
        let (names, name_lengths) = (pointers(&with.names), lengths(&with.names));
        let (values, value_lengths) = (pointers(&with.values), lengths(&with.values));
        // SAFETY: every pointer goes with its length and lives through the call, which copies what it keeps; the
        // connection is ours alone because we hold `&mut self`.
        unsafe {
            function(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                with.names.len(),
            )
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect`, closed once, and everything that borrows it is gone.
        unsafe { (self.library.close)(self.handle.as_ptr()) }
    }
}

/// Named values for `{name:Type}` places in a statement. The engine substitutes them; they are never text of the SQL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    names: Vec<String>,
    values: Vec<String>,
}

impl Parameters {
    /// Adds a value for `{name:…}`.
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.names.push(name);
        self.values.push(value);
    }
}

/// The whole result of a statement.
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    /// Rows of the result.
    pub(crate) rows: u64,
    pub(crate) written: Written,
}

/// What an INSERT wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// The pieces of a streamed result.
pub(crate) struct Pieces<'c, 'e> {
    connection: &'c mut Connection<'e>,
    result: OwnedResult,
    done: bool,
}

impl Pieces<'_, '_> {
    /// The next piece, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        if self.done {
            return Ok(None);
        }
        let library = self.connection.library;
        // SAFETY: both handles are live and no other thread uses them (`&mut self`).
        let piece = unsafe { (library.stream_fetch)(self.connection.raw(), self.result.handle) };
        let piece = OwnedResult::new(library, piece);
        piece.error().inspect_err(|_| self.done = true)?;
        let bytes = piece.bytes();
        self.done = bytes.is_empty();
        Ok((!self.done).then_some(bytes))
    }
}

impl Drop for Pieces<'_, '_> {
    fn drop(&mut self) {
        if !self.done {
            // SAFETY: as in `next`; frees nothing, `result` is destroyed by its own drop.
            unsafe { (self.connection.library.stream_cancel)(self.connection.raw(), self.result.handle) }
        }
    }
}

/// An open INSERT. Dropped without [`Insert::finish`], it inserts nothing that was not flushed as a full block before.
pub(crate) struct Insert<'c, 'e> {
    connection: &'c mut Connection<'e>,
    handle: InsertPtr,
}

impl Insert<'_, '_> {
    /// Hands over data in the insert's format, cut anywhere; blocks while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: `data` is valid through the call, which copies it; the handle is live.
        let state =
            unsafe { (self.connection.library.insert_append)(self.handle, data.as_ptr().cast(), data.len()) };
        // The cause of a failed append is only told by `finish`.
        if state == 0 { Ok(()) } else { Err(self.end().err().unwrap_or_else(Exception::unexplained)) }
    }

    /// Commits.
    pub(crate) fn finish(mut self) -> Result<Written, Exception> {
        self.end()
    }

    fn end(&mut self) -> Result<Written, Exception> {
        // SAFETY: the handle is live; ending twice is defined and reports the first error.
        let result = unsafe { (self.connection.library.insert_done)(self.handle) };
        let result = OwnedResult::new(self.connection.library, result);
        result.error()?;
        Ok(result.written())
    }

    fn error(&self) -> Option<Exception> {
        // SAFETY: the handle is live; the text belongs to it and is copied before anything else happens.
        let text = unsafe { (self.connection.library.insert_error)(self.handle) };
        // SAFETY: NULL or NUL-terminated.
        (!text.is_null()).then(|| Exception::parse(&unsafe { CStr::from_ptr(text) }.to_string_lossy()))
    }
}

impl Drop for Insert<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once; cancels the insert first if it was not finished.
        unsafe { (self.connection.library.insert_destroy)(self.handle) }
    }
}

/// A `chdb_result` of ours.
struct OwnedResult {
    library: &'static Library,
    handle: ResultPtr,
}

impl OwnedResult {
    fn new(library: &'static Library, handle: ResultPtr) -> Self {
        Self { library, handle }
    }

    fn error(&self) -> Result<(), Exception> {
        if self.handle.is_null() {
            return Err(Exception::unexplained());
        }
        // SAFETY: live handle; the text is NULL or NUL-terminated and belongs to the handle.
        let text = unsafe { (self.library.result_error)(self.handle) };
        if text.is_null() {
            return Ok(());
        }
        // SAFETY: as above.
        Err(Exception::parse(&unsafe { CStr::from_ptr(text) }.to_string_lossy()))
    }

    fn bytes(&self) -> Bytes {
        // SAFETY: live handle, checked by `error` before.
        let (data, length) =
            unsafe { ((self.library.result_buffer)(self.handle), (self.library.result_length)(self.handle)) };
        if data.is_null() || length == 0 {
            return Bytes::new();
        }
        // SAFETY: the handle owns `length` bytes at `data` until it is destroyed; they are copied here.
        Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(data.cast(), length) })
    }

    fn rows_read(&self) -> u64 {
        // SAFETY: live handle.
        unsafe { (self.library.result_rows_read)(self.handle) }
    }

    fn written(&self) -> Written {
        // SAFETY: live handle.
        unsafe {
            Written {
                rows: (self.library.result_rows_written)(self.handle),
                bytes: (self.library.result_bytes_written)(self.handle),
            }
        }
    }
}

impl Drop for OwnedResult {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: destroyed once, and nothing borrows its memory.
            unsafe { (self.library.result_destroy)(self.handle) }
        }
    }
}
