//! What people write in lists, to E.164.
//!
//! Digits may be separated by white space, hyphens, dots, slashes and brackets, and may be full-width. A number with `+`
//! or `00` in front must have an existing country code and a possible length; a national number needs a default region
//! and must be valid in its numbering plan, because there the country is our guess. Errors never repeat the text: it may
//! be somebody's number.

use std::{fmt, str::FromStr};

use common::{E164, NumberError};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, ValidationError};

/// A country or territory, by its two letters of ISO 3166-1 (`CN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(rlibphonenumber::Region);

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let region =
            text.to_ascii_uppercase().parse::<rlibphonenumber::Region>().map_err(|_| UnknownRegion)?;
        match PHONE_NUMBER_UTIL.get_country_code_for_region(region) {
            Some(_) => Ok(Self(region)),
            None => Err(UnknownRegion),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a region: two letters of ISO 3166-1 are needed, such as CN or US")]
pub struct UnknownRegion;

/// Why a text is not a number that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberProblem {
    /// Not the form of E.164.
    #[error(transparent)]
    Form(#[from] NumberError),
    /// `sip:`, `sips:` or `tel:`.
    #[error("this is a URI; write the bare number")]
    Uri,
    /// `1.38001E+12`.
    #[error("a spreadsheet has rounded this number; format the column as text and export it again")]
    Rounded,
    /// Something that belongs in no number.
    #[error("the number has a character at position {position} that is not a digit")]
    NotADigit {
        /// Counted in characters from 1.
        position: usize,
    },
    /// Three to six digits, national.
    #[error("this is a short code; only subscriber numbers can be called")]
    ShortCode,
    /// National, and nobody said where.
    #[error("the number has no '+' and country code, and the import has no default region")]
    NoCountry,
    /// Such a country code is not assigned.
    #[error("the country code does not exist")]
    UnknownCountry,
    /// Too short for its country.
    #[error("the number is too short for its country")]
    TooShort,
    /// Too long for its country.
    #[error("the number is too long for its country")]
    TooLong,
    /// No numbers of this length in its country.
    #[error("no number of its country has this length")]
    Length,
    /// Not in the numbering plan of the default region.
    #[error("no such number in the numbering plan of the default region")]
    NotInPlan,
}

/// Reads a number as it stands in a list. `region` is where a number without country code is.
pub fn normalise(text: &str, region: Option<Region>) -> Result<E164, NumberProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NumberError::Empty.into());
    }
    if starts_with_scheme(text) {
        return Err(NumberProblem::Uri);
    }
    if is_rounded(text) {
        return Err(NumberProblem::Rounded);
    }
    let plain = strip_separators(text)?;
    let international = match plain.strip_prefix("00") {
        Some(rest) => Some(format!("+{rest}")),
        None => plain.starts_with('+').then(|| plain.clone()),
    };
    match (international, region) {
        (Some(full), _) => {
            let number = E164::parse(&full)?;
            check_possible(&full)?;
            Ok(number)
        }
        (None, _) if plain.len() < 7 => Err(NumberProblem::ShortCode),
        (None, None) => Err(NumberProblem::NoCountry),
        (None, Some(region)) => national(&plain, region),
    }
}

fn starts_with_scheme(text: &str) -> bool {
    ["sip:", "sips:", "tel:"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))
}

fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    mantissa.split('.').all(digits) && digits(exponent.strip_prefix('+').unwrap_or(exponent))
}

/// ASCII digits with at most a leading `+`.
fn strip_separators(text: &str) -> Result<String, NumberProblem> {
    let mut plain = String::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        match c {
            '0'..='9' => plain.push(c),
            '０'..='９' => plain.push(char::from(b'0' + (c as u32 - '０' as u32) as u8)),
            '+' | '＋' if plain.is_empty() => plain.push('+'),
            // Hyphens, the dashes U+2010 to U+2015, the minus sign, and their full-width forms.
            '-' | '.' | '/' | '(' | ')' | '‐'..='―' | '−' | '－' | '（' | '）' => {}
            c if c.is_whitespace() => {}
            // Direction marks and zero-width characters that are copied along with numbers from web pages.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {}
            _ => return Err(NumberProblem::NotADigit { position: index + 1 }),
        }
    }
    Ok(plain)
}

