//! Figures in English words.

use super::{Amount, Currency, Figure, Half};

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) fn say(figure: &Figure<'_>) -> String {
    match figure {
        Figure::Number { amount, .. } => decimal(*amount),
        Figure::Percent(amount) => format!("{} percent", decimal(*amount)),
        Figure::Money { amount, scale, currency } => money(*amount, *scale, *currency),
        Figure::Range(from, to) => format!("{} to {}", number(*from), number(*to)),
        Figure::Ordinal(place) => ordinal(*place),
        Figure::Date(date) => format!("{}, {}", day(date.month(), date.day()), year(date.year())),
        Figure::Day(month, of_month) => day(*month, *of_month),
        Figure::Year(of) | Figure::BareYear(of) => year(*of),
        Figure::Years(first, last) => format!("{} to {}", year(*first), year(*last)),
        Figure::Time { hour, minute, second, half } => time(*hour, *minute, *second, *half),
        Figure::Digits { plus, groups } => {
            let groups: Vec<_> = groups.iter().map(|group| digits(group)).collect();
            format!("{}{}", if *plus { "plus " } else { "" }, groups.join(", "))
        }
    }
}

fn number(value: u64) -> String {
    if value < 20 {
        return UNITS[value as usize].to_owned();
    }
    if value < 100 {
        let ten = TENS[value as usize / 10];
        return if value.is_multiple_of(10) {
            ten.to_owned()
        } else {
            format!("{ten}-{}", UNITS[value as usize % 10])
        };
    }
    if value < 1_000 {
        let hundreds = format!("{} hundred", UNITS[value as usize / 100]);
        return if value.is_multiple_of(100) {
            hundreds
        } else {
            format!("{hundreds} and {}", number(value % 100))
        };
    }
    let scales = [
        (1_000_000_000_000, "trillion"),
        (1_000_000_000, "billion"),
        (1_000_000, "million"),
        (1_000, "thousand"),
    ];
    let (scale, name) = scales.into_iter().find(|(scale, _)| value >= *scale).expect("it is 1,000 or more");
    let above = format!("{} {name}", number(value / scale));
    match value % scale {
        0 => above,
        rest if rest < 100 => format!("{above} and {}", number(rest)),
        rest => format!("{above} {}", number(rest)),
    }
}

fn decimal(amount: Amount<'_>) -> String {
    let sign = if amount.is_negative { "minus " } else { "" };
    match amount.decimals {
        "" => format!("{sign}{}", number(amount.whole)),
        decimals => format!("{sign}{} point {}", number(amount.whole), digits(decimals)),
    }
}

fn day(month: i8, day: i8) -> String {
    format!("{} {}", MONTHS[month as usize - 1], ordinal(day as u64))
}

fn time(hour: u8, minute: u8, second: Option<u8>, half: Option<Half>) -> String {
    let hour = number(hour.into());
    let mut text = match (minute, half) {
        (0, None) => format!("{hour} o'clock"),
        (0, Some(_)) => hour,
        (1..10, _) => format!("{hour} oh {}", number(minute.into())),
        _ => format!("{hour} {}", number(minute.into())),
    };
    if let Some(second) = second {
        text.push_str(&format!(
            " and {} second{}",
            number(second.into()),
            if second == 1 { "" } else { "s" }
        ));
    }
    text + match half {
        Some(Half::Am) => " am",
        Some(Half::Pm) => " pm",
        None => "",
    }
}

fn digits(group: &str) -> String {
    let words = group.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| UNITS[digit as usize]);
    words.collect::<Vec<_>>().join(" ")
}

fn money(amount: Amount<'_>, scale: Option<&str>, currency: Currency) -> String {
    let (one, many, cent, hundredths) = match currency {
        Currency::Yuan => ("yuan", "yuan", "fen", "fen"),
        Currency::Dollar => ("dollar", "dollars", "cent", "cents"),
        Currency::Euro => ("euro", "euros", "cent", "cents"),
        Currency::Pound => ("pound", "pounds", "penny", "pence"),
    };
    let of = |count: u64, one: &str, many: &str| {
        format!("{} {}", number(count), if count == 1 { one } else { many })
    };
    let (whole, cents) = match (scale, amount.cents()) {
        (None, Some(cents)) => (amount.whole, cents),
        (None, None) => return format!("{} {many}", decimal(amount)),
        (Some(scale), _) => {
            let scale = match scale {
                "k" | "K" | "千" => "thousand",
                "m" | "M" => "million",
                "bn" => "billion",
                "百" => "hundred",
                // Ten thousand and a hundred million have no word of their own.
                "万" | "亿" | "万亿" => return large(amount, scale, many),
                own => own,
            };
            return format!("{} {scale} {many}", decimal(amount));
        }
    };
    let sign = if amount.is_negative { "minus " } else { "" };
    let text = match (whole, u64::from(cents)) {
        (_, 0) => of(whole, one, many),
        (0, cents) => of(cents, cent, hundredths),
        (_, cents) => format!("{} and {}", of(whole, one, many), of(cents, cent, hundredths)),
    };
    format!("{sign}{text}")
}

/// `3万` is thirty thousand.
fn large(amount: Amount<'_>, scale: &str, many: &str) -> String {
    let factor: f64 = match scale {
        "万" => 1e4,
        "亿" => 1e8,
        _ => 1e12,
    };
    let value: f64 = format!("{}.{}0", amount.whole, amount.decimals).parse().unwrap_or(0.0);
    let whole = Amount { whole: (value * factor).round() as u64, decimals: "", ..amount };
    format!("{} {many}", decimal(whole))
}

fn ordinal(value: u64) -> String {
    let words = number(value);
    let (before, last) = words.rsplit_once('-').map_or(("", words.as_str()), |(before, last)| (before, last));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        ten if ten.ends_with('y') => format!("{}ieth", &ten[..ten.len() - 1]),
        other => format!("{other}th"),
    };
    if before.is_empty() { last } else { format!("{before}-{last}") }
}

/// `twenty twenty-six`, `nineteen oh five`, `two thousand five`, `nineteen hundred`.
fn year(year: i16) -> String {
    let year = u64::from(year.unsigned_abs());
    match (year / 100, year % 100) {
        (20, rest) if rest < 10 => number(year).replace(" and ", " "),
        (century, 0) if century >= 10 => format!("{} hundred", number(century)),
        (century, rest) if century >= 10 && rest < 10 => format!("{} oh {}", number(century), number(rest)),
        (century, rest) if century >= 10 => format!("{} {}", number(century), number(rest)),
        _ => number(year),
    }
}
