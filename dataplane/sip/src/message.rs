//! SIP messages (RFC 3261 section 7): a borrowed view of one datagram, and the writer for the next one.
//!
//! Owns the syntax. Parsing is one pass over the bytes, bounded by the constants below, and allocates nothing:
//! a [`Message`] is a table of spans into the datagram, and every accessor reads its header when asked.
//! It takes any bytes (Latin-1 and worse) and never panics. It knows no transactions and no dialogs.

mod cseq;
mod error;
mod header;
mod name_addr;
mod params;
mod parse;
mod reply;
mod uri;
mod values;
mod via;
mod writer;

pub use cseq::CSeq;
pub use error::{ParseError, Verdict};
pub use header::HeaderName;
pub use name_addr::NameAddr;
pub(crate) use params::is_token;
pub use params::{Param, Params};
pub use parse::{Header, Message, StartLine};
pub use reply::Reply;
pub use uri::{Host, Uri};
pub use values::Values;
pub use via::Via;
pub use writer::{WriteError, Writer};

/// The longest message taken: what one UDP datagram can hold, so that offsets fit in 16 bits.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Header fields kept of one message. A request that crossed ten proxies has about fifty; the longest of the
/// RFC 4475 messages has 32. More is an attack on whoever loops over them, and is refused with 400.
pub const HEADERS_MAX: usize = 128;

/// The longest method name. RFC 4475 has one of 50 characters; registered ones have at most nine.
pub const METHOD_BYTES_MAX: usize = 64;

/// The longest Call-ID taken. RFC 4475 has one of 150 bytes; what we copy into replies stays small.
pub const CALL_ID_BYTES_MAX: usize = 512;
