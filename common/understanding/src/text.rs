//! Bringing sentences into one shape, so that phrases are found however they were written down.

use std::ops::Range;

/// A sentence in the shape in which phrases are looked for.
pub(crate) struct Plain {
    /// The words, as [`plain`] or [`words`] gives them.
    pub(crate) text: String,
    /// Where there was punctuation: how much of the text stands before it.
    pauses: Vec<usize>,
    /// Where a word begins that is written like a name, with a capital, behind another word.
    names: Vec<usize>,
}

impl Plain {
    /// What stands before this place, back to the last punctuation.
    pub(crate) fn before(&self, at: usize) -> &str {
        let from = self.pauses.iter().rev().find(|pause| **pause <= at).copied().unwrap_or(0);
        &self.text[from..at]
    }

    /// What stands behind this place, up to the next punctuation.
    pub(crate) fn after(&self, at: usize) -> &str {
        let to = self.pauses.iter().find(|pause| **pause >= at).copied().unwrap_or(self.text.len());
        &self.text[at..to]
    }

    /// Whether there was punctuation within these words.
    pub(crate) fn pauses_in(&self, range: &Range<usize>) -> bool {
        self.pauses.iter().any(|pause| range.start < *pause && *pause < range.end)
    }

    /// Whether a word that begins here is written like a name.
    pub(crate) fn is_name(&self, at: usize) -> bool {
        self.names.contains(&at)
    }
}

/// The sentence in lower case, full-width signs as ordinary ones, punctuation gone, one space between words and none beside Chinese
/// characters; with a space at either end, so that a word is found by itself.
pub(crate) fn plain(text: &str) -> String {
    read(text, false).text
}

/// The same with a space wherever Chinese characters meet other letters or figures, so that a product's name is a word in
/// `我要iPhone15吧` too.
pub(crate) fn words(text: &str) -> Plain {
    read(text, true)
}

fn read(text: &str, apart: bool) -> Plain {
    let mut plain = String::with_capacity(text.len() + text.len() / 4 + 2);
    let (mut pauses, mut names) = (Vec::new(), Vec::new());
    plain.push(' ');
    let mut last = ' ';
    let mut signs = text.chars().map(narrow);
    while let Some(sign) = signs.next() {
        if is_ideograph(sign) || sign.is_alphanumeric() {
            let is_han = is_ideograph(sign);
            let before = plain.trim_end_matches(' ').chars().next_back();
            let is_edge = before.is_some_and(|before| is_ideograph(before) != is_han);
            if plain.len() > 1 && plain.ends_with(' ') && (is_han || before.is_some_and(is_ideograph)) {
                plain.pop();
            }
            if apart && is_edge && !plain.ends_with(' ') {
                plain.push(' ');
            }
            let is_fresh = pauses.last() == Some(&plain.trim_end_matches(' ').len());
            let begins =
                sign.is_uppercase() && last == ' ' && !is_fresh && before.is_some_and(char::is_alphabetic);
            if begins && signs.clone().next().is_some_and(char::is_lowercase) {
                names.push(plain.len());
            }
            plain.extend(sign.to_lowercase());
        } else if matches!(sign, '\'' | '’') {
            // "don't" is one word, however it was written.
        } else if sign == ','
            && plain.ends_with(|c: char| c.is_ascii_digit())
            && parts_thousands(signs.clone())
        {
            // 1,250 is one number.
        } else if is_joint(sign) && plain.ends_with(|c: char| c.is_ascii_digit()) {
            // Kept within numbers, times and dates; at the end of one it goes with the next space.
            plain.push(sign);
        } else {
            let is_pause = !sign.is_whitespace() && !matches!(sign, '-' | '/' | '_' | '&' | '+' | '#' | '@');
            let was_point = trim_joint(&mut plain);
            if is_pause || was_point {
                pauses.push(plain.trim_end_matches(' ').len());
            }
            if !plain.ends_with(' ') {
                plain.push(' ');
            }
        }
        last = sign;
    }
    trim_joint(&mut plain);
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    Plain { text: plain, pauses, names }
}

/// Whether exactly three figures come next.
fn parts_thousands(signs: impl Iterator<Item = char>) -> bool {
    signs.take(4).take_while(char::is_ascii_digit).count() == 3
}

/// What stands within numbers, times and dates.
fn is_joint(sign: char) -> bool {
    matches!(sign, '.' | ':' | '-' | '/')
}

/// Takes those away that nothing came behind; whether a full stop or a colon was among them.
fn trim_joint(plain: &mut String) -> bool {
    let mut was_point = false;
    while plain.ends_with(is_joint) {
        was_point |= matches!(plain.pop(), Some('.' | ':'));
    }
    was_point
}

/// Full-width signs (U+FF01 to U+FF5E), the ideographic space and the other hyphens and minus signs as ordinary ones.
pub(crate) fn narrow(sign: char) -> char {
    match sign {
        '\u{3000}' => ' ',
        '\u{2010}'..='\u{2012}' | '\u{2212}' => '-',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(sign as u32 - 0xFEE0).unwrap_or(sign),
        _ => sign,
    }
}

/// Chinese characters, which stand without spaces. The blocks of everyday text.
pub(crate) fn is_ideograph(sign: char) -> bool {
    matches!(sign, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '〇')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shape() {
        assert_eq!(plain("  Yes -- I DON’T!  "), " yes i dont ");
        assert_eq!(plain("好的,没问题。"), " 好的没问题 ");
        assert_eq!(plain("我要 iPhone １５ 吧"), " 我要iphone 15吧 ");
        assert_eq!(plain("At 9:30, on 2026-11-22."), " at 9:30 on 2026-11-22 ");
        assert_eq!(plain("3.5。"), " 3.5 ");
        assert_eq!(plain("1,250,000 or 1,2"), " 1250000 or 1 2 ");
        assert_eq!(plain(""), " ");
        assert_eq!(words("我要iPhone 15吧").text, " 我要 iphone 15 吧 ");
        assert_eq!(words("我要 15 个.好").text, " 我要 15 个好 ");
    }

    #[test]
    fn what_stands_around() {
        let said = words("No. Stop calling me, Ann, or call me Bob!");
        let at = |word: &str| said.text.find(word).expect("it is in it");
        assert_eq!((said.before(at("me ")), said.after(at(" me"))), (" stop calling ", " me"));
        assert!(said.pauses_in(&(0..at("ann"))) && !said.pauses_in(&(at("stop")..at(" ann"))));
        assert!(said.is_name(at("bob")) && !said.is_name(at("ann")) && !said.is_name(at("stop")));
    }
}
