//! Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`, which no RFC describes but gateways send.

use crate::message::Message;

/// A digit that was pressed for longer than this did not happen; the claim is cut.
const DURATION_MS_MAX: u64 = 10_000;

/// The digit and its length in milliseconds, if the body holds one.
pub(super) fn digit(info: &Message<'_>) -> Option<(u8, Option<u16>)> {
    if info.has_content_type("application/dtmf") {
        return Some((known(info.body().trim_ascii())?, None));
    }
    if !info.has_content_type("application/dtmf-relay") {
        return None;
    }
    let field = |name: &[u8]| {
        info.body().split(|byte| matches!(byte, b'\r' | b'\n')).find_map(|line| {
            let equals = line.iter().position(|byte| *byte == b'=')?;
            let matches = line[..equals].trim_ascii().eq_ignore_ascii_case(name);
            matches.then(|| line[equals + 1..].trim_ascii())
        })
    };
    let duration = field(b"Duration")
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok())
        .map(|duration| duration.min(DURATION_MS_MAX) as u16);
    Some((known(field(b"Signal")?)?, duration))
}

/// One of the sixteen digits; 10 and 11 are how some gateways write `*` and `#`.
fn known(signal: &[u8]) -> Option<u8> {
    match signal {
        b"10" => Some(b'*'),
        b"11" => Some(b'#'),
        [digit @ (b'0'..=b'9' | b'*' | b'#')] => Some(*digit),
        [letter @ (b'A'..=b'D' | b'a'..=b'd')] => Some(letter.to_ascii_uppercase()),
        _ => None,
    }
}