fn check_possible(full: &str) -> Result<(), NumberProblem> {
    let number = PHONE_NUMBER_UTIL.parse(full, None).map_err(problem)?;
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => Ok(()),
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            Err(NumberProblem::TooShort)
        }
        Err(ValidationError::TooLong) => Err(NumberProblem::TooLong),
        Err(ValidationError::InvalidLength) => Err(NumberProblem::Length),
        Err(ValidationError::InvalidCountryCode) => Err(NumberProblem::UnknownCountry),
    }
}

fn national(digits: &str, region: Region) -> Result<E164, NumberProblem> {
    let number = PHONE_NUMBER_UTIL.parse(digits, Some(region.0)).map_err(problem)?;
    if !number.is_valid() {
        return Err(NumberProblem::NotInPlan);
    }
    Ok(E164::parse(&in_full(&number))?)
}

/// `+`, country code and national number; Italy's leading zeros belong to the number.
fn in_full(number: &PhoneNumber) -> String {
    format!("+{}{}", number.country_code, number.get_national_significant_number())
}

fn problem(error: ParseError) -> NumberProblem {
    match error {
        ParseError::InvalidCountryCode => NumberProblem::UnknownCountry,
        ParseError::TooLongNsn => NumberProblem::TooLong,
        ParseError::NotANumber(_) => NumberProblem::NotInPlan,
        _ => NumberProblem::TooShort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, region: &str) -> Result<String, NumberProblem> {
        let region = (!region.is_empty()).then(|| region.parse().expect("a region"));
        normalise(text, region).map(E164::expose)
    }

    #[test]
    fn every_usual_way_of_writing_comes_to_the_same() {
        for (text, region) in [
            ("+8613800138000", ""),
            (" +86 138-0013-8000 ", ""),
            ("008613800138000", ""),
            ("＋８６１３８００１３８０００", ""),
            ("13800138000", "CN"),
            ("138 0013 8000", "CN"),
            ("8613800138000", "CN"),
            ("１３８００１３８０００", "CN"),
            ("\u{202a}+8613800138000\u{202c}", ""),
        ] {
            assert_eq!(read(text, region), Ok("+8613800138000".into()), "{text}");
        }
        assert_eq!(read("(202) 555-0123", "US"), Ok("+12025550123".into()));
        assert_eq!(read("010 6552 9988", "CN"), Ok("+861065529988".into()));
        assert_eq!(read("06 6982", "IT"), Err(NumberProblem::ShortCode));
        assert_eq!(read("06 698 12345", "IT"), Ok("+390669812345".into()));
    }

    #[test]
    fn what_cannot_be_called_is_refused_with_the_reason() {
        for (text, region, problem) in [
            ("", "CN", NumberProblem::Form(NumberError::Empty)),
            ("sip:alice@example.com", "CN", NumberProblem::Uri),
            ("TEL:+8613800138000", "CN", NumberProblem::Uri),
            ("10086", "CN", NumberProblem::ShortCode),
            ("1.38001E+12", "CN", NumberProblem::Rounded),
            ("13800138000", "", NumberProblem::NoCountry),
            ("+86138001x8000", "", NumberProblem::NotADigit { position: 10 }),
            ("+1+2025550123", "", NumberProblem::NotADigit { position: 3 }),
            ("not a number", "CN", NumberProblem::NotADigit { position: 1 }),
            ("+99912345678", "", NumberProblem::UnknownCountry),
            ("+86138001380001234", "", NumberProblem::Form(NumberError::TooLong { digits: 17 })),
            ("+8613800", "", NumberProblem::TooShort),
            ("+1202555012345", "", NumberProblem::TooLong),
            ("00000000000", "CN", NumberProblem::Form(NumberError::LeadingZero)),
            ("22222222222222", "US", NumberProblem::NotInPlan),
        ] {
            assert_eq!(read(text, region), Err(problem), "{text} in {region}");
        }
    }

    #[test]
    fn regions_are_two_letters_that_have_a_country_code() {
        assert_eq!("cn".parse::<Region>().map(|r| r.to_string()), Ok("CN".into()));
        for text in ["", "C", "CHN", "QQ", "中国"] {
            assert_eq!(text.parse::<Region>(), Err(UnknownRegion), "{text}");
        }
    }
}
