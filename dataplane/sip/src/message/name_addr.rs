//! `"Display name" <uri>;params` (RFC 3261 section 20.10): From, To, Contact, Route, Record-Route and their kin.

use super::params::{Params, is_token_byte, quoted_len};

/// An address with its display name and header parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as it stands, quotes included; empty if there is none.
    pub display: &'a [u8],
    /// The URI, raw.
    pub uri: &'a [u8],
    /// Header parameters (not the URI's own).
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. `None` if quotes or brackets do not close, if there is no `scheme:`, or if a parameter does
    /// not parse.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let display_len = match value.first()? {
            b'"' => quoted_len(value)?,
            _ => value.iter().position(|byte| *byte == b'<').unwrap_or(0),
        };
        let (display, rest) = value.split_at(display_len);
        let rest = rest.trim_ascii_start();
        let (uri, params) = match rest.strip_prefix(b"<") {
            Some(rest) => {
                let end = rest.iter().position(|byte| *byte == b'>')?;
                (rest[..end].trim_ascii(), &rest[end + 1..])
            }
            // Without brackets a quoted name is an error, and what follows `;` belongs to the header (section 20.10).
            None if display.is_empty() => {
                let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
                let uri = rest[..end].trim_ascii();
                if uri.contains(&b'?') || uri.contains(&b',') {
                    return None;
                }
                (uri, &rest[end..])
            }
            None => return None,
        };
        let params = Params::new(params);
        let display = display.trim_ascii();
        let display_ok = display.first() == Some(&b'"') || display.iter().all(|byte| is_display_byte(*byte));
        if !display_ok || !is_absolute(uri) || !params.is_valid() {
            return None;
        }
        Some(NameAddr { display, uri, params })
    }

    /// The tag parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value(b"tag")
    }
}

/// `scheme:something` in printable characters without brackets or white space.
fn is_absolute(uri: &[u8]) -> bool {
    let Some(colon) = uri.iter().position(|byte| *byte == b':') else { return false };
    let scheme = &uri[..colon];
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        && colon + 1 < uri.len()
        && !uri.iter().any(|byte| matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f))
}

/// Unquoted display names are tokens and white space; bytes above ASCII are common in the field and harmless.
fn is_display_byte(byte: u8) -> bool {
    is_token_byte(byte) || byte.is_ascii_whitespace() || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_are_taken() {
        for (value, uri, tag) in [
            ("sip:a@b ;   tag    = 1", "sip:a@b", Some("1")),
            ("caller<sip:c@e.com>;tag=323", "sip:c@e.com", Some("323")),
            ("\"J Rosenberg \\\\\\\"\"   <sip:j@e.com>\r\n  ;\r\n  tag = 98", "sip:j@e.com", Some("98")),
            ("\"Watson, Thomas\" < sip:t@e.org >", "sip:t@e.org", None),
            ("A. Bell <sip:a;x=1@e.com?h=v>", "sip:a;x=1@e.com?h=v", None),
            ("<http://www.example.com>;tag=3", "http://www.example.com", Some("3")),
        ] {
            let parsed = NameAddr::parse(value.as_bytes()).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(parsed.uri, uri.as_bytes());
            assert_eq!(parsed.tag(), tag.map(str::as_bytes));
        }
    }

    #[test]
    fn forms_that_are_refused() {
        for value in [
            "",
            "<",
            "\"Mr. J. User <sip:j.user@example.com>",
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "\"Joe\" <sip:joe@example.org>;;;;",
            "<sip:42@127.0.0.1:5060;ob>\"",
            "<sip:d@127.0.0.1>;tag=;;;=;a=\"",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "\"name\" sip:a@b",
            "<sip:a b@c>",
            "<nobody>",
        ] {
            assert_eq!(NameAddr::parse(value.as_bytes()), None, "{value}");
        }
    }
}
