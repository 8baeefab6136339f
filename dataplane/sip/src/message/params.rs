//! `;name=value` parameters and the lexical pieces under them (RFC 3261 section 25.1).

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name; compared without case.
    pub name: &'a [u8],
    /// Its value, quotes included; `None` for a flag.
    pub value: Option<&'a [u8]>,
}

/// The parameters of a header value. Iterating ends at the first that does not parse;
/// [`is_valid`](Params::is_valid) says beforehand whether there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    /// Over text that is empty or begins with `;`.
    pub fn new(text: &'a [u8]) -> Self {
        Params { rest: text.trim_ascii() }
    }

    /// Every parameter parses.
    pub fn is_valid(mut self) -> bool {
        while self.next().is_some() {}
        self.rest.is_empty()
    }

    /// The first parameter of this name.
    pub fn find(mut self, name: &[u8]) -> Option<Param<'a>> {
        self.by_ref().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of this name, when it has one.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.find(name)?.value
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let text = self.rest.strip_prefix(b";")?.trim_ascii_start();
        let name_len = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
        if name_len == 0 {
            return None;
        }
        let (name, rest) = text.split_at(name_len);
        let rest = rest.trim_ascii_start();
        let (value, rest) = match rest.strip_prefix(b"=") {
            None => (None, rest),
            Some(rest) => {
                let rest = rest.trim_ascii_start();
                let value_len = match rest.first()? {
                    b'"' => quoted_len(rest)?,
                    _ => rest.iter().position(|byte| !is_value_byte(*byte)).unwrap_or(rest.len()),
                };
                if value_len == 0 {
                    return None;
                }
                (Some(&rest[..value_len]), &rest[value_len..])
            }
        };
        let rest = rest.trim_ascii_start();
        if !rest.is_empty() && rest[0] != b';' {
            return None;
        }
        self.rest = rest;
        Some(Param { name, value })
    }
}

/// The length of the quoted string at the start of `text`, both quotes included; `None` if it does not close.
pub(crate) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut index = 1;
    loop {
        match text.get(index)? {
            b'"' => return Some(index + 1),
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
}

/// A non-empty RFC 3261 token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TOKEN != 0
}

/// What an unquoted parameter value may hold: tokens, hosts (IPv6 included), and URI characters, which peers put here.
fn is_value_byte(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & VALUE != 0
}

const TOKEN: u8 = 1;
const VALUE: u8 = 2;

/// One look-up a byte: these questions are asked of nearly every byte of a message.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut index = 0;
    while index < classes.len() {
        let byte = index as u8;
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
        {
            classes[index] |= TOKEN;
        }
        if byte > b' ' && !matches!(byte, 0x7f | b';' | b',' | b'"' | b'<' | b'>') {
            classes[index] |= VALUE;
        }
        index += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_quotes_and_white_space() {
        let params =
            Params::new(b";\r\n  branch  =   z9hG4bK9ikj8 ; rport;x=\"a;\\\"b\" ;received=[2001:db8::1]");
        assert!(params.is_valid());
        assert_eq!(params.value(b"BRANCH"), Some(b"z9hG4bK9ikj8".as_slice()));
        assert_eq!(params.find(b"rport"), Some(Param { name: b"rport", value: None }));
        assert_eq!(params.value(b"x"), Some(br#""a;\"b""#.as_slice()));
        assert_eq!(params.value(b"received"), Some(b"[2001:db8::1]".as_slice()));
    }

    #[test]
    fn empty_and_unfinished_parameters_are_not_valid() {
        for text in [";", ";;", ";a;;b", ";a=", ";=b", ";a=\"b", ";a b", "a", ";a,b", ";a=\"x\"y"] {
            assert!(!Params::new(text.as_bytes()).is_valid(), "{text}");
        }
        assert!(Params::new(b"").is_valid());
    }
}
