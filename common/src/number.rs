//! E.164 numbers, masked wherever they are shown.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

/// A telephone number of ITU-T E.164: a plus and 7 to 15 digits, the first of them not zero.
///
/// Only the form is checked here; whether such a number exists in its numbering plan is `peal_core`'s business.
/// `Display` and `Debug` mask the middle (`+86138****5678`); [`E164::expose`] gives the whole number to those who
/// dial it or keep it in a record. There is no `Serialize` on purpose: who writes a number says which form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(u64);

/// Why a text is not an E.164 number. The text itself is not repeated: it may be somebody's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NumberError {
    /// There was nothing but white space.
    #[error("the number is empty")]
    Empty,
    /// No leading plus: the country is unknown.
    #[error("the number does not start with '+' and its country code")]
    NoPlus,
    /// Something other than an ASCII digit follows the plus.
    #[error("the number has a character at position {position} that is not a digit")]
    NotADigit {
        /// Counted in characters from 1, the plus being 1.
        position: usize,
    },
    /// Fewer than 7 digits.
    #[error("the number has {digits} digits; at least 7 are needed")]
    TooShort {
        /// How many there were.
        digits: usize,
    },
    /// More than 15 digits (E.164 section 6.2.1).
    #[error("the number has {digits} digits; at most 15 are allowed")]
    TooLong {
        /// How many there were.
        digits: usize,
    },
    /// No country code starts with zero.
    #[error("the country code starts with 0")]
    LeadingZero,
}

impl E164 {
    /// Reads `+` and digits, with white space allowed around them only.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let digits = text.strip_prefix('+').ok_or(NumberError::NoPlus)?;
        let mut value = 0u64;
        let mut count = 0usize;
        for (index, c) in digits.chars().enumerate() {
            let digit = c.to_digit(10).ok_or(NumberError::NotADigit { position: index + 2 })?;
            if count == 0 && digit == 0 {
                return Err(NumberError::LeadingZero);
            }
            count += 1;
            if count <= 15 {
                value = value * 10 + u64::from(digit);
            }
        }
        match count {
            0..7 => Err(NumberError::TooShort { digits: count }),
            7..=15 => Ok(Self(value)),
            _ => Err(NumberError::TooLong { digits: count }),
        }
    }

    /// The number as an integer (digits without the plus), which is how the store keeps it.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// The reverse of [`E164::to_u64`]; `None` when it has fewer than 7 or more than 15 digits.
    pub fn from_u64(value: u64) -> Option<Self> {
        (1_000_000..1_000_000_000_000_000).contains(&value).then_some(Self(value))
    }

    /// The whole number, `+` first. For dialling and for records only, never for logs, labels or errors.
    pub fn expose(self) -> String {
        format!("+{}", self.0)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let tail = &digits[digits.len() - if digits.len() < 9 { 2 } else { 4 }..];
        let head = &digits[..if digits.len() < 9 { 2 } else { (digits.len() - 8).min(5) }];
        write!(f, "+{head}")?;
        for _ in head.len() + tail.len()..digits.len() {
            f.write_str("*")?;
        }
        f.write_str(tail)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for E164 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_exposes() {
        let number = E164::parse(" +8613800138000 ").expect("well formed");
        assert_eq!(number.expose(), "+8613800138000");
        assert_eq!(E164::from_u64(number.to_u64()), Some(number));
    }

    #[test]
    fn shows_only_masked() {
        for (text, masked) in
            [("+8613800138000", "+86138****8000"), ("+12025550123", "+120****0123"), ("+1234567", "+12***67")]
        {
            let number = E164::parse(text).expect("well formed");
            assert_eq!(number.to_string(), masked);
            assert_eq!(format!("{number:?}"), masked);
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, error) in [
            ("  ", NumberError::Empty),
            ("13800138000", NumberError::NoPlus),
            ("+86 138", NumberError::NotADigit { position: 4 }),
            ("+86１38", NumberError::NotADigit { position: 4 }),
            ("sip:a@b", NumberError::NoPlus),
            ("+123456", NumberError::TooShort { digits: 6 }),
            ("+", NumberError::TooShort { digits: 0 }),
            ("+1234567890123456", NumberError::TooLong { digits: 16 }),
            ("+0123456789", NumberError::LeadingZero),
        ] {
            assert_eq!(E164::parse(text), Err(error), "{text}");
        }
        assert_eq!(E164::from_u64(12), None);
        assert_eq!(E164::from_u64(u64::MAX), None);
    }
}
