//! Reading a final failure.

use super::api::{AuthRefusal, Failure, FailureOrigin, TextClass};
use crate::message::{HeaderName, Message, StartLine};

/// What carriers write when it is the line that is full and not the callee who is away.
const LIMIT_WORDS: [&[u8]; 9] = [
    b"limit",
    b"exceed",
    b"capacity",
    b"congest",
    b"channels",
    b"concurrent",
    b"too many",
    b"overload",
    b"cps",
];

/// The failure in a final response, 300–699.
pub(super) fn of_response(response: &Message<'_>, cancelled: bool, auth: Option<AuthRefusal>) -> Failure {
    let (status, phrase) = match response.start() {
        StartLine::Response { status, phrase } => (status, phrase),
        StartLine::Request { .. } => (400, b"".as_slice()),
    };
    let warned = response.headers(HeaderName::Warning).chain(response.headers(HeaderName::Reason));
    let speaks_of_limit = std::iter::once(phrase).chain(warned).any(speaks_of_limit);
    Failure {
        status,
        origin: FailureOrigin::Response,
        responded: true,
        cancelled,
        q850: response.q850(),
        retry_after_s: response.retry_after_s(),
        text: if speaks_of_limit { TextClass::Limit } else { TextClass::Plain },
        auth,
    }
}

/// The failure when no final response came.
pub(super) fn of_silence(origin: FailureOrigin, responded: bool, cancelled: bool) -> Failure {
    Failure {
        status: 408,
        origin,
        responded,
        cancelled,
        q850: None,
        retry_after_s: None,
        text: TextClass::Plain,
        auth: None,
    }
}

fn speaks_of_limit(text: &[u8]) -> bool {
    LIMIT_WORDS.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_told_from_a_refusal() {
        assert!(speaks_of_limit(b"Concurrent Call Limit Reached"));
        assert!(speaks_of_limit(b"CPS exceeded"));
        assert!(!speaks_of_limit(b"Forbidden"));
        assert!(!speaks_of_limit(b""));
    }
}
