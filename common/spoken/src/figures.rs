//! Finding figures in a sentence.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::{Captures, Regex};

use super::{Amount, Currency, Figure, Half};

/// What stands longer than this is said digit by digit.
const WHOLE_DIGITS_MAX: usize = 15;
/// So many digits without anything between are a telephone number or a code, and so is a number that begins with zero.
const CODE_DIGITS: usize = 8;
/// Chinese words before which a two is `两`: measures, units and large numbers.
const COUNTED: &str = "个次天年块元万千百亿美欧英人位名件条张份遍种周岁分秒小只台辆家双页层套部盒瓶杯包斤公里米倍门节顿口处点倍成班笔项";
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const MONTH: &str = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";

/// In the order in which they are tried at each place.
static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
    const AMOUNT: &str = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?";
    let text = [
        r"(?<date>[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2})",
        r"(?<cyear>[0-9]{4})年(?:(?<cmonth>[0-9]{1,2})月(?<cday>[0-9]{1,2})[日号])?",
        r"(?<omonth>[0-9]{1,2})月(?<oday>[0-9]{1,2})[日号]",
        &format!(
            r"(?<month>{MONTH})\.? (?<mday>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?<myear>[0-9]{{4}})\b)?"
        ),
        &format!(
            r"(?<dday>[0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?(?<dmonth>{MONTH})\b(?:,? (?<dyear>[0-9]{{4}})\b)?"
        ),
        r"(?<hour>[0-9]{1,2})[:\u{FF1A}](?<minute>[0-9]{2})(?::(?<second>[0-9]{2}))?(?: ?(?<half>[aApP])\.?[mM]\b)?",
        r"(?<oclock>[0-9]{1,2}) ?(?<ohalf>[aApP])(?:[mM]\b|\.[mM]\.)",
        r"(?<first>(?:19|20)[0-9]{2})[-–~\u{FF5E}](?<last>(?:19|20)[0-9]{2})(?:年|\b)",
        r"(?<plus>\+)(?<far>[0-9][0-9 \-]{5,24}[0-9])",
        r"(?<local>(?:1[ \-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .\-])[0-9]{3}[.\-][0-9]{4})\b",
        r"(?<phone>[0-9]{3,4}(?:[ \-][0-9]{3,4}[ \-]|\-)[0-9]{3,4})",
        &format!(
            r"(?<sign>[-−]?)(?<symbol>[¥$€£]) ?(?<inner>[-−]?)(?<amount>{AMOUNT})(?: ?(?<scale>(?:thousand|million|billion|trillion|bn|[kKmM])\b|万亿|[万亿千百]))?"
        ),
        r"(?<from>[0-9]{1,4})[-–~\u{FF5E}](?<to>[0-9]{1,4})",
        r"(?<ordinal>[0-9]{1,4})(?:st|nd|rd|th)\b",
        &format!(
            r"(?<minus>[-−]?)(?<number>{AMOUNT})(?<behind> ?%| ?元| ?[€£$]| ?(?:CNY|RMB|USD|EUR|GBP)\b)?"
        ),
    ];
    // Chinese characters end words of other letters.
    regular(&text.join("|").replace(r"\b", r"(?-u:\b)"))
});

fn regular(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression that was tried")
}

/// Full-width figures and the signs that belong to them as ordinary ones; full-width punctuation stays.
pub(super) fn narrow(sentence: &str) -> String {
    let narrow = |sign: char| match sign {
        '\u{FF10}'..='\u{FF19}' | '\u{FF05}' | '\u{FF04}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF0E}' => {
            char::from_u32(sign as u32 - 0xFEE0).unwrap_or(sign)
        }
        '\u{FFE5}' => '¥',
        '\u{FFE1}' => '£',
        _ => sign,
    };
    sentence.chars().map(narrow).collect()
}

