//! Figures in English words.

use jiff::civil::Date;

use super::{Currency, Figure};

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
        Figure::Number { whole, decimals } => decimal(*whole, decimals),
        Figure::Percent { whole, decimals } => format!("{} percent", decimal(*whole, decimals)),
        Figure::Money { whole, cents, currency } => money(*whole, *cents, *currency),
        Figure::Date(date) => {
            format!("{} {}, {}", MONTHS[date.month() as usize - 1], ordinal(date.day() as u64), year(*date))
        }
        Figure::Time { hour, minute: 0 } => format!("{} o'clock", number((*hour).into())),
        Figure::Time { hour, minute } if *minute < 10 => {
            format!("{} oh {}", number((*hour).into()), number((*minute).into()))
        }
        Figure::Time { hour, minute } => format!("{} {}", number((*hour).into()), number((*minute).into())),
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

fn decimal(whole: u64, decimals: &str) -> String {
    if decimals.is_empty() { number(whole) } else { format!("{} point {}", number(whole), digits(decimals)) }
}

fn digits(group: &str) -> String {
    let words = group.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| UNITS[digit as usize]);
    words.collect::<Vec<_>>().join(" ")
}

fn money(whole: u64, cents: u8, currency: Currency) -> String {
    let (one, many, cent, hundredths) = match currency {
        Currency::Yuan => ("yuan", "yuan", "fen", "fen"),
        Currency::Dollar => ("dollar", "dollars", "cent", "cents"),
        Currency::Euro => ("euro", "euros", "cent", "cents"),
        Currency::Pound => ("pound", "pounds", "penny", "pence"),
    };
    let of = |count: u64, one: &str, many: &str| {
        format!("{} {}", number(count), if count == 1 { one } else { many })
    };
    match (whole, u64::from(cents)) {
        (_, 0) => of(whole, one, many),
        (0, cents) => of(cents, cent, hundredths),
        (_, cents) => format!("{} and {}", of(whole, one, many), of(cents, cent, hundredths)),
    }
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
fn year(date: Date) -> String {
    let year = u64::from(date.year().unsigned_abs());
    match (year / 100, year % 100) {
        (20, rest) if rest < 10 => number(year).replace(" and ", " "),
        (century, 0) if century >= 10 => format!("{} hundred", number(century)),
        (century, rest) if century >= 10 && rest < 10 => format!("{} oh {}", number(century), number(rest)),
        (century, rest) if century >= 10 => format!("{} {}", number(century), number(rest)),
        _ => number(year),
    }
}
