//! `libchdb.so`: where it is found, and the entry points that we use, as its `chdb.h` declares them.
//!
//! The library is opened once and never closed: it starts threads of its own that live until the process ends.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::{Path, PathBuf},
};

use crate::Error;

/// Environment variable that names the library.
pub const LIBRARY_VARIABLE: &str = "PEAL_LIBCHDB";
const FILE_NAME: &str = "libchdb.so";

/// `chdb_connection *`: a connection, owned by whoever connected.
pub(crate) type ConnectionBox = *mut *mut c_void;
/// `chdb_connection`: what the calls take.
pub(crate) type ConnectionPtr = *mut c_void;
/// `chdb_result *`.
pub(crate) type ResultPtr = *mut c_void;
/// `chdb_insert_stream`.
pub(crate) type InsertPtr = *mut c_void;

/// `const char *`, length; then names, their lengths, values, their lengths, count.
type QueryWithParams = unsafe extern "C" fn(
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
) -> *mut c_void;

/// The entry points. All are safe to call from any thread as long as one connection is used by one thread at a time.
pub(crate) struct Library {
    pub(crate) connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> ConnectionBox,
    pub(crate) close: unsafe extern "C" fn(ConnectionBox),
    pub(crate) query: QueryWithParams,
    pub(crate) stream_query: QueryWithParams,
    pub(crate) stream_fetch: unsafe extern "C" fn(ConnectionPtr, ResultPtr) -> ResultPtr,
    pub(crate) stream_cancel: unsafe extern "C" fn(ConnectionPtr, ResultPtr),
    pub(crate) stream_insert: QueryWithParams,
    pub(crate) insert_append: unsafe extern "C" fn(InsertPtr, *const c_void, usize) -> c_int,
    pub(crate) insert_done: unsafe extern "C" fn(InsertPtr) -> ResultPtr,
    pub(crate) insert_error: unsafe extern "C" fn(InsertPtr) -> *const c_char,
    pub(crate) insert_destroy: unsafe extern "C" fn(InsertPtr),
    pub(crate) result_buffer: unsafe extern "C" fn(ResultPtr) -> *const c_char,
    pub(crate) result_length: unsafe extern "C" fn(ResultPtr) -> usize,
    pub(crate) result_error: unsafe extern "C" fn(ResultPtr) -> *const c_char,
    pub(crate) result_rows_read: unsafe extern "C" fn(ResultPtr) -> u64,
    pub(crate) result_rows_written: unsafe extern "C" fn(ResultPtr) -> u64,
    pub(crate) result_bytes_written: unsafe extern "C" fn(ResultPtr) -> u64,
    pub(crate) result_destroy: unsafe extern "C" fn(ResultPtr),
    /// Version of the library, such as `26.7.3`.
    pub(crate) version: String,
}

impl Library {
    /// Opens the library that `explicit` names, or the one that [`find`] finds.
    pub(crate) fn open(explicit: Option<&Path>) -> Result<&'static Self, Error> {
        let path = match explicit {
            Some(path) => path.to_path_buf(),
            None => find()?,
        };
        let load = |source| Error::Library { path: path.clone(), source };
        // SAFETY: opening runs the library's initialisers. It is the engine that whoever set us up installed, and
        // nothing else has been loaded from it before.
        let library = unsafe { libloading::Library::new(&path) }.map_err(load)?;
        // Never unloaded: its threads outlive every value of ours.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the field's type is the declaration of this name in chdb.h of the pinned version.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(load)?
            };
        }
        let version: unsafe extern "C" fn() -> *const c_char = symbol!("chdb_version");
        let no_signal_handlers: unsafe extern "C" fn(c_int) = symbol!("chdb_set_signal_handlers_enabled");
        // SAFETY: may be called at any time before the first connection. Signals are this process's own business.
        unsafe { no_signal_handlers(0) };
        // SAFETY: returns a static, NUL-terminated string.
        let version = unsafe { CStr::from_ptr(version()) }.to_string_lossy().into_owned();
        Ok(Box::leak(Box::new(Self {
            connect: symbol!("chdb_connect"),
            close: symbol!("chdb_close_conn"),
            query: symbol!("chdb_query_with_params_n"),
            stream_query: symbol!("chdb_stream_query_with_params_n"),
            stream_fetch: symbol!("chdb_stream_fetch_result"),
            stream_cancel: symbol!("chdb_stream_cancel_query"),
            stream_insert: symbol!("chdb_stream_insert_with_params_n"),
            insert_append: symbol!("chdb_stream_append"),
            insert_done: symbol!("chdb_stream_done"),
            insert_error: symbol!("chdb_stream_insert_error"),
            insert_destroy: symbol!("chdb_destroy_insert_stream"),
            result_buffer: symbol!("chdb_result_buffer"),
            result_length: symbol!("chdb_result_length"),
            result_error: symbol!("chdb_result_error"),
            result_rows_read: symbol!("chdb_result_rows_read"),
            result_rows_written: symbol!("chdb_result_rows_written"),
            result_bytes_written: symbol!("chdb_result_bytes_written"),
            result_destroy: symbol!("chdb_destroy_query_result"),
            version,
        })))
    }
}

/// Where the library is: what [`LIBRARY_VARIABLE`] names, else beside the executable, else `.deps/chdb` in a folder
/// above the executable or above the current folder.
pub fn find() -> Result<PathBuf, Error> {
    if let Some(path) = std::env::var_os(LIBRARY_VARIABLE) {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(path) } else { Err(Error::NoLibrary { looked: vec![path] }) };
    }
    let mut looked = Vec::new();
    let executable = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    if let Some(folder) = &executable {
        looked.push(folder.join(FILE_NAME));
    }
    for start in executable.into_iter().chain(std::env::current_dir().ok()) {
        for folder in start.ancestors() {
            looked.push(folder.join(".deps/chdb").join(FILE_NAME));
        }
    }
    match looked.iter().position(|path| path.is_file()) {
        Some(found) => Ok(looked.swap_remove(found)),
        None => Err(Error::NoLibrary { looked }),
    }
}
