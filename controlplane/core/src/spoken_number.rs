//! Telephone numbers in what people say, hidden from those who need not see them.

/// From so many digits in a row on it may be somebody's number.
const DIGITS_MIN: usize = 7;

/// What a number with its thousands apart may take: more, as `612,345,678`, may be a telephone number in groups of three.
const THOUSANDS_MAX: usize = "9,999,999".len();

/// The last digits that stay, so that two numbers can be told apart.
const SHOWN: usize = 2;

/// Digits between which only white space, commas, hyphens, dots, slashes and brackets stand: all but the last two become `*`, whether they
/// were written as figures or as words, in English or Chinese; `thirteen` is two digits, `double five` too. Fewer than seven stay as they
/// are, and so do a date (`2026-11-22`) and a number with its thousands apart, below ten million (`1,000,000`).
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run: Vec<Piece<'_>> = Vec::new();
    for piece in Pieces(text) {
        match piece {
            Piece::Digits(..) => run.push(piece),
            Piece::Space(_) if !run.is_empty() => run.push(piece),
            Piece::Space(other) | Piece::Other(other) => {
                flush(&mut run, &mut masked);
                masked.push_str(other);
            }
        }
    }
    flush(&mut run, &mut masked);
    masked
}

#[derive(Clone, Copy)]
enum Piece<'t> {
    /// How many it is.
    Digits(&'t str, usize),
    Space(&'t str),
    Other(&'t str),
}

/// Writes a run of digits with what stood between and behind them.
fn flush(run: &mut Vec<Piece<'_>>, masked: &mut String) {
    let count = |piece: &Piece<'_>| if let Piece::Digits(_, count) = piece { *count } else { 0 };
    let digits: usize = run.iter().map(count).sum();
    let hidden = if digits < DIGITS_MIN || is_something_else(run) { 0 } else { digits - SHOWN };
    let mut seen = 0;
    for piece in run.drain(..) {
        match piece {
            Piece::Digits(digits, count) => {
                masked.push_str(if seen < hidden { "*" } else { digits });
                seen += count;
            }
            Piece::Space(other) | Piece::Other(other) => masked.push_str(other),
        }
    }
}

/// A date, `2026-11-22`, or a number with its thousands apart, `1,000,000`; with nothing but white space and punctuation behind it.
fn is_something_else(run: &[Piece<'_>]) -> bool {
    let written: String = run
        .iter()
        .map(|piece| match piece {
            Piece::Digits(text, _) | Piece::Space(text) | Piece::Other(text) => *text,
        })
        .collect();
    let written = written.trim_end_matches(|sign: char| !sign.is_ascii_digit());
    let is_figures =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = |apart: char| {
        let parts: Vec<_> = written.split(apart).collect();
        parts.len() == 3 && parts.iter().zip([4, 2, 2]).all(|(part, length)| is_figures(part, length))
    };
    let mut thousands = written.split(',');
    let first = thousands.next().unwrap_or_default();
    is_date('-')
        || is_date('/')
        || is_date('.')
        || written.contains(',')
            && written.len() <= THOUSANDS_MAX
            && (1..=3).any(|length| is_figures(first, length))
            && thousands.all(|part| is_figures(part, 3))
}

/// A text cut into digits, what may stand between digits, and the rest.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let first = self.0.chars().next()?;
        let length = if first.is_ascii_alphabetic() {
            self.0.find(|c: char| !c.is_alphanumeric()).unwrap_or(self.0.len())
        } else {
            first.len_utf8()
        };
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        const CHINESE: &str = "零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖";
        const BETWEEN: &str = " \t-.,/()（），、\u{a0}";
        Some(match first {
            '0'..='9' | '０'..='９' => Piece::Digits(text, 1),
            _ if CHINESE.contains(first) => Piece::Digits(text, 1),
            _ if BETWEEN.contains(first) => Piece::Space(text),
            _ => digits_of(text).map_or(Piece::Other(text), |count| Piece::Digits(text, count)),
        })
    }
}

/// How many digits a word is. A `double` is one more than the digit behind it.
fn digits_of(word: &str) -> Option<usize> {
    const ONE: [&str; 21] = [
        "zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double",
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    const TWO: [&str; 11] = [
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
        "triple",
    ];
    let is_among = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    match () {
        () if is_among(&ONE) => Some(1),
        () if is_among(&TWO) => Some(2),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hidden_however_they_are_said() {
        for (said, shown) in [
            ("call 13800138000 please", "call *********00 please"),
            ("call +86 138-0013-8000.", "call +** ***-****-**00."),
            ("it is one three eight zero zero one three", "it is * * * * * one three"),
            ("我的号码是一三八零零一三八零零零", "我的号码是*********零零"),
            ("oh seven nine four six oh nine five", "* * * * * * nine five"),
            ("１３８００１３８", "******３８"),
            ("138,0013,8000 or 138, 0013, 8000", "***,****,**00 or ***, ****, **00"),
            ("one three double eight double oh thirteen", "* * * * * * thirteen"),
            ("612,345,678", "***,***,*78"),
            ("seventy eight fifteen ninety oh two", "* * * * oh two"),
            ("壹叁捌、零零壹叁", "***、**壹叁"),
        ] {
            assert_eq!(mask(said), shown);
        }
    }

    #[test]
    fn what_is_no_number_stays() {
        for said in [
            "four, I'd say",
            "order 123456",
            "2026-11-22",
            "on 2026-11-22 at 10.30",
            "2026/11/22, and 2026.11.22.",
            "1,000,000 people",
            "twelve hundred and thirty five thousand",
            "nineteen eighty four",
            "one of a hundred",
            "someone phoned",
            "我有三个孩子",
            "",
        ] {
            assert_eq!(mask(said), said);
        }
    }
}
