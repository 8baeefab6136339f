//! Figures in Chinese characters.

use super::{Currency, Figure};

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

pub(super) fn say(figure: &Figure<'_>) -> String {
    match figure {
        Figure::Number { whole, decimals } => decimal(*whole, decimals),
        Figure::Percent { whole, decimals } => format!("百分之{}", decimal(*whole, decimals)),
        Figure::Money { whole, cents, currency } => money(*whole, *cents, *currency),
        Figure::Date(date) => {
            let year = digits(&date.year().to_string(), '一');
            format!("{year}年{}月{}日", counted(date.month() as u64, '二'), counted(date.day() as u64, '二'))
        }
        Figure::Time { hour, minute } => {
            let hour = number((*hour).into());
            match minute {
                0 => format!("{hour}点"),
                1..10 => format!("{hour}点零{}分", counted((*minute).into(), '二')),
                _ => format!("{hour}点{}分", counted((*minute).into(), '二')),
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

fn decimal(whole: u64, decimals: &str) -> String {
    match decimals {
        "" => number(whole),
        _ => format!("{}点{}", counted(whole, '二'), digits(decimals, '一')),
    }
}

fn digits(group: &str, one: char) -> String {
    let sign = |digit: u32| if digit == 1 { one } else { DIGITS[digit as usize] };
    group.chars().filter_map(|digit| digit.to_digit(10)).map(sign).collect()
}

fn money(whole: u64, cents: u8, currency: Currency) -> String {
    let name = match currency {
        Currency::Yuan => "元",
        Currency::Dollar => "美元",
        Currency::Euro => "欧元",
        Currency::Pound => "英镑",
    };
    let (tenths, hundredths) = (u64::from(cents / 10), u64::from(cents % 10));
    let mut text = if whole > 0 || cents == 0 { format!("{}{name}", number(whole)) } else { String::new() };
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
