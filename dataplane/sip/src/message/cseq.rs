//! CSeq (RFC 3261 section 20.16).

use super::params::is_token;

/// A sequence number and the method it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Less than 2^31 (RFC 3261 section 8.1.1.5).
    pub number: u32,
    /// The method.
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads `number method`. `None` when it is anything else, or when the number is 2^31 or more.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let end = value.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = value.split_at(end);
        let number = decimal(digits).filter(|number| *number < 1 << 31)?;
        let method = rest.trim_ascii_start();
        if method.len() == rest.len() || !is_token(method) {
            return None;
        }
        Some(CSeq { number: number as u32, method })
    }
}

/// Decimal digits only, leading zeros allowed, less than 2^63.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|value| *value < 1 << 63)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_2_31_or_more_is_refused() {
        assert_eq!(CSeq::parse(b"2147483647 INVITE").map(|cseq| cseq.number), Some(i32::MAX as u32));
        for value in ["2147483648 INVITE", "4294967297 INVITE", "36893488147419103232 REGISTER"] {
            assert_eq!(CSeq::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn folds_and_leading_zeros_are_taken() {
        let cseq = CSeq::parse(b" 0009\r\n  INVITE ").expect("valid");
        assert_eq!((cseq.number, cseq.method), (9, b"INVITE".as_slice()));
        for value in ["", "9", "9INVITE", "INVITE", "-1 INVITE", "9 IN VITE", "9 "] {
            assert_eq!(CSeq::parse(value.as_bytes()), None, "{value}");
        }
    }
}
