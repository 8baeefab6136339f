//! Telephone numbers in what people say, hidden from those who need not see them.

/// From so many digits in a row on it may be somebody's number.
const DIGITS_MIN: usize = 7;

/// The last digits that stay, so that two numbers can be told apart.
const SHOWN: usize = 2;

/// Digits between which only white space, hyphens, dots, slashes and brackets stand: all but the last two become `*`, whether they
/// were written as figures or as words, in English or Chinese. Fewer than seven stay as they are, and so does a date
/// (`2026-11-22`).
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run: Vec<Piece<'_>> = Vec::new();
    for piece in Pieces(text) {
        match piece {
            Piece::Digit(_) => run.push(piece),
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
    Digit(&'t str),
    Space(&'t str),
    Other(&'t str),
}

/// Writes a run of digits with what stood between and behind them.
fn flush(run: &mut Vec<Piece<'_>>, masked: &mut String) {
    let digits = run.iter().filter(|piece| matches!(piece, Piece::Digit(_))).count();
    let hidden = if digits < DIGITS_MIN || is_date(run) { 0 } else { digits - SHOWN };
    let mut seen = 0;
    for piece in run.drain(..) {
        match piece {
            Piece::Digit(digit) => {
                masked.push_str(if seen < hidden { "*" } else { digit });
                seen += 1;
            }
            Piece::Space(other) | Piece::Other(other) => masked.push_str(other),
        }
    }
}

/// `2026-11-22`, with nothing but white space behind it.
fn is_date(run: &[Piece<'_>]) -> bool {
    let written: String = run
        .iter()
        .map(|piece| match piece {
            Piece::Digit(text) | Piece::Space(text) | Piece::Other(text) => *text,
        })
        .collect();
    let parts: Vec<_> = written.trim_end().split('-').collect();
    parts.len() == 3
        && parts
            .iter()
            .zip([4, 2, 2])
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A text cut into digits, what may stand between digits, and the rest.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        let first = self.0.chars().next()?;
        let kind = |c: char| match c {
            '0'..='9' | '０'..='９' => Piece::Digit(""),
            '零' | '〇' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '幺' | '两' => {
                Piece::Digit("")
            }
            ' ' | '\t' | '-' | '.' | '/' | '(' | ')' | '（' | '）' | '\u{a0}' => Piece::Space(""),
            _ => Piece::Other(""),
        };
        let length = if first.is_ascii_alphabetic() {
            self.0.find(|c: char| !c.is_alphanumeric()).unwrap_or(self.0.len())
        } else {
            first.len_utf8()
        };
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(match kind(first) {
            _ if is_digit_word(text) => Piece::Digit(text),
            Piece::Digit(_) => Piece::Digit(text),
            Piece::Space(_) => Piece::Space(text),
            Piece::Other(_) => Piece::Other(text),
        })
    }
}

fn is_digit_word(word: &str) -> bool {
    const WORDS: [&str; 11] =
        ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
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
            "1,000,000 people",
            "one of a hundred",
            "someone phoned",
            "我有三个孩子",
            "",
        ] {
            assert_eq!(mask(said), said);
        }
    }
}
