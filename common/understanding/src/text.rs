//! Bringing sentences into one shape, so that phrases are found however they were written down.

/// The sentence in lower case, full-width signs as ordinary ones, punctuation gone, one space between words and none beside Chinese
/// characters; with a space at either end, so that a word is found by itself.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 2);
    plain.push(' ');
    let mut signs = text.chars().map(narrow);
    while let Some(sign) = signs.next() {
        if is_ideograph(sign) {
            if plain.len() > 1 && plain.ends_with(' ') {
                plain.pop();
            }
            plain.push(sign);
        } else if sign.is_alphanumeric() {
            if plain.ends_with(' ') && plain[..plain.len() - 1].ends_with(is_ideograph) {
                plain.pop();
            }
            plain.extend(sign.to_lowercase());
        } else if matches!(sign, '\'' | '’') {
            // "don't" is one word, however it was written.
        } else if sign == ','
            && plain.ends_with(|c: char| c.is_ascii_digit())
            && parts_thousands(signs.clone())
        {
            // 1,250 is one number.
        } else if matches!(sign, '.' | ':' | '-' | '/') && plain.ends_with(|c: char| c.is_ascii_digit()) {
            // Kept within numbers, times and dates; at the end of one it goes with the next space.
            plain.push(sign);
        } else if !plain.ends_with(' ') {
            trim_joint(&mut plain);
            plain.push(' ');
        }
    }
    trim_joint(&mut plain);
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    plain
}

/// The same with a space wherever Chinese characters meet other letters or figures, so that a product's name is a word in
/// `我要iPhone15吧` too.
pub(crate) fn words(text: &str) -> String {
    let plain = plain(text);
    let mut words = String::with_capacity(plain.len() + 8);
    let mut last = ' ';
    for sign in plain.chars() {
        if sign != ' ' && last != ' ' && is_ideograph(sign) != is_ideograph(last) {
            words.push(' ');
        }
        words.push(sign);
        last = sign;
    }
    words
}

/// Whether exactly three figures come next.
fn parts_thousands(signs: impl Iterator<Item = char>) -> bool {
    signs.take(4).take_while(char::is_ascii_digit).count() == 3
}

fn trim_joint(plain: &mut String) {
    while plain.ends_with(['.', ':', '-', '/']) {
        plain.pop();
    }
}

/// Full-width signs (U+FF01 to U+FF5E) and the ideographic space as ordinary ones.
fn narrow(sign: char) -> char {
    match sign {
        '\u{3000}' => ' ',
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
        assert_eq!(words("我要iPhone 15吧"), " 我要 iphone 15 吧 ");
    }
}
