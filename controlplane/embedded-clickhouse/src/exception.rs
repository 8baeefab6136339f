//! What goes wrong inside ClickHouse, in ClickHouse's own words and numbers.

use hyper::StatusCode;

/// An exception of the engine, or one that we raise in its manner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// ClickHouse's number for the kind of error.
    pub(crate) code: u32,
    /// `Code: N. DB::Exception: …`.
    pub(crate) text: String,
}

impl Exception {
    pub(crate) const BAD_ARGUMENTS: u32 = 36;
    pub(crate) const NOT_IMPLEMENTED: u32 = 48;
    pub(crate) const SYNTAX_ERROR: u32 = 62;
    pub(crate) const CANNOT_DECOMPRESS: u32 = 271;
    pub(crate) const CANNOT_READ_ALL_DATA: u32 = 33;
    pub(crate) const INCORRECT_DATA: u32 = 117;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub(crate) const NETWORK_ERROR: u32 = 210;
    pub(crate) const QUERY_IS_TOO_LARGE: u32 = 223;
    pub(crate) const AUTHENTICATION_FAILED: u32 = 516;
    const UNKNOWN_EXCEPTION: u32 = 1002;

    /// One of ours.
    pub(crate) fn new(code: u32, message: impl std::fmt::Display) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {message}") }
    }

    /// The engine's.
    pub(crate) fn parse(text: &str) -> Self {
        let code = text
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split_once('.'))
            .and_then(|(code, _)| code.parse().ok());
        match code {
            Some(code) => Self { code, text: text.to_owned() },
            None => Self::new(Self::UNKNOWN_EXCEPTION, text),
        }
    }

    /// The engine failed and did not say why.
    pub(crate) fn unexplained() -> Self {
        Self::new(Self::UNKNOWN_EXCEPTION, "the engine failed without a reason")
    }

    /// With the engine's version at its end, where a server has it.
    pub(crate) fn with_version(mut self, version: &str) -> Self {
        if !self.text.contains("(version ") {
            self.text = format!("{} (version {version} (embedded))", self.text);
        }
        self
    }

    /// The status with which ClickHouse's HTTP interface reports such a code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 497 | 516 => StatusCode::FORBIDDEN,
            6 | 25 | 26 | 27 | 33 | 36 | 38 | 41 | 43 | 53 | 62 | 69 | 70 | 72 | 117 | 130 | 190 | 271
            | 376 | 407 | 427 | 441 | 456 | 457 => StatusCode::BAD_REQUEST,
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 99 | 115 | 336 => StatusCode::NOT_FOUND,
            48 => StatusCode::NOT_IMPLEMENTED,
            159 => StatusCode::REQUEST_TIMEOUT,
            223 => StatusCode::PAYLOAD_TOO_LARGE,
            76 | 202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_from_the_text() {
        let exception = Exception::parse("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)");
        assert_eq!((exception.code, exception.status()), (60, StatusCode::NOT_FOUND));
    }

    #[test]
    fn a_text_without_code_becomes_an_exception_all_the_same() {
        let exception = Exception::parse("Insert stream already finalized");
        assert_eq!(exception.text, "Code: 1002. DB::Exception: Insert stream already finalized");
    }
}