/// The figures of a sentence, in order.
pub(super) fn find(sentence: &str) -> Vec<(Range<usize>, Figure<'_>)> {
    let mut figures = Vec::new();
    let mut from = 0;
    while let Some(found) = FIGURES.captures_at(sentence, from) {
        let all = found.get(0).expect("the whole").range();
        let before = &sentence[..all.start];
        // A hyphen is no part of the figure behind it, which may be a time: `9:00-18:00`.
        let sign =
            ["minus", "sign"].into_iter().filter_map(|name| found.name(name)).find(|sign| !sign.is_empty());
        if let Some(hyphen) = sign.filter(|_| before.ends_with(|sign: char| sign.is_ascii_alphanumeric())) {
            from = hyphen.end();
            continue;
        }
        let read = read(&found, before, &sentence[all.end..]);
        from = all.end;
        let Some((figure, range)) = read else { continue };
        // `A4` and `B52s` are names, `COVID-19` is half of one.
        let is_letter = |sign: char| sign.is_ascii_alphabetic();
        if sentence[..range.start].ends_with(is_letter) || sentence[range.end..].starts_with(is_letter) {
            continue;
        }
        from = range.end;
        figures.push((range, figure));
    }
    figures
}

/// The figure, and where it is.
fn read<'a>(found: &Captures<'a>, before: &str, behind: &str) -> Option<(Figure<'a>, Range<usize>)> {
    let all = found.get(0)?.range();
    let part = |name: &str| found.name(name).map(|part| part.as_str());
    if let Some(figure) = day(found) {
        return figure.map(|figure| (figure, all));
    }
    if let (Some(hour), Some(minute)) = (part("hour"), part("minute")) {
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        let second = part("second").map(str::parse).transpose().ok()?;
        let half = part("half").map(|half| if half.eq_ignore_ascii_case("a") { Half::Am } else { Half::Pm });
        let is_time = hour < 25 && minute < 60 && second.is_none_or(|second| second < 60);
        return is_time.then_some((Figure::Time { hour, minute, second, half }, all));
    }
    if let (Some(hour), Some(half)) = (part("oclock"), part("ohalf")) {
        let hour = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
        let half = Some(if half.eq_ignore_ascii_case("a") { Half::Am } else { Half::Pm });
        return Some((Figure::Time { hour, minute: 0, second: None, half }, all));
    }
    if let (Some(first), Some(last)) = (part("first"), part("last")) {
        return Some((Figure::Years(first.parse().ok()?, last.parse().ok()?), all));
    }
    if let Some(digits) = part("far").or_else(|| part("phone")).or_else(|| part("local")) {
        let groups = digits.split([' ', '-', '.', '(', ')']).filter(|group| !group.is_empty()).collect();
        return Some((Figure::Digits { plus: part("plus").is_some(), groups }, all));
    }
    if let (Some(from), Some(to)) = (part("from"), part("to")) {
        let is_code = |digits: &str| digits.len() > 1 && digits.starts_with('0');
        let range = (from.parse().ok()?, to.parse().ok()?);
        if range.0 < range.1 && !is_code(from) && !is_code(to) {
            return Some((Figure::Range(range.0, range.1), all));
        }
        // Each by itself: the second comes next.
        let first = found.name("from")?.range();
        return number(from, "", false, false).map(|figure| (figure, first));
    }
    if let Some(place) = part("ordinal") {
        return Some((Figure::Ordinal(place.parse().ok()?), all));
    }
    if let (Some(symbol), Some(amount)) = (part("symbol"), part("amount")) {
        let is_negative = is_minus(part("sign")) || is_minus(part("inner"));
        let scale = found.name("scale");
        let end = scale.map_or(found.name("amount")?.end(), |scale| scale.end());
        let amount = read_amount(amount, is_negative)?;
        let money =
            Figure::Money { amount, scale: scale.map(|scale| scale.as_str()), currency: of_symbol(symbol) };
        return Some((money, all.start..end));
    }
    let (written, name) = (part("number")?, part("behind").unwrap_or_default().trim());
    let is_negative = is_minus(part("minus"));
    if name.is_empty() && !is_negative && written.chars().all(|sign| sign.is_ascii_digit()) {
        if is_code(before) {
            return Some((Figure::Digits { plus: false, groups: vec![written] }, all));
        }
        if let Some(year) =
            written.parse().ok().filter(|year| (1_900..2_100).contains(year) && is_year(before))
        {
            return Some((Figure::BareYear(year), all));
        }
    }
    let counts = behind.starts_with(|sign| COUNTED.contains(sign)) && !before.ends_with('第');
    number(written, name, is_negative, counts).map(|figure| (figure, all))
}

/// Whether there is a minus.
fn is_minus(sign: Option<&str>) -> bool {
    sign.is_some_and(|sign| !sign.is_empty())
}

