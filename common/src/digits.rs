//! The digits that a person may press (RFC 4733 section 3.2, events 0 to 15).

use std::fmt;

/// One DTMF digit: `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

const SIGNS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// From the event code of RFC 4733; `None` for the codes above 15, which are not digits.
    pub fn from_event(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    /// From the sign on the key; lower-case `a`–`d` are taken too.
    pub fn from_char(sign: char) -> Option<Self> {
        let sign = u8::try_from(sign.to_ascii_uppercase()).ok()?;
        SIGNS.iter().position(|&s| s == sign).map(|code| Self(code as u8))
    }

    /// The event code, 0 to 15.
    pub fn event(self) -> u8 {
        self.0
    }

    /// The sign on the key.
    pub fn as_char(self) -> char {
        char::from(SIGNS[usize::from(self.0)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_sign() {
        for code in 0..16 {
            let digit = Digit::from_event(code).expect("0 to 15 are digits");
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
        }
        assert_eq!(Digit::from_event(16), None);
        assert_eq!(Digit::from_char('x'), None);
        assert_eq!(Digit::from_char('d').map(Digit::event), Some(15));
    }
}
