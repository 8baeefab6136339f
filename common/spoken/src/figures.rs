//! Finding figures in a sentence.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::{Captures, Regex};

use super::{Currency, Figure};

/// What stands longer than this is said digit by digit.
const WHOLE_DIGITS_MAX: usize = 15;
/// So many digits without anything between are a telephone number or a code, and so is a number that begins with zero.
const CODE_DIGITS: usize = 8;

/// In the order in which they are tried at each place.
static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?<date>\d{4}-\d{1,2}-\d{1,2})",
        r"|(?<hour>\d{1,2})[::](?<minute>\d{2})",
        r"|(?<plus>\+)(?<far>\d[\d \-]{5,24}\d)",
        r"|(?<phone>\d{3,4}[ \-]\d{3,4}[ \-]\d{3,4})",
        r"|(?<symbol>[¥¥$€£]) ?(?<amount>\d(?:[\d,]*\d)?(?:\.\d+)?)",
        r"|(?<number>\d(?:[\d,]*\d)?(?:\.\d+)?)(?<behind> ?%| ?%| ?元| ?(?:CNY|RMB|USD|EUR|GBP)\b)?",
    ))
    .expect("a regular expression that was tried")
});

/// The figures of a sentence, in order.
pub(super) fn find(sentence: &str) -> impl Iterator<Item = (Range<usize>, Figure<'_>)> {
    FIGURES.captures_iter(sentence).filter_map(move |found| {
        let range = found.get(0)?.range();
        // `A4` and `B52s` are names.
        let is_letter = |sign: char| sign.is_ascii_alphabetic();
        if sentence[..range.start].ends_with(is_letter) || sentence[range.end..].starts_with(is_letter) {
            return None;
        }
        figure(&found).map(|(figure, end)| (range.start..range.start + end, figure))
    })
}

/// The figure, and how many bytes it takes.
fn figure<'a>(found: &Captures<'a>) -> Option<(Figure<'a>, usize)> {
    let part = |name: &str| found.name(name).map(|part| part.as_str());
    let whole_match = found.get(0)?.as_str();
    let len = whole_match.len();
    if let Some(date) = part("date") {
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        return Some((Figure::Date(date), len));
    }
    if let (Some(hour), Some(minute)) = (part("hour"), part("minute")) {
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        return (hour < 25 && minute < 60).then_some((Figure::Time { hour, minute }, len));
    }
    if let Some(digits) = part("far").or_else(|| part("phone")) {
        let groups = digits.split([' ', '-']).filter(|group| !group.is_empty()).collect();
        return Some((Figure::Digits { plus: part("plus").is_some(), groups }, len));
    }
    let (number, currency, percent) = match (part("symbol"), part("amount")) {
        (Some(symbol), Some(amount)) => (amount, Some(of_symbol(symbol)), false),
        _ => {
            let behind = part("behind").unwrap_or_default().trim();
            (part("number")?, of_name(behind), behind == "%" || behind == "％")
        }
    };
    let (digits, decimals) = number.split_once('.').unwrap_or((number, ""));
    let bare: String = digits.chars().filter(|sign| *sign != ',').collect();
    let is_code =
        bare.len() > 1 && bare.starts_with('0') || bare.len() >= CODE_DIGITS && !digits.contains(',');
    if currency.is_none() && !percent && decimals.is_empty() && is_code || bare.len() > WHOLE_DIGITS_MAX {
        return Some((Figure::Digits { plus: false, groups: vec![digits] }, len));
    }
    let whole = bare.parse().ok()?;
    let figure = match currency {
        Some(currency) => {
            let cents = format!("{decimals}00")[..2].parse().ok()?;
            Figure::Money { whole, cents, currency }
        }
        None if percent => Figure::Percent { whole, decimals },
        None => Figure::Number { whole, decimals },
    };
    Some((figure, len))
}

fn of_symbol(symbol: &str) -> Currency {
    match symbol {
        "$" => Currency::Dollar,
        "€" => Currency::Euro,
        "£" => Currency::Pound,
        _ => Currency::Yuan,
    }
}

fn of_name(name: &str) -> Option<Currency> {
    Some(match name {
        "元" | "CNY" | "RMB" => Currency::Yuan,
        "USD" => Currency::Dollar,
        "EUR" => Currency::Euro,
        "GBP" => Currency::Pound,
        _ => return None,
    })
}
