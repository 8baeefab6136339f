//! English number words.

/// A number that begins with the first of these words; beyond all bounds where it is too large to be one.
pub(super) fn number(words: &[&str]) -> Option<f64> {
    let mut rest = words;
    let is_negative = matches!(rest.first(), Some(&("minus" | "negative")));
    if is_negative {
        rest = &rest[1..];
    }
    let value = code(rest).or_else(|| cardinal(rest)).or_else(|| of_things(rest))?;
    Some(if is_negative { -value } else { value })
}

/// Three or more digits one after the other: `nine one one`, `two double five`.
fn code(words: &[&str]) -> Option<f64> {
    let (mut value, mut count, mut times) = (0.0, 0, 1);
    let mut rest = words.iter();
    for word in rest.by_ref() {
        match (*word, digit(word)) {
            ("double", _) => times = 2,
            ("triple", _) => times = 3,
            (_, Some(digit)) => {
                for _ in 0..std::mem::replace(&mut times, 1) {
                    value = value * 10.0 + f64::from(digit.to_digit(10)?);
                    count += 1;
                }
            }
            _ => break,
        }
    }
    let is_doubled = words.first().is_some_and(|word| matches!(*word, "double" | "triple"));
    (count >= 3 || count == 2 && is_doubled).then_some(value)
}

/// `Point five`, `a couple`, `half a dozen`.
fn of_things(words: &[&str]) -> Option<f64> {
    match words {
        ["point", rest @ ..] => decimals(rest).filter(|value| *value > 0.0),
        ["a", "couple", ..] => Some(2.0),
        ["a", "dozen", ..] => Some(12.0),
        ["half", "a", "dozen", ..] => Some(6.0),
        _ => None,
    }
}

/// The digits behind a point.
fn decimals(words: &[&str]) -> Option<f64> {
    let digits: String = words.iter().map_while(|word| digit(word)).take(15).collect();
    format!("0.{digits}0").parse().ok()
}

fn cardinal(words: &[&str]) -> Option<f64> {
    // What is complete, and the part below the next thousand.
    let (mut whole, mut part) = (0.0, 0.0);
    let mut has_any = false;
    let mut rest = words;
    if matches!(rest.first(), Some(&("a" | "an"))) {
        // Only before hundred, thousand, million.
        if !matches!(rest.get(1).map(|word| Word::of(word)), Some(Word::Hundred | Word::Scale(_))) {
            return None;
        }
        (part, has_any, rest) = (1.0, true, &rest[1..]);
    }
    if rest.first() == Some(&"half") {
        let behind = rest.get(1..).unwrap_or_default();
        let behind = behind.strip_prefix(&["a"]).unwrap_or(behind);
        return match behind.first().map(|word| Word::of(word)) {
            Some(Word::Scale(scale)) => Some(0.5 * scale),
            Some(Word::Hundred) => Some(50.0),
            _ => None,
        };
    }
    loop {
        if let Some((value, after)) = below_hundred(rest).filter(|_| !has_any || part % 100.0 == 0.0) {
            (part, has_any, rest) = (part + value, true, after);
            // `two fifty`, `nineteen ninety nine`, `twenty twenty six`, `two oh five`: hundreds without the word.
            if part == value
                && let Some((value, after)) = second_pair(rest, value)
            {
                (part, rest) = (part * 100.0 + value, after);
            }
            continue;
        }
        match rest.first().map(|word| (*word, Word::of(word))) {
            Some((_, Word::Hundred)) if has_any && (1.0..100.0).contains(&part) => part *= 100.0,
            Some((_, Word::Scale(scale))) if has_any && part > 0.0 => {
                (whole, part) = (whole + part * scale, 0.0);
            }
            // `two thousand million`.
            Some((_, Word::Scale(scale))) if whole > 0.0 => whole *= scale,
            Some(("and", _)) if has_any && rest.len() > 2 && rest[1..3] == ["a", "half"] => {
                let scale = rest.get(3).map(|word| Word::of(word));
                return Some(match scale {
                    Some(Word::Scale(scale)) => whole + (part + 0.5) * scale,
                    _ => whole + part + 0.5,
                });
            }
            Some(("and", _))
                if has_any
                    && (part % 100.0 == 0.0)
                    && below_hundred(&rest[1..]).is_some()
                    && (part > 0.0 || whole > 0.0) => {}
            Some(("point", _)) if has_any => {
                let digits: String = rest[1..].iter().map_while(|word| digit(word)).take(15).collect();
                let value = whole + part + format!("0.{digits}0").parse().unwrap_or(0.0);
                let scale = rest.get(1 + digits.len()).map(|word| Word::of(word));
                return Some(if let Some(Word::Scale(scale)) = scale { value * scale } else { value });
            }
            _ => break,
        }
        rest = &rest[1..];
    }
    has_any.then_some(whole + part)
}

