//! Dates in English words.

use jiff::civil::{Date, Weekday};

use super::{days_from, monday, months_from, next_weekday, of_month, of_year, year};
use crate::number::{number, small};

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// As they are written for short; `sept` too.
const SHORT_MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];
pub(super) fn date(text: &str, today: Date) -> Option<Date> {
    if text.contains(" day after tomorrow ") {
        return days_from(today, 2);
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    (0..words.len()).filter(|n| !is_denied(&words, *n)).find_map(|n| {
        near(&words, n, today).or_else(|| weekday(&words, n, today)).or_else(|| named(&words, n, today))
    })
}

/// `Not tomorrow`, `Friday doesn't work`, `tomorrow I can't`.
fn is_denied(words: &[&str], n: usize) -> bool {
    let mut before =
        words[..n].iter().rev().skip_while(|word| matches!(**word, "on" | "the" | "next" | "this"));
    let behind = words[n + 1..].strip_prefix(&["i"]).unwrap_or(&words[n + 1..]);
    let doubts = |word: &str| matches!(word, "doesnt" | "isnt" | "wont" | "cant" | "cannot" | "wouldnt");
    let denies = |words: &[&str]| {
        matches!(words, ["is" | "does" | "will" | "would" | "can" | "do", "not" | "no", ..])
            || words.first().is_some_and(|word| doubts(word))
    };
    before.next() == Some(&"not") || denies(behind)
}

/// Counted from today.
fn near(words: &[&str], n: usize, today: Date) -> Option<Date> {
    let before = n.checked_sub(1).map(|n| words[n]);
    match words[n] {
        "today" | "tonight" => days_from(today, weeks_from_that_day(words, n)),
        "tomorrow" => days_from(today, 1 + weeks_from_that_day(words, n)),
        "week" if before == Some("next") => days_from(today, 7),
        unit @ ("day" | "days" | "week" | "weeks" | "month" | "months") => {
            let from_now = words[n + 1..].starts_with(&["from", "now"]);
            if !from_now && !words[..n].contains(&"in") {
                return None;
            }
            let count = match before? {
                "a" | "one" => 1.0,
                _ => number(&words[n.saturating_sub(3)..n].join(" "))?,
            };
            match unit {
                "month" | "months" => months_from(today, count as i64),
                "week" | "weeks" => days_from(today, (count * 7.0) as i64),
                _ => days_from(today, count as i64),
            }
        }
        _ => None,
    }
}

/// `Friday week`, `a week from Friday`: days to add to that of the word.
fn weeks_from_that_day(words: &[&str], n: usize) -> i64 {
    let before = words[..n].ends_with(&["week", "from"]);
    let behind = words.get(n + 1) == Some(&"week") && words.get(n + 2).is_none_or(|word| *word != "day");
    if before || behind { 7 } else { 0 }
}

fn weekday(words: &[&str], n: usize, today: Date) -> Option<Date> {
    let day = DAYS.iter().position(|day| words[n].strip_suffix('s').unwrap_or(words[n]) == *day)?;
    let weekday = Weekday::from_monday_zero_offset(day as i8).ok()?;
    let coming = next_weekday(today, weekday)?;
    let later = weeks_from_that_day(words, n);
    if later > 0 {
        return days_from(coming, later);
    }
    // `next Friday` is that of next week.
    let this_week = coming.since(monday(today)?).ok()?.get_days() < 7;
    if n > 0 && words[n - 1] == "next" && this_week { days_from(coming, 7) } else { Some(coming) }
}

/// A day of a month, with or without its year; or a day of this month or the next.
fn named(words: &[&str], n: usize, today: Date) -> Option<Date> {
    let month_named = |list: &[&str; 12]| list.iter().position(|month| *month == words[n]);
    let month = month_named(&MONTHS)
        .or_else(|| month_named(&SHORT_MONTHS))
        .or_else(|| (words[n] == "sept").then_some(8));
    if let Some(month) = month {
        let month = month as i8 + 1;
        let behind = &words[n + 1..];
        // `The third of May twenty twenty-seven`: what comes behind is the year.
        let has_day = words[..n].ends_with(&["of"]) && day_before(&words[..n]).is_some();
        let day_behind = day(behind.strip_prefix(&["the"]).unwrap_or(behind)).filter(|_| !has_day);
        let (day, behind) = match day_behind {
            Some(((day, _), behind)) => (day, behind),
            // `may` and `march` are words too: `24 may be`.
            None if words[n] == "may" && behind.first() == Some(&"be") => return None,
            None => (day_before(&words[..n])?, behind),
        };
        let behind = behind.strip_prefix(&["in"]).unwrap_or(behind);
        let said_year = behind.first().filter(|word| is_number(word)).and_then(|_| number(&behind.join(" ")));
        return of_year(today, said_year.and_then(year), month, day);
    }
    // `on the fifteenth`; `the second one` is none.
    let rest = words[n..].strip_prefix(&["the"])?;
    let ((day, is_ordinal), behind) = day(rest)?;
    if let ["of", which @ ("this" | "the" | "next"), "month", ..] = behind {
        let month = months_from(today.first_of_month(), i64::from(*which == "next"))?;
        return Date::new(month.year(), month.month(), day).ok();
    }
    const GOES_ON: &str = "please at then is works would if or thanks in i maybe and it thats ok okay sounds should instead but so around before after morning afternoon evening can could will suits";
    let is_end = behind.first().is_none_or(|word| GOES_ON.split(' ').any(|next| next == *word));
    (is_ordinal && is_end).then(|| of_month(today, day)).flatten()
}

/// `3`, `3rd`, `third`, `twenty first`, `twenty one`, and whether it is an ordinal; and the words behind.
fn day<'a, 'b>(words: &'a [&'b str]) -> Option<((i8, bool), &'a [&'b str])> {
    let first = *words.first()?;
    let tens = match first {
        "twenty" => 20,
        "thirty" => 30,
        _ => 0,
    };
    let position =
        |list: &[&str; 20], word: &str| list.iter().position(|name| *name == word).map(|at| at as i8 + 1);
    if tens > 0
        && let Some(second) = words.get(1)
    {
        let unit = position(&ORDINALS, second)
            .map(|unit| (unit, true))
            .or_else(|| cardinal(second).map(|unit| (unit, false)));
        if let Some((unit, is_ordinal)) = unit.filter(|(unit, _)| *unit < 10 && tens + unit <= 31) {
            return Some(((tens + unit, is_ordinal), &words[2..]));
        }
    }
    let found = match first {
        "thirtieth" => Some((30, true)),
        "thirty" => Some((30, false)),
        _ => position(&ORDINALS, first)
            .map(|day| (day, true))
            .or_else(|| cardinal(first).map(|day| (day, false))),
    };
    let figures = || {
        let figures = first.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
        let suffix = &first[figures.len()..];
        let day = figures.parse().ok().filter(|day| (1..=31).contains(day))?;
        matches!(suffix, "" | "st" | "nd" | "rd" | "th").then_some((day, !suffix.is_empty()))
    };
    found.or_else(figures).map(|found| (found, &words[1..]))
}

/// `one` to `twenty`.
fn cardinal(word: &str) -> Option<i8> {
    small(word).filter(|value| (1..=20).contains(value))
}

/// The day before a month: `the twenty first of`, `3`.
fn day_before(words: &[&str]) -> Option<i8> {
    let words = words.strip_suffix(&["of"]).unwrap_or(words);
    [2, 1].into_iter().find_map(|count| {
        let from = words.len().checked_sub(count)?;
        day(&words[from..]).filter(|(_, rest)| rest.is_empty()).map(|((day, _), _)| day)
    })
}

fn is_number(word: &str) -> bool {
    word.starts_with(|sign: char| sign.is_ascii_digit()) || cardinal(word).is_some()
}
