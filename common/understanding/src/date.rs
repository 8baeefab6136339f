//! Dates that were said: `tomorrow`, `next Monday`, `the third of May`, `后天`, `下周三`, `五月三号`, `2026-05-03`.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::number;
use crate::text::plain;

/// The first date of a sentence that is said on `today`. A day without a year is the next one of that name, today included.
pub fn date(sentence: &str, today: Date) -> Option<Date> {
    let text = plain(sentence);
    iso(&text).or_else(|| english(&text, today)).or_else(|| chinese(&text, today))
}

/// ISO 8601, somewhere.
fn iso(text: &str) -> Option<Date> {
    text.split(' ').find_map(|word| {
        let mut parts = word.splitn(3, ['-', '/']).map(str::parse::<i16>);
        let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok().filter(|_| year > 1_900)
    })
}

fn english(text: &str, today: Date) -> Option<Date> {
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
    if text.contains(" day after tomorrow ") {
        return days_from(today, 2);
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    for (n, word) in words.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| words[n]);
        match *word {
            "today" | "tonight" => return Some(today),
            "tomorrow" => return days_from(today, 1),
            "week" if before == Some("next") => return days_from(today, 7),
            "days" | "weeks" if n >= 2 && words[..n].contains(&"in") => {
                let count = number(&words[n.saturating_sub(3)..n].join(" "))?;
                let days = if *word == "weeks" { 7.0 } else { 1.0 };
                return days_from(today, (count * days) as i64);
            }
            _ => {}
        }
        if let Some(day) = DAYS.iter().position(|day| day == word) {
            let weekday = Weekday::from_monday_zero_offset(day as i8).ok()?;
            let coming = next_weekday(today, weekday)?;
            // `next Friday` is that of next week.
            let this_week = coming.since(monday(today)?).ok()?.get_days() < 7;
            return if before == Some("next") && this_week { days_from(coming, 7) } else { Some(coming) };
        }
        if let Some(month) = MONTHS.iter().position(|month| month == word) {
            let month = month as i8 + 1;
            let behind = words.get(n + 1).and_then(|word| ordinal(word));
            let day = behind.or_else(|| before.and_then(ordinal)).or_else(|| {
                let of = n.checked_sub(2).filter(|_| before == Some("of"))?;
                ordinal(words[of])
            });
            // `may` and `march` are words too.
            let Some(day) = day else { continue };
            return next_month_day(today, month, day);
        }
    }
    None
}

/// `3`, `3rd`, `third`.
fn ordinal(word: &str) -> Option<i8> {
    const ORDINALS: [&str; 31] = [
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
        "twenty-first",
        "twenty-second",
        "twenty-third",
        "twenty-fourth",
        "twenty-fifth",
        "twenty-sixth",
        "twenty-seventh",
        "twenty-eighth",
        "twenty-ninth",
        "thirtieth",
        "thirty-first",
    ];
    if let Some(day) = ORDINALS.iter().position(|name| *name == word) {
        return Some(day as i8 + 1);
    }
    let figures = word.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let suffix = &word[figures.len()..];
    let day = figures.parse().ok().filter(|day| (1..=31).contains(day))?;
    matches!(suffix, "" | "st" | "nd" | "rd" | "th").then_some(day)
}

fn chinese(text: &str, today: Date) -> Option<Date> {
    for (word, days) in [("大后天", 3), ("后天", 2), ("明天", 1), ("明日", 1), ("今天", 0), ("今日", 0)]
    {
        if text.contains(word) {
            return days_from(today, days);
        }
    }
    for week in ["星期", "礼拜", "周"] {
        let Some((before, after)) = text.split_once(week) else { continue };
        let day = match after.chars().next()? {
            '日' | '天' => 6,
            sign => "一二三四五六".chars().position(|day| day == sign)? as i8,
        };
        let weekday = Weekday::from_monday_zero_offset(day).ok()?;
        let weeks_ahead = match () {
            () if before.ends_with("下下") || before.ends_with("下下个") => 2,
            () if before.ends_with('下') || before.ends_with("下个") => 1,
            () => return next_weekday(today, weekday),
        };
        return days_from(monday(today)?, 7 * weeks_ahead + i64::from(day));
    }
    let (before, after) = text.split_once('月')?;
    let digits_from = before
        .char_indices()
        .rev()
        .take_while(|(_, sign)| sign.is_ascii_digit() || "一二三四五六七八九十".contains(*sign))
        .last()?;
    let month = number(&before[digits_from.0..])? as i8;
    let end = after.find(['号', '日'])?;
    let day = number(&after[..end])? as i8;
    next_month_day(today, month, day)
}

fn days_from(date: Date, days: i64) -> Option<Date> {
    date.checked_add(days.min(36_500).days()).ok()
}

fn monday(date: Date) -> Option<Date> {
    days_from(date, -i64::from(date.weekday().to_monday_zero_offset()))
}

/// The next day of that name, today included.
fn next_weekday(today: Date, weekday: Weekday) -> Option<Date> {
    let days = (7 + weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset()) % 7;
    days_from(today, days.into())
}

/// The next day of that name, today included. The 29th of February may be years away.
fn next_month_day(today: Date, month: i8, day: i8) -> Option<Date> {
    (0..=8).find_map(|years| Date::new(today.year() + years, month, day).ok().filter(|date| *date >= today))
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
            ("March 3rd", 2027, 3, 3),
            ("the third of May", 2027, 5, 3),
            ("December 24", 2026, 12, 24),
            ("it is 2027-02-28, I think", 2027, 2, 28),
            ("February 29", 2028, 2, 29),
            ("明天下午", 2026, 11, 23),
            ("大后天吧", 2026, 11, 25),
            ("周三可以", 2026, 11, 25),
            ("下周三", 2026, 11, 25),
            ("下个星期天", 2026, 11, 29),
            ("五月三号", 2027, 5, 3),
            ("12月24日", 2026, 12, 24),
            ("十二月二十四号", 2026, 12, 24),
        ] {
            assert_eq!(date(sentence, today), Date::new(year, month, day).ok(), "{sentence}");
        }
        for sentence in ["", "I may do that", "never", "13月45号", "一周", "2026-13-40"] {
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
