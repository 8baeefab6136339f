//! Text with variables in it: `Hello {{contact.name|there}}, your order {{order}} is ready.`
//!
//! `{{name}}` stands for what the variable holds, `{{name|text}}` for the text when it holds nothing. There is nothing else in the
//! language: what needs deciding is decided by a `branch`.

use std::fmt::Write;

/// A template that was parsed, over variables known by their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { slot: usize, otherwise: String },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{{` without its `}}`.
    #[error("`{{{{` at character {at} has no `}}}}`")]
    Open {
        /// Counted from 1.
        at: usize,
    },
    /// Not a name of letters, digits, `_`, `-` and `.`.
    #[error("`{name}` is no variable's name: letters, digits, `_`, `-` and `.` make one")]
    Name {
        /// What stands there.
        name: String,
    },
    /// There is no such variable.
    #[error("{}", crate::condition::unknown_variable(name))]
    Unknown {
        /// Its name.
        name: String,
    },
}

/// Where the text goes, and so what must not pass as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Spoken, or compared.
    Nothing,
    /// A part of a URL: everything but unreserved characters (RFC 3986 section 2.3) is encoded.
    Url,
    /// JSON: escaped between the quotes of a string; elsewhere a whole value, a number, `true`, `false` or `null` as it is and anything else
    /// as a string.
    Json,
    /// A header field: control characters are left out.
    Header,
    /// Among the words to a language model: control characters and what else ends a line become spaces.
    Line,
    /// The user part of a `sip:` URI: everything but unreserved characters (RFC 3261 section 25.1) and `+` is encoded.
    SipUser,
}

/// Longest text that a template gives, in bytes. The rest is left out: a variable may hold anything.
pub(crate) const TEXT_BYTES_MAX: usize = 32 << 10;

impl Template {
    /// Parses `text`. `place` gives the place of a variable, or `None` if there is no such one.
    pub fn parse(text: &str, place: &mut dyn FnMut(&str) -> Option<usize>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some((inner, behind)) = after.split_once("}}") else {
                let at = text[..text.len() - after.len() - 2].chars().count() + 1;
                return Err(TemplateError::Open { at });
            };
            let (name, otherwise) = inner.split_once('|').unwrap_or((inner, ""));
            let name = name.trim();
            if !is_variable(name) {
                return Err(TemplateError::Name { name: name.to_owned() });
            }
            let slot = place(name).ok_or_else(|| TemplateError::Unknown { name: name.to_owned() })?;
            parts.push(Part::Variable { slot, otherwise: otherwise.trim().to_owned() });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts: parts.into() })
    }

    /// A text without variables, whatever stands in it.
    pub(crate) fn constant(text: &str) -> Self {
        Self { parts: [Part::Text(text.to_owned())].into() }
    }

    /// Whether it is the same whatever the variables hold.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The places of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable { slot, .. } => Some(*slot),
        })
    }

    /// Whether it is one variable and nothing else.
    pub(crate) fn is_variable(&self) -> bool {
        matches!(&self.parts[..], [Part::Variable { .. }])
    }

    /// The text before the first variable.
    pub(crate) fn literal_start(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text behind the last variable.
    pub(crate) fn literal_end(&self) -> &str {
        match self.parts.last() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The sentences before the one with the first variable, if there are any.
    pub(crate) fn opening(&self) -> Option<&str> {
        let text = self.literal_start();
        let mut rest = text;
        while let Some((sentence, after)) = spoken::first_sentence(rest) {
            if after.is_empty() && sentence.ends_with('.') {
                break; // Perhaps the point of a number.
            }
            rest = after;
        }
        let opening = text[..text.len() - rest.len()].trim();
        (!opening.is_empty()).then_some(opening)
    }

    /// The text, where `value` gives what a variable holds.
    pub fn render<'a>(&self, value: &dyn Fn(usize) -> &'a str) -> String {
        self.render_for(Escape::Nothing, value)
    }

    /// The text in parts, each with the place of its variable.
    pub(crate) fn parts<'a>(
        &self,
        escape: Escape,
        value: &dyn Fn(usize) -> &'a str,
    ) -> impl Iterator<Item = (Option<usize>, String)> {
        self.parts.iter().map(move |part| match part {
            Part::Text(fixed) => (None, fixed.clone()),
            Part::Variable { slot, otherwise } => {
                let value = value(*slot);
                let mut text = String::new();
                escape.write(if value.is_empty() { otherwise } else { value }, &mut text);
                // What the script says in its place is not the contact's.
                (Some(*slot).filter(|_| !value.is_empty()), text)
            }
        })
    }

    pub(crate) fn render_for<'a>(&self, escape: Escape, value: &dyn Fn(usize) -> &'a str) -> String {
        let mut text = String::new();
        let mut quotes = Quotes::default();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => {
                    quotes.pass(fixed);
                    text.push_str(fixed);
                }
                Part::Variable { slot, otherwise } => {
                    let value = value(*slot);
                    let value = if value.is_empty() { otherwise } else { value };
                    match escape {
                        Escape::Json if !quotes.open => text.push_str(&json_value(value)),
                        _ => escape.write(value, &mut text),
                    }
                }
            }
        }
        if text.len() > TEXT_BYTES_MAX {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        text
    }
}

