//! English number words.

/// A number that begins with the first of these words.
pub(super) fn number<'a>(words: &mut (impl Iterator<Item = &'a str> + Clone)) -> Option<f64> {
    // What is complete, and the part below the next thousand.
    let (mut whole, mut part) = (0u64, 0u64);
    let mut has_any = false;
    let mut after_and = false;
    // The last word's size, so that `five twenty` is not 25.
    let mut last = Size::None;
    let mut ahead = words.clone();
    while let Some(word) = ahead.next() {
        for piece in word.split('-') {
            match (piece, Word::of(piece)) {
                ("and", _) if has_any => after_and = true,
                ("a", _) if !has_any => {
                    // Only before hundred, thousand, million.
                    let next = ahead.clone().next().map(Word::of);
                    if !matches!(next, Some(Word::Hundred | Word::Scale(_))) {
                        return None;
                    }
                    (part, has_any, last) = (1, true, Size::Unit);
                }
                ("point", _) if has_any => return Some((whole + part) as f64 + decimals(&mut ahead)),
                (_, Word::Unit(value)) if !matches!(last, Size::Unit) => {
                    (part, has_any, last) = (part + value, true, Size::Unit);
                }
                (_, Word::Ten(value)) if !matches!(last, Size::Unit | Size::Ten) => {
                    (part, has_any, last) = (part + value, true, Size::Ten);
                }
                (_, Word::Hundred) if has_any && (1..100).contains(&part) => {
                    (part, last) = (part * 100, Size::Hundred)
                }
                (_, Word::Scale(scale)) if has_any && part > 0 => {
                    whole = whole
                        .checked_add(part.checked_mul(scale)?)
                        .filter(|whole| *whole < 1_000_000_000_000_000)?;
                    (part, last) = (0, Size::Scale);
                }
                _ if !has_any => return None,
                _ => return Some((whole + part) as f64),
            }
        }
        if after_and && ahead.clone().next().is_none() {
            break;
        }
    }
    has_any.then_some((whole + part) as f64)
}

/// The words that numbers are made of.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    UNITS
        .into_iter()
        .chain(TENS)
        .chain(["hundred", "thousand", "million", "and", "oh", "double", "triple", "point"])
}

/// The digit that a word is.
pub(super) fn digit(word: &str) -> Option<char> {
    match Word::of(word) {
        Word::Unit(value) if value < 10 => char::from_digit(value as u32, 10),
        _ if word == "o" || word == "oh" => Some('0'),
        _ => None,
    }
}

fn decimals<'a>(words: &mut impl Iterator<Item = &'a str>) -> f64 {
    let digits: String = words.map_while(digit).take(15).collect();
    format!("0.{digits}0").parse().unwrap_or(0.0)
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

enum Size {
    None,
    Unit,
    Ten,
    Hundred,
    Scale,
}

enum Word {
    /// 0 to 19.
    Unit(u64),
    /// 20 to 90.
    Ten(u64),
    Hundred,
    Scale(u64),
    Other,
}

impl Word {
    fn of(word: &str) -> Self {
        if let Some(value) = UNITS.iter().position(|unit| *unit == word) {
            return Self::Unit(value as u64);
        }
        if let Some(value) = TENS.iter().position(|ten| *ten == word) {
            return Self::Ten(20 + 10 * value as u64);
        }
        match word {
            "hundred" => Self::Hundred,
            "thousand" => Self::Scale(1_000),
            "million" => Self::Scale(1_000_000),
            "billion" => Self::Scale(1_000_000_000),
            _ => Self::Other,
        }
    }
}
