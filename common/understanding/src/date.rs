//! Dates that were said: `tomorrow`, `next Monday`, `the third of May`, `后天`, `下周三`, `五月三号`, `2026-05-03`.

mod chinese;
mod english;

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use regex::Regex;

use crate::text::plain;

/// A date of a sentence that is said on `today`: one in figures (`2026-05-03`, `2026年5月3日`), else the first in words. A day without a year is
/// the next one of that name, today included. None where there is no such day: `February 30`.
pub fn date(sentence: &str, today: Date) -> Option<Date> {
    let text = plain(sentence);
    figures(&text).or_else(|| english::date(&text, today)).or_else(|| chinese::date(&text, today))
}

/// ISO 8601 and its likes, somewhere.
fn figures(text: &str) -> Option<Date> {
    static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^|[^0-9])([12][0-9]{3})(?:[-/.]|年)([0-9]{1,2})(?:[-/.]|月)([0-9]{1,2})(?:[^0-9]|$)")
            .expect("a regular expression that was tried")
    });
    FIGURES.captures_iter(text).find_map(|found| {
        let part = |n| found.get(n).and_then(|part: regex::Match<'_>| part.as_str().parse::<i16>().ok());
        Date::new(part(1)?, i8::try_from(part(2)?).ok()?, i8::try_from(part(3)?).ok()?).ok()
    })
}

fn days_from(date: Date, days: i64) -> Option<Date> {
    date.checked_add(days.min(36_500).days()).ok()
}

fn months_from(date: Date, months: i64) -> Option<Date> {
    date.checked_add(months.min(1_200).months()).ok()
}

fn monday(date: Date) -> Option<Date> {
    days_from(date, -i64::from(date.weekday().to_monday_zero_offset()))
}

/// The next day of that name, today included.
fn next_weekday(today: Date, weekday: Weekday) -> Option<Date> {
    let days = (7 + weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset()) % 7;
    days_from(today, days.into())
}

/// That day of the year, or without one the next of that name, today included. The 29th of February may be years away.
fn of_year(today: Date, year: Option<i16>, month: i8, day: i8) -> Option<Date> {
    match year {
        Some(year) => Date::new(year, month, day).ok(),
        None => (0..=8)
            .find_map(|years| Date::new(today.year() + years, month, day).ok().filter(|date| *date >= today)),
    }
}

/// That day of this month, or of the next that has one.
fn of_month(today: Date, day: i8) -> Option<Date> {
    let first = today.first_of_month();
    (0..=2)
        .filter_map(|months| months_from(first, months))
        .find_map(|month| Date::new(month.year(), month.month(), day).ok().filter(|date| *date >= today))
}

/// A year that may be meant.
fn year(value: f64) -> Option<i16> {
    (1_900.0..2_200.0).contains(&value).then_some(value as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_were_said() {
        // A Sunday.
        let today = Date::new(2026, 11, 22).expect("a day");
        for (sentence, year, month, day) in [
            ("Today is fine", 2026, 11, 22),
            ("tomorrow, please", 2026, 11, 23),
            ("the day after tomorrow", 2026, 11, 24),
            ("on Friday", 2026, 11, 27),
            ("next Friday", 2026, 11, 27),
            ("in three days", 2026, 11, 25),
            ("in two weeks", 2026, 12, 6),
            ("a week from now", 2026, 11, 29),
            ("March 3rd", 2027, 3, 3),
            ("the third of May", 2027, 5, 3),
            ("the twenty-first of May", 2027, 5, 21),
            ("May third twenty twenty-eight", 2028, 5, 3),
            ("May 3rd, 2028", 2028, 5, 3),
            ("3 May 2028", 2028, 5, 3),
            ("December twenty-fourth", 2026, 12, 24),
            ("December twenty four", 2026, 12, 24),
            ("December 24", 2026, 12, 24),
            ("on the fifteenth", 2026, 12, 15),
            ("the 25th", 2026, 11, 25),
            ("on the thirty first please", 2026, 12, 31),
            ("it is 2027-02-28, I think", 2027, 2, 28),
            ("February 29", 2028, 2, 29),
            ("明天下午", 2026, 11, 23),
            ("大后天吧", 2026, 11, 25),
            ("周三可以", 2026, 11, 25),
            ("周先生说周五", 2026, 11, 27),
            ("下周三", 2026, 11, 25),
            ("下个星期天", 2026, 11, 29),
            ("下下周一", 2026, 11, 30),
            ("礼拜天", 2026, 11, 22),
            ("这周日", 2026, 11, 22),
            ("两天后", 2026, 11, 24),
            ("一个星期以后", 2026, 11, 29),
            ("五月三号", 2027, 5, 3),
            ("明年五月三号", 2027, 5, 3),
            ("后年五月三号", 2028, 5, 3),
            ("二零二八年五月三号", 2028, 5, 3),
            ("2028年5月3日", 2028, 5, 3),
            ("12月24日", 2026, 12, 24),
            ("１２月２４日", 2026, 12, 24),
            ("十二月二十四号", 2026, 12, 24),
            ("十五号", 2026, 12, 15),
            ("二十五号行", 2026, 11, 25),
            ("下个月十五号", 2026, 12, 15),
            ("这个月二十八号", 2026, 11, 28),
            ("改到2026-12-03吧", 2026, 12, 3),
            ("2026/12/3", 2026, 12, 3),
        ] {
            assert_eq!(date(sentence, today), Date::new(year, month, day).ok(), "{sentence}");
        }
        for sentence in [
            "",
            "I may do that",
            "never",
            "13月45号",
            "一周",
            "一周三次",
            "2026-13-40",
            "2026-02-30",
            "February 30",
            "二月三十号",
            "the second one",
            "三号线",
            "我是周先生",
            "24 may be too many",
        ] {
            assert_eq!(date(sentence, today), None, "{sentence}");
        }
    }

    #[test]
    fn this_weeks_friday_and_next_weeks() {
        let tuesday = Date::new(2026, 11, 24).expect("a day");
        assert_eq!(date("Friday", tuesday), Date::new(2026, 11, 27).ok());
        assert_eq!(date("next Friday", tuesday), Date::new(2026, 12, 4).ok());
    }
}