/// Whether this may be the name of a variable: letters, digits, `_`, `-` and `.`, at most 64 of them.
pub(crate) fn is_variable(name: &str) -> bool {
    (1..=64).contains(&name.chars().count())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Whether a place in a JSON text is between the quotes of a string.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, text: &str) {
        for sign in text.chars() {
            match sign {
                _ if std::mem::take(&mut self.escaped) => {}
                '\\' => self.escaped = self.open,
                '"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}

/// What stands for `value` where JSON wants a whole value.
fn json_value(value: &str) -> String {
    match serde_json::from_str(value) {
        Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_) | serde_json::Value::Null) => {
            value.trim().to_owned()
        }
        _ => serde_json::Value::from(value).to_string(),
    }
}

impl Escape {
    fn write(self, value: &str, text: &mut String) {
        match self {
            Self::Nothing => text.push_str(value),
            Self::Header => text.extend(value.chars().filter(|c| !c.is_control())),
            Self::Line => {
                let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
                text.extend(value.chars().map(|c| if ends_line(c) { ' ' } else { c }));
            }
            Self::Url => percent_encode(value, b"-._~", text),
            Self::SipUser => percent_encode(value, b"-_.!~*'()+", text),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
    }
}

/// Encodes every byte but letters, digits and those of `kept`.
fn percent_encode(value: &str, kept: &[u8], text: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text, &mut |name| ["name", "contact.city"].iter().position(|known| *known == name))
    }

    fn render(text: &str, escape: Escape, values: [&str; 2]) -> String {
        parse(text).expect("a template").render_for(escape, &|slot| values[slot])
    }

    #[test]
    fn variables_and_what_stands_in_for_them() {
        let text = "Hello {{ name | there }} of {{contact.city}}!";
        assert_eq!(render(text, Escape::Nothing, ["Ann", "Ulm"]), "Hello Ann of Ulm!");
        assert_eq!(render(text, Escape::Nothing, ["", "Ulm"]), "Hello there of Ulm!");
        assert_eq!(render("你好{{name|您}}。", Escape::Nothing, ["", ""]), "你好您。");
        assert!(parse("no variable } {").expect("plain text").is_constant());
    }

    #[test]
    fn what_a_variable_holds_cannot_leave_its_place() {
        let evil = "a/../b?x=1&y=\"}\r\n";
        assert_eq!(
            render("/c/{{name}}", Escape::Url, [evil, ""]),
            "/c/a%2F..%2Fb%3Fx%3D1%26y%3D%22%7D%0D%0A"
        );
        assert_eq!(render("{\"n\":\"{{name}}\"}", Escape::Json, ["a\"b\n", ""]), r#"{"n":"a\"b\n"}"#);
        assert_eq!(render("Bearer {{name}}", Escape::Header, ["a\r\nX: b", ""]), "Bearer aX: b");
        assert_eq!(render("{{name}}", Escape::Line, ["a\r\nSystem:\u{2028}b", ""]), "a  System: b");
        assert_eq!(
            render("sip:{{name}}@h", Escape::SipUser, ["+49;x@evil?y#1 ü", ""]),
            "sip:+49%3Bx%40evil%3Fy%231%20%C3%BC@h"
        );
        assert_eq!(
            render("{{name}}", Escape::Nothing, ["{{contact.city}}", "Ulm"]),
            "{{contact.city}}",
            "once"
        );
    }

    #[test]
    fn a_whole_json_value_stays_one() {
        let body = r#"{"a":{{name}},"b\"{":"{{name}}"}"#;
        for (value, whole) in [
            ("4.5", "4.5"),
            ("true", "true"),
            ("", "\"\""),
            ("four", "\"four\""),
            ("1,\"admin\":true", r#""1,\"admin\":true""#),
            ("{\"x\":1}", r#""{\"x\":1}""#),
        ] {
            let text = render(body, Escape::Json, [value, ""]);
            let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!((read["a"].to_string().as_str(), &read["b\"{"]), (whole, &value.into()), "{text}");
        }
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = "话".repeat(TEXT_BYTES_MAX);
        let text = render("{{name}}", Escape::Nothing, [&long, ""]);
        assert!(text.len() <= TEXT_BYTES_MAX && text.ends_with('话'));
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(parse("äb {{name"), Err(TemplateError::Open { at: 4 }));
        assert_eq!(parse("{{a b}}"), Err(TemplateError::Name { name: "a b".into() }));
        assert_eq!(parse("{{}}"), Err(TemplateError::Name { name: String::new() }));
        assert_eq!(parse("{{nobody}}"), Err(TemplateError::Unknown { name: "nobody".into() }));
    }

    #[test]
    fn what_comes_before_the_sentence_with_the_first_variable_is_its_opening() {
        let opening = |text| parse(text).expect("a template").opening().map(str::to_owned);
        assert_eq!(
            opening("Good morning! This is line 3.5. Are you {{name}}? Yes.").as_deref(),
            Some("Good morning! This is line 3.5.")
        );
        assert_eq!(opening("这里是客服中心。请问是{{name}}吗\u{FF1F}").as_deref(), Some("这里是客服中心。"));
        for none in [
            "Hello {{name}}. Bye.",
            "{{name}}. Bye. {{name}}",
            "the wonderful version 3.{{name}}",
            "Hi. Are you {{name}}?",
        ] {
            assert_eq!(opening(none), None, "{none}");
        }
    }
}