/// `seven`, `seventeen`, `seventy`, `seventy seven`, and the words behind.
fn below_hundred<'a, 'b>(words: &'a [&'b str]) -> Option<(f64, &'a [&'b str])> {
    match Word::of(words.first()?) {
        Word::Unit(value) => Some((value, &words[1..])),
        Word::Ten(ten) => match words.get(1).map(|word| Word::of(word)) {
            Some(Word::Unit(unit)) if (1.0..10.0).contains(&unit) => Some((ten + unit, &words[2..])),
            _ => Some((ten, &words[1..])),
        },
        _ => None,
    }
}

/// The two digits behind two others, or behind one.
fn second_pair<'a, 'b>(words: &'a [&'b str], first: f64) -> Option<(f64, &'a [&'b str])> {
    if first < 1.0 {
        return None;
    }
    if matches!(words.first(), Some(&("oh" | "o"))) {
        let unit = words.get(1).and_then(|word| digit(word))?.to_digit(10)?;
        return Some((unit.into(), &words[2..]));
    }
    below_hundred(words).filter(|(value, _)| *value >= 10.0)
}

/// The words that numbers are made of.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    UNITS
        .into_iter()
        .chain(TENS)
        .chain(["hundred", "thousand", "million", "and", "oh", "double", "triple", "point"])
}

/// What follows a number in figures: `1.2 million`.
pub(super) fn scale(word: &str) -> Option<f64> {
    match Word::of(word) {
        Word::Scale(scale) => Some(scale),
        Word::Hundred => Some(100.0),
        _ => None,
    }
}

/// `seventeen`, `seventy`, `seventy seven` as digits, and how many words they are.
pub(super) fn pair(words: &[&str]) -> Option<(u32, usize)> {
    let (value, rest) = below_hundred(words).filter(|(value, _)| *value >= 10.0)?;
    Some((value as u32, words.len() - rest.len()))
}

/// The number below a hundred that a word by itself is.
pub(crate) fn small(word: &str) -> Option<i8> {
    match Word::of(word) {
        Word::Unit(value) | Word::Ten(value) => Some(value as i8),
        _ => None,
    }
}

/// The digit that a word is.
pub(super) fn digit(word: &str) -> Option<char> {
    match Word::of(word) {
        Word::Unit(value) if value < 10.0 => char::from_digit(value as u32, 10),
        _ if word == "o" || word == "oh" => Some('0'),
        _ => None,
    }
}

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
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

enum Word {
    /// 0 to 19.
    Unit(f64),
    /// 20 to 90.
    Ten(f64),
    Hundred,
    Scale(f64),
    Other,
}

impl Word {
    fn of(word: &str) -> Self {
        if let Some(value) = UNITS.iter().position(|unit| *unit == word) {
            return Self::Unit(value as f64);
        }
        if let Some(value) = TENS.iter().position(|ten| *ten == word) {
            return Self::Ten(20.0 + 10.0 * value as f64);
        }
        match word {
            "hundred" => Self::Hundred,
            "thousand" => Self::Scale(1_000.0),
            "million" => Self::Scale(1_000_000.0),
            "billion" => Self::Scale(1_000_000_000.0),
            _ => Self::Other,
        }
    }
}
