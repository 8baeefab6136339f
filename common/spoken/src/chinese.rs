//! Figures in Chinese characters.

use super::{Amount, Currency, Figure, Half};

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

pub(super) fn say(figure: &Figure<'_>) -> String {
    match figure {
        Figure::Number { amount, counts } => decimal(*amount, *counts),
        Figure::Percent(amount) => {
            let sign = if amount.is_negative { "负" } else { "" };
            format!("{sign}百分之{}", decimal(Amount { is_negative: false, ..*amount }, false))
        }
        Figure::Money { amount, scale, currency } => money(*amount, *scale, *currency),
        Figure::Range(from, to) => format!("{}到{}", counted(*from, '二'), counted(*to, '二')),
        Figure::Ordinal(place) => format!("第{}", counted(*place, '二')),
        Figure::Date(date) => format!("{}{}", year(date.year()), day(date.month(), date.day())),
        Figure::Day(month, of_month) => day(*month, *of_month),
        Figure::Year(of) => year(*of),
        Figure::BareYear(of) => digits(&of.to_string(), '一'),
        Figure::Years(first, last) => format!("{}到{}", year(*first), year(*last)),
        Figure::Time { hour, minute, second, half } => {
            let half = match half {
                Some(Half::Am) => "上午",
                Some(Half::Pm) => "下午",
                None => "",
            };
            let hour = number((*hour).into());
            let small = |value: u8, name: &str| {
                format!("{}{}{name}", if value < 10 { "零" } else { "" }, counted(value.into(), '二'))
            };
            match (minute, second) {
                (0, None) => format!("{half}{hour}点"),
                (_, None) => format!("{half}{hour}点{}", small(*minute, "分")),
                (_, Some(second)) => {
                    format!("{half}{hour}点{}{}", small(*minute, "分"), small(*second, "秒"))
                }
            }
        }
        Figure::Digits { plus, groups } => {
            // `幺`, since `一` and `七` are alike on the telephone.
            let groups: Vec<_> = groups.iter().map(|group| digits(group, '幺')).collect();
            format!("{}{}", if *plus { "加" } else { "" }, groups.join(" "))
        }
    }
}

/// A number of things: a two by itself is `两`.
fn number(value: u64) -> String {
    counted(value, '两')
}

/// `two` is how a two by itself is said.
fn counted(value: u64, two: char) -> String {
    match value {
        0 => "零".to_owned(),
        2 => two.to_string(),
        _ => {
            let words = words(value);
            // `十五`, not `一十五`.
            words.strip_prefix("一十").map_or(words.clone(), |rest| format!("十{rest}"))
        }
    }
}

/// In groups of four places, as the language counts; one `零` for the places that are left out between.
fn words(value: u64) -> String {
    let mut words = String::new();
    let mut rest = value;
    for (unit, name) in [(1_0000_0000_0000, "万亿"), (1_0000_0000, "亿"), (1_0000, "万"), (1, "")] {
        let group = rest / unit;
        rest %= unit;
        if group == 0 {
            continue;
        }
        if !words.is_empty() && group < 1_000 && !words.ends_with('零') {
            words.push('零');
        }
        words.push_str(&group_words(group, !name.is_empty()));
        words.push_str(name);
        if rest > 0 && rest < unit / 10 && unit > 1 {
            words.push('零');
        }
    }
    words.replace("零零", "零")
}

/// 1 to 9,999.
fn group_words(group: u64, has_name: bool) -> String {
    let mut words = String::new();
    let mut gap = false;
    for (unit, name) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = (group / unit) % 10;
        if digit == 0 {
            gap = !words.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            words.push('零');
        }
        // `两千`, `两百` at the front, `两万`; else `二`.
        let is_two = digit == 2
            && (unit == 1_000
                || unit == 100 && words.is_empty()
                || unit == 1 && words.is_empty() && has_name);
        words.push(if is_two { '两' } else { DIGITS[digit as usize] });
        words.push_str(name);
    }
    words
}

/// Before what is counted, a two by itself is `两`.
fn decimal(amount: Amount<'_>, counts: bool) -> String {
    let sign = if amount.is_negative { "负" } else { "" };
    match amount.decimals {
        "" => format!("{sign}{}", counted(amount.whole, if counts { '两' } else { '二' })),
        decimals => format!("{sign}{}点{}", counted(amount.whole, '二'), digits(decimals, '一')),
    }
}

fn year(year: i16) -> String {
    format!("{}年", digits(&year.to_string(), '一'))
}

fn day(month: i8, day: i8) -> String {
    format!("{}月{}日", counted(month as u64, '二'), counted(day as u64, '二'))
}

fn digits(group: &str, one: char) -> String {
    let sign = |digit: u32| if digit == 1 { one } else { DIGITS[digit as usize] };
    group.chars().filter_map(|digit| digit.to_digit(10)).map(sign).collect()
}

fn money(amount: Amount<'_>, scale: Option<&str>, currency: Currency) -> String {
    let name = match currency {
        Currency::Yuan => "元",
        Currency::Dollar => "美元",
        Currency::Euro => "欧元",
        Currency::Pound => "英镑",
    };
    let (whole, cents) = match (scale, amount.cents()) {
        (None, Some(cents)) => (amount.whole, cents),
        _ => {
            let scale = match scale.unwrap_or_default() {
                "thousand" | "k" | "K" => "千",
                "million" | "m" | "M" => "百万",
                "billion" | "bn" => "十亿",
                "trillion" => "万亿",
                own => own,
            };
            return format!("{}{scale}{name}", decimal(amount, true));
        }
    };
    let (tenths, hundredths) = (u64::from(cents / 10), u64::from(cents % 10));
    let sign = if amount.is_negative { "负" } else { "" };
    let mut text =
        if whole > 0 || cents == 0 { format!("{sign}{}{name}", number(whole)) } else { sign.to_owned() };
    if currency != Currency::Yuan {
        if cents > 0 {
            text.push_str(&format!("{}分", number(cents.into())));
        }
        return text;
    }
    if tenths > 0 {
        text.push_str(&format!("{}角", counted(tenths, '两')));
    } else if hundredths > 0 && whole > 0 {
        text.push('零');
    }
    if hundredths > 0 {
        text.push_str(&format!("{}分", counted(hundredths, '两')));
    }
    text
}
