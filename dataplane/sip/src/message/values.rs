//! Comma-joined header values (RFC 3261 section 7.3.1).

/// The values of one header field, split at commas that stand outside quotes and angle brackets. Empty values are
/// passed over.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// Over one field's text.
    pub fn new(field: &'a [u8]) -> Self {
        Values { rest: field }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = value_len(self.rest);
            let value = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

/// Up to the first comma outside quotes and brackets. A quote or bracket that does not close takes the rest.
fn value_len(text: &[u8]) -> usize {
    // Most fields hold one value, which a search for a single byte tells sooner than the look at each.
    if !text.contains(&b',') {
        return text.len();
    }
    let mut quoted = false;
    let mut bracketed = false;
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        match byte {
            b'\\' if quoted => index += 1,
            b'"' if !bracketed => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            b',' if !quoted && !bracketed => return index,
            _ => {}
        }
        index += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let field = br#""Bell, A \"B\"" <sip:a,b@c>;x="1,2" , ,<sip:d>,"open, x"#;
        let values: Vec<_> = Values::new(field).map(|value| String::from_utf8_lossy(value)).collect();
        assert_eq!(values, [r#""Bell, A \"B\"" <sip:a,b@c>;x="1,2""#, "<sip:d>", "\"open, x"]);
    }
}
