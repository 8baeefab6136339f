//! Numbers that were said: `twenty five`, `两百零五`, `one three eight`, `幺三八`.

mod chinese;
mod english;

pub(crate) use english::small;

use crate::text::{is_ideograph, narrow, plain};

/// The first number of a sentence, in words or in figures: whole ones, decimals, halves and negative ones, below 10^15. None where it is
/// larger.
pub fn number(sentence: &str) -> Option<f64> {
    let text = plain(sentence);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let (n, found) = (0..words.len()).find_map(|n| Some((n, at(&words, n)?)))?;
    let has_figures = |word: &str| word.contains(|sign: char| sign.is_ascii_digit());
    let is_first = has_figures(words[n]) && !words[..n].iter().any(|word| has_figures(word));
    let found = if is_first && found > 0.0 && has_minus(sentence) { -found } else { found };
    (found.abs() < MAX).then_some(found)
}

/// Whether the first figure of the sentence has a minus before it: `-5`, and not `3-5` or `A-5`.
fn has_minus(sentence: &str) -> bool {
    let Some(at) = sentence.find(|sign| narrow(sign).is_ascii_digit()) else { return false };
    let mut before = sentence[..at].chars().rev().map(narrow);
    before.next() == Some('-') && before.next().is_none_or(|sign| !sign.is_alphanumeric())
}

/// The number that begins with the n-th word.
fn at(words: &[&str], n: usize) -> Option<f64> {
    let word = words[n];
    if word.contains(is_ideograph) {
        return chinese::number(word);
    }
    let Some((figures, behind)) = written(word) else {
        // `No one` and `the one I like` count nothing.
        let is_pronoun = n > 0 && word == "one" && PRONOUNS.contains(&words[n - 1]);
        return english::number(&words[n..]).filter(|value| *value != 1.0 || !is_pronoun);
    };
    let scale = match behind {
        "k" => 1_000.0,
        "m" => 1e6,
        "" => words.get(n + 1).and_then(|word| english::scale(word)).unwrap_or(1.0),
        _ => 1.0,
    };
    let is_negative = n > 0 && matches!(words[n - 1], "minus" | "negative");
    Some(figures * scale * if is_negative { -1.0 } else { 1.0 })
}

/// After these, a `one` is a pronoun.
const PRONOUNS: [&str; 12] =
    ["no", "the", "any", "every", "this", "that", "which", "each", "another", "some", "right", "wrong"];

/// A number in figures that begins a word, and what is behind it.
fn written(word: &str) -> Option<(f64, &str)> {
    // `a4` is a paper, no number; `#4` is one.
    let start = word.find(|sign: char| sign.is_ascii_digit())?;
    if word[..start].ends_with(|sign: char| sign.is_ascii_alphabetic()) {
        return None;
    }
    let end = word[start..].find(|sign: char| !sign.is_ascii_digit() && sign != '.');
    let (figures, behind) = word[start..].split_at(end.unwrap_or(word.len() - start));
    // `1.2.3` is a version.
    let mut parts = figures.trim_end_matches('.').splitn(3, '.');
    let (whole, decimals) = (parts.next()?, parts.next().unwrap_or("0"));
    Some((format!("{whole}.{decimals}").parse().unwrap_or(TOO_LARGE), behind))
}

/// In place of what is too large to be a number.
const TOO_LARGE: f64 = f64::INFINITY;
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
    let words: Vec<&str> = text.split(' ').collect();
    let mut digits = String::new();
    let (mut n, mut times) = (0, 1);
    while let Some(word) = words.get(n) {
        let mut said = String::new();
        let mut taken = 1;
        match *word {
            "double" => times = 2,
            "triple" => times = 3,
            word => {
                if let Some(digit) = english::digit(word) {
                    said.push(digit);
                } else if let Some((pair, count)) = english::pair(&words[n..]) {
                    (said, taken) = (pair.to_string(), count);
                } else {
                    said.extend(word.chars().filter_map(chinese::digit));
                }
                for digit in said.chars() {
                    digits.extend(std::iter::repeat_n(digit, std::mem::replace(&mut times, 1)));
                }
            }
        }
        n += taken;
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
            ("two fifty", 250.0),
            ("two oh five", 205.0),
            ("nineteen ninety nine", 1_999.0),
            ("twenty twenty-six", 2_026.0),
            ("two thousand twenty six", 2_026.0),
            ("nine one one", 911.0),
            ("double five", 55.0),
            ("five, five", 5.0),
            ("one or two", 1.0),
            ("two and a half", 2.5),
            ("one and a half million", 1.5e6),
            ("half a million", 5e5),
            ("1.2 million", 1.2e6),
            ("about 30k", 3e4),
            ("minus five", -5.0),
            ("minus 5 degrees", -5.0),
            ("３５", 35.0),
        ] {
            assert_eq!(number(sentence), Some(value), "{sentence}");
        }
        for sentence in
            ["9".repeat(400).as_str(), "one million billion billion", "1,000,000,000,000,000", "half of them"]
        {
            assert_eq!(number(sentence), None, "{sentence}");
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
            ("3万5千", 35_000.0),
            ("3万5", 35_000.0),
            ("1.5万", 15_000.0),
            ("３万", 30_000.0),
            ("两百五", 250.0),
            ("一千零五十", 1_050.0),
            ("一亿二千万", 120_000_000.0),
            ("一万亿", 1e12),
            ("二零二六", 2_026.0),
            ("两千零二十六年", 2_026.0),
            ("一共三百", 300.0),
            ("一般是五个", 5.0),
            ("十分钟", 10.0),
            ("半个小时", 0.5),
            ("两个半", 2.5),
            ("三点零五", 3.05),
            ("负五度", -5.0),
            ("零下十度", -10.0),
        ] {
            assert_eq!(number(sentence), Some(value), "{sentence}");
        }
        for sentence in ["等一下", "我十分满意", "万一呢", "几百块", "九".repeat(400).as_str(), "a4纸"]
        {
            assert_eq!(number(sentence), None, "{sentence}");
        }
    }

    #[test]
    fn digits_one_by_one() {
        assert_eq!(digits("It's one three double eight, oh five"), "138805");
        assert_eq!(digits("幺三八 零零 五六"), "1380056");
        assert_eq!(digits("my number is 138-0013 8000"), "13800138000");
        assert_eq!(digits("triple seven"), "777");
        assert_eq!(digits("nineteen eighty four, seventy, thirteen"), "19847013");
        assert_eq!(digits("１３８"), "138");
        assert_eq!(digits("nothing"), "");
    }
}
