//! Text into a lent slice, never past its end, never with a line break that came from a value.

use std::fmt::{self, Write as _};

/// Why a message was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// It does not fit.
    Full,
    /// A value held CR, LF or another control character (header injection).
    Injection,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WriteError::Full => "the message does not fit",
            WriteError::Injection => "a value holds a line break or a control character",
        })
    }
}

impl std::error::Error for WriteError {}

/// Writes a message. The first error sticks and is returned by [`finish`](Writer::finish), so that the calls chain.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
    error: Option<WriteError>,
}

impl<'a> Writer<'a> {
    /// Begins at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Writer { out, len: 0, error: None }
    }

    /// `METHOD uri SIP/2.0`
    pub fn request_line(&mut self, method: &[u8], uri: &[u8]) -> &mut Self {
        if uri.contains(&b' ') || method.contains(&b' ') {
            self.fail(WriteError::Injection);
        }
        self.value(method).raw(b" ").value(uri).raw(b" SIP/2.0\r\n")
    }

    /// `SIP/2.0 status phrase`
    pub fn status_line(&mut self, status: u16, phrase: &str) -> &mut Self {
        self.raw(b"SIP/2.0 ").number(u64::from(status)).raw(b" ").value(phrase.as_bytes()).raw(b"\r\n")
    }

    /// One header of one value.
    pub fn header(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.value(name.as_bytes()).raw(b": ").value(value).raw(b"\r\n")
    }

    /// One header whose value is a number.
    pub fn header_number(&mut self, name: &str, value: u64) -> &mut Self {
        self.value(name.as_bytes()).raw(b": ").number(value).raw(b"\r\n")
    }

    /// Content-Length, the empty line, and the body.
    pub fn body(&mut self, body: &[u8]) -> &mut Self {
        self.header_number("Content-Length", body.len() as u64).raw(b"\r\n").raw(body)
    }

    /// Bytes that this program chose, or that were checked before.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        match self.out.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.fail(WriteError::Full),
        }
        self
    }

    /// Bytes that somebody else chose: refused if they hold a control character other than tab.
    pub fn value(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            self.fail(WriteError::Injection);
        }
        self.raw(bytes)
    }

    /// A header value out of a parsed message, to be mirrored. Folds (RFC 3261 section 7.3.1) become one space; control
    /// characters that the parser let through, which stand behind a backslash in a quoted string, stay as they are.
    pub fn mirrored(&mut self, value: &[u8]) -> &mut Self {
        let mut rest = value;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            self.raw(rest[..end].trim_ascii_end()).raw(b" ");
            rest = rest[end..].trim_ascii_start();
        }
        self.raw(rest)
    }

    /// A quoted string (RFC 3261 section 25.1): quotes and backslashes are escaped, control characters refused.
    pub fn quoted(&mut self, text: &[u8]) -> &mut Self {
        self.raw(b"\"");
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                self.raw(b"\\");
            }
            self.value(std::slice::from_ref(byte));
        }
        self.raw(b"\"")
    }

    /// A decimal number.
    pub fn number(&mut self, mut value: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.raw(&digits[start..])
    }

    /// A hexadecimal number, lower case, without leading zeros.
    pub fn hex(&mut self, value: u64) -> &mut Self {
        let digits = (64 - value.leading_zeros()).div_ceil(4).max(1);
        self.hex_padded(value, digits as usize)
    }

    /// A hexadecimal number of at least `width` digits, 16 at most.
    pub fn hex_padded(&mut self, value: u64, width: usize) -> &mut Self {
        let mut digits = [0u8; 16];
        for (index, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(value >> (60 - 4 * index) & 0xf) as usize];
        }
        self.raw(&digits[16 - width.min(16)..])
    }

    /// Anything that displays as text which this program chose, such as an address.
    pub fn display(&mut self, value: impl fmt::Display) -> &mut Self {
        // Our write_str notes the error itself.
        let _ = write!(self, "{value}");
        self
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of the message, or the first thing that went wrong.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::Injection`].
    pub fn finish(&self) -> Result<usize, WriteError> {
        self.error.map_or(Ok(self.len), Err)
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.value(text.as_bytes());
        if self.error.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_a_value_is_refused() {
        for value in ["a\r\nX: 1", "a\nb", "a\rb", "a\0b", "a\x1b[2J", "a\x7f"] {
            let mut out = [0; 100];
            let written = Writer::new(&mut out).header("Subject", value.as_bytes()).finish();
            assert_eq!(written, Err(WriteError::Injection), "{value:?}");
        }
    }

    #[test]
    fn nothing_is_written_past_the_end() {
        let mut out = [b'#'; 8];
        assert_eq!(
            Writer::new(&mut out[..4]).raw(b"abc").raw(b"de").raw(b"f").finish(),
            Err(WriteError::Full)
        );
        assert_eq!(&out[4..], b"####");
    }

    #[test]
    fn quotes_are_escaped_and_folds_unfolded() {
        let mut out = [0; 100];
        let len =
            Writer::new(&mut out).quoted(br#"a "b" \c"#).raw(b" ").mirrored(b"x \r\n\t y").finish().unwrap();
        assert_eq!(&out[..len], br#""a \"b\" \\c" x y"#);
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = [0; 40];
        let len = Writer::new(&mut out).number(0).raw(b" ").number(u64::MAX).finish().unwrap();
        assert_eq!(&out[..len], b"0 18446744073709551615");
    }
}