/// Whether a code follows, that is said digit by digit: `尾号为1234`, `ending in 1234`.
fn is_code(before: &str) -> bool {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        regular(
            r"(?:(?:尾号|验证码|密码|单号|工号|卡号|编号|号码|分机号?|代码)[为是:\u{FF1A} ]*|(?i)\b(?:ending in|ends in|ending with|(?:code|pin|passcode|extension|ext\.?)(?: is|:)?) )$",
        )
    });
    NAMED.is_match(before)
}

/// Whether a year follows: `in 2026`, `November 2026`.
fn is_year(before: &str) -> bool {
    static DATED: LazyLock<Regex> = LazyLock::new(|| {
        regular(&format!(r"(?:(?i)\b(?:in|since|until|till|by|year|before|after|during)|\b{MONTH}) $"))
    });
    DATED.is_match(before)
}

/// A day or a year, if it is one of the calendar.
fn day<'a>(found: &Captures<'a>) -> Option<Option<Figure<'a>>> {
    let part = |name: &str| found.name(name).map(|part| part.as_str());
    let small = |name: &str| part(name).and_then(|value| value.parse::<i8>().ok());
    let year_of = |name: &str| part(name).and_then(|value| value.parse::<i16>().ok());
    let of = |year: Option<i16>, month: Option<i8>, day: Option<i8>| {
        // Any year that has a 29th of February will do for a day.
        let date = Date::new(year.unwrap_or(2_000), month?, day?).ok()?;
        Some(if year.is_some() { Figure::Date(date) } else { Figure::Day(date.month(), date.day()) })
    };
    let month_named = |name: &str| {
        let month = part(name)?.get(..3)?.to_ascii_lowercase();
        MONTHS.iter().position(|short| *short == month).map(|at| at as i8 + 1)
    };
    if let Some(date) = part("date") {
        let mut parts = date.split(['-', '/']);
        let mut next = || parts.next();
        let (year, month, day) = (next()?.parse().ok(), next()?.parse().ok(), next()?.parse().ok());
        return Some(of(Some(year?), month, day));
    }
    if let Some(year) = year_of("cyear") {
        return Some(match part("cmonth") {
            Some(_) => of(Some(year), small("cmonth"), small("cday")),
            None => Some(Figure::Year(year)).filter(|_| (1_000..3_000).contains(&year)),
        });
    }
    if part("omonth").is_some() {
        return Some(of(None, small("omonth"), small("oday")));
    }
    if part("month").is_some() {
        return Some(of(year_of("myear"), month_named("month"), small("mday")));
    }
    part("dmonth").map(|_| of(year_of("dyear"), month_named("dmonth"), small("dday")))
}

/// A number, a percentage, an amount of money, or digits that stand for themselves.
fn number<'a>(written: &'a str, name: &str, is_negative: bool, counts: bool) -> Option<Figure<'a>> {
    let currency = of_name(name);
    let is_percent = name == "%";
    let digits = written.split_once('.').map_or(written, |(whole, _)| whole);
    let is_long = digits.len() >= CODE_DIGITS && !digits.contains(',');
    let is_code = digits.len() > 1 && digits.starts_with('0') || is_long;
    let is_bare = currency.is_none() && !is_percent && !written.contains('.');
    let Some(amount) = read_amount(written, is_negative).filter(|_| !(is_bare && is_code)) else {
        return Some(Figure::Digits { plus: false, groups: vec![digits] });
    };
    Some(match currency {
        Some(currency) => Figure::Money { amount, scale: None, currency },
        None if is_percent => Figure::Percent(amount),
        None => Figure::Number { amount, counts },
    })
}

/// The amount; none where it has too many digits to be said as a number.
fn read_amount(written: &str, is_negative: bool) -> Option<Amount<'_>> {
    let (digits, decimals) = written.split_once('.').unwrap_or((written, ""));
    let bare: String = digits.chars().filter(|sign| *sign != ',').collect();
    let whole = bare.parse().ok().filter(|_| bare.len() <= WHOLE_DIGITS_MAX)?;
    Some(Amount { is_negative, whole, decimals })
}

impl Amount<'_> {
    /// Hundredths, if that is all there is behind the point.
    pub(super) fn cents(&self) -> Option<u8> {
        match self.decimals.len() {
            0..=2 => format!("{}00", self.decimals)[..2].parse().ok(),
            _ => None,
        }
    }
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
        "USD" | "$" => Currency::Dollar,
        "EUR" | "€" => Currency::Euro,
        "GBP" | "£" => Currency::Pound,
        _ => return None,
    })
}
