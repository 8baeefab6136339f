//! Numbers that were said: `twenty five`, `两百零五`, `one three eight`, `幺三八`.

mod chinese;
mod english;

use crate::text::plain;

/// The first number of a sentence, in words or in digits. Whole numbers up to 10^15, and decimals that are written or said with a
/// point.
pub fn number(sentence: &str) -> Option<f64> {
    let text = plain(sentence);
    let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
    while words.peek().is_some() {
        let found = written(words.clone().next()?).or_else(|| {
            english::number(&mut words.clone()).or_else(|| words.clone().next().and_then(chinese::number))
        });
        if let Some(found) = found {
            return Some(found);
        }
        words.next();
    }
    None
}

/// A number of digits, thousands apart or not, somewhere in a word.
fn written(word: &str) -> Option<f64> {
    let start = word.find(|sign: char| sign.is_ascii_digit())?;
    // `a4` is a paper, no number; `第4` is one.
    if word[..start].ends_with(|sign: char| sign.is_ascii_alphabetic()) {
        return None;
    }
    let end = word[start..]
        .find(|sign: char| !sign.is_ascii_digit() && sign != '.')
        .map_or(word.len(), |at| start + at);
    let value: f64 =
        word[start..end].trim_end_matches('.').parse().ok().filter(|value: &f64| *value < MAX)?;
    Some(value * chinese::unit_behind(&word[end..]))
}

const MAX: f64 = 1e15;

/// The words that numbers are made of in a language (BCP 47), for recognisers that listen for expected words; none where they are not known.
pub fn number_words(language: &str) -> Vec<&'static str> {
    match language.split('-').next() {
        Some("en") => english::words().collect(),
        Some("zh" | "cmn" | "yue") => chinese::WORDS.to_vec(),
        _ => Vec::new(),
    }
}

/// All digits of a sentence one after the other, as one says a telephone number or a code: `one three double eight`, `幺三八`. Words
/// between are passed over.
pub fn digits(sentence: &str) -> String {
    let text = plain(sentence);
    let mut digits = String::new();
    let mut times = 1;
    for word in text.split(' ') {
        match word {
            "double" => times = 2,
            "triple" => times = 3,
            _ => {
                let said = english::digit(word).map(String::from);
                let said = said.unwrap_or_else(|| word.chars().filter_map(chinese::digit).collect());
                for digit in said.chars() {
                    (0..std::mem::replace(&mut times, 1)).for_each(|_| digits.push(digit));
                }
            }
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_numbers() {
        for (sentence, value) in [
            ("zero", 0.0),
            ("I'd say twenty-five.", 25.0),
            ("one hundred and five", 105.0),
            ("two thousand three hundred", 2_300.0),
            ("a million", 1e6),
            ("a hundred and twenty thousand and one", 120_001.0),
            ("three point two five", 3.25),
            ("about 1,250 euros", 1_250.0),
            ("12.5 percent", 12.5),
        ] {
            assert_eq!(number(sentence), Some(value), "{sentence}");
        }
        for sentence in ["", "none of them", "a house", "on the one hand I like A4"] {
            assert!(number(sentence).is_none_or(|value| value == 1.0), "{sentence}");
        }
    }

    #[test]
    fn chinese_numbers() {
        for (sentence, value) in [
            ("十", 10.0),
            ("我要十五个", 15.0),
            ("两百零五", 205.0),
            ("三千二", 3_200.0),
            ("一万二千三百", 12_300.0),
            ("两万五", 25_000.0),
            ("一亿零三", 100_000_003.0),
            ("三点二五", 3.25),
            ("大概3万块", 30_000.0),
            ("百分之五", 5.0),
        ] {
            assert_eq!(number(sentence), Some(value), "{sentence}");
        }
    }

    #[test]
    fn digits_one_by_one() {
        assert_eq!(digits("It's one three double eight, oh five"), "138805");
        assert_eq!(digits("幺三八 零零 五六"), "1380056");
        assert_eq!(digits("my number is 138-0013 8000"), "13800138000");
        assert_eq!(digits("triple seven"), "777");
        assert_eq!(digits("nothing"), "");
    }
}
