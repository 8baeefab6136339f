//! Dates in Chinese.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use regex::{Captures, Regex};

use super::{days_from, monday, months_from, next_weekday, of_month, of_year, year};
use crate::number::number;

pub(super) fn date(text: &str, today: Date) -> Option<Date> {
    near(text, today).or_else(|| weekday(text, today)).or_else(|| named(text, today))
}

/// `不是明天`, `明天不行`.
fn is_denied(text: &str, found: &Range<usize>) -> bool {
    const BEFORE: [&str; 5] = ["不是", "不要", "除了", "别", "不在"];
    const BEHIND: [&str; 13] = [
        "不行",
        "不可以",
        "不方便",
        "不在",
        "不能",
        "不合适",
        "没空",
        "没时间",
        "没有空",
        "没有时间",
        "有事",
        "我不",
        "我没",
    ];
    let half = ["上午", "下午", "早上", "晚上", "都", "我有事", "可能", "就"];
    let behind = half.iter().fold(&text[found.end..], |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    BEFORE.iter().any(|before| text[..found.start].ends_with(before))
        || BEHIND.iter().any(|words| behind.starts_with(words))
}

/// Counted from today.
fn near(text: &str, today: Date) -> Option<Date> {
    static LATER: LazyLock<Regex> = LazyLock::new(|| {
        regular(r"([0-9一二两三四五六七八九十半]+)(天|日|个?星期|个?礼拜|周|个月)(?:以后|之后|后)")
    });
    static DAY: LazyLock<Regex> = LazyLock::new(|| regular("大后天|后天|明[天日早晚儿]|今[天日早晚儿]"));
    static MONTH_END: LazyLock<Regex> = LazyLock::new(|| regular("(下个?)?月底"));
    if let Some(day) = DAY.find_iter(text).find(|found| !is_denied(text, &found.range())) {
        let days = match day.as_str() {
            "大后天" => 3,
            "后天" => 2,
            day if day.starts_with('明') => 1,
            _ => 0,
        };
        return days_from(today, days);
    }
    if let Some(found) = MONTH_END.captures(text) {
        let months = if found.get(1).is_some() { 1 } else { 0 };
        return months_from(today.first_of_month(), months).map(Date::last_of_month);
    }
    let found = LATER.captures(text)?;
    let count = number(&found[1])? as i64;
    match &found[2] {
        "天" | "日" => days_from(today, count),
        "个月" => months_from(today, count),
        _ => days_from(today, 7 * count),
    }
}

fn weekday(text: &str, today: Date) -> Option<Date> {
    static WEEKDAY: LazyLock<Regex> = LazyLock::new(|| {
        regular(r"(下下个?|下个?|这个?|本|每|[一两三四五几])?(?:星期|礼拜|周)([一二三四五六日天])(次|个|遍)?")
    });
    let found = WEEKDAY.captures_iter(text).find(|found| {
        // `一周三次` is how often.
        let is_count = found.get(1).is_some_and(|before| "一两三四五几".contains(before.as_str()));
        !is_count && found.get(3).is_none() && found.get(0).is_some_and(|all| !is_denied(text, &all.range()))
    })?;
    let day = match &found[2] {
        "日" | "天" => 6,
        sign => ["一", "二", "三", "四", "五", "六"].iter().position(|day| *day == sign)? as i8,
    };
    let of_week = |weeks: i64| days_from(monday(today)?, 7 * weeks + i64::from(day));
    match found.get(1).map(|before| before.as_str()) {
        Some("下下" | "下下个") => of_week(2),
        Some("下" | "下个") => of_week(1),
        // That of this week, if it is not over.
        Some("这" | "这个" | "本") => of_week(0).filter(|date| *date >= today),
        _ => next_weekday(today, Weekday::from_monday_zero_offset(day).ok()?),
    }
}

/// A day of a month, with or without its year; or a day of this month or the next.
fn named(text: &str, today: Date) -> Option<Date> {
    const COUNT: &str = "[0-9零〇一二两三四五六七八九十]";
    static DAY: LazyLock<Regex> = LazyLock::new(|| {
        regular(&format!(
            r"(?:({COUNT}{{2,4}}年|今年|明年|后年))?({COUNT}{{1,3}})月(?:份)?({COUNT}{{1,3}})[号日]"
        ))
    });
    static BARE: LazyLock<Regex> = LazyLock::new(|| {
        regular(&format!(
            r"(下下个?月|下个?月|这个?月|本月)?的?({COUNT}{{1,3}})(?:号|日)(后|内|前|游|间|线|楼|门|店|机|套|桌|柜|窗|码|人|厅|车)?"
        ))
    });
    let day = |found: &Captures<'_>, n: usize| {
        number(&found[n]).filter(|value| (1.0..=31.0).contains(value)).map(|value| value as i8)
    };
    let is_said = |found: &Captures<'_>| found.get(0).is_some_and(|all| !is_denied(text, &all.range()));
    if let Some(found) = DAY.captures_iter(text).find(is_said) {
        let said_year = match found.get(1).map(|year| year.as_str()) {
            None => None,
            Some("今年") => Some(today.year()),
            Some("明年") => Some(today.year() + 1),
            Some("后年") => Some(today.year() + 2),
            Some(words) => {
                let value = number(words.trim_end_matches('年'))?;
                Some(year(if value < 100.0 { 2_000.0 + value } else { value })?)
            }
        };
        return of_year(today, said_year, day(&found, 2)?, day(&found, 3)?);
    }
    let found = BARE.captures_iter(text).find(|found| found.get(3).is_none() && is_said(found))?;
    let day = day(&found, 2)?;
    let months = match found.get(1).map(|month| month.as_str()) {
        None => return of_month(today, day),
        Some(month) if month.starts_with("下下") => 2,
        Some(month) if month.starts_with('下') => 1,
        Some(_) => 0,
    };
    let month = months_from(today.first_of_month(), months)?;
    Date::new(month.year(), month.month(), day).ok()
}

fn regular(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression that was tried")
}
