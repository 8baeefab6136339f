//! Cutting what is to be said into sentences.

/// A piece shorter than this stays with the next: a pause after every "Yes." sounds like a list.
const SHORT: usize = 12;
/// Signs that belong to the end which they follow: further ends and closing quotes. U+FF01, U+FF1F and U+FF1B are full-width `!`, `?`, `;`.
const CLOSING: [char; 10] = ['!', '?', '\u{FF01}', '\u{FF1F}', '。', '…', '”', '"', '’', '」'];

/// The sentences of a text, in order, none of them empty.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((sentence, after)) = first_sentence(rest) {
        found.push(sentence);
        rest = after;
    }
    if !rest.trim().is_empty() {
        found.push(rest.trim());
    }
    found
}

/// The first sentence that is complete, and what comes after it; so the first can be spoken while the rest is still being made. A text that
/// grows may still change where its last sentence ends: `Dr. Smith`, `3.5` and `e.g.` are not the end of one.
pub fn first_sentence(text: &str) -> Option<(&str, &str)> {
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let is_wide = matches!(sign, '。' | '\u{FF01}' | '\u{FF1F}' | '\u{FF1B}' | '…' | '\n');
        if !is_wide && !matches!(sign, '.' | '!' | '?') || sign == '.' && is_abbreviation(&text[..at]) {
            continue;
        }
        let mut end = at + sign.len_utf8();
        while let Some((at, closing)) = signs.next_if(|(_, next)| CLOSING.contains(next)) {
            end = at + closing.len_utf8();
        }
        let is_end = is_wide || signs.peek().is_none_or(|(_, next)| next.is_whitespace());
        let sentence = text[..end].trim();
        if is_end && sentence.chars().filter(|sign| sign.is_alphanumeric()).count() * width(sentence) >= SHORT
        {
            return Some((sentence, &text[end..]));
        }
    }
    None
}

/// A Chinese character says as much as some letters.
fn width(piece: &str) -> usize {
    if piece.chars().any(|sign| ('\u{4E00}'..='\u{9FFF}').contains(&sign)) { 3 } else { 1 }
}

/// Whether a point after this belongs to its last word.
fn is_abbreviation(before: &str) -> bool {
    const ABBREVIATIONS: [&str; 16] = [
        "mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "vs", "etc", "e.g", "i.e", "approx", "inc", "ltd",
        "jr",
    ];
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    ABBREVIATIONS.contains(&word.as_str())
        || word.chars().count() == 1 && word.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::sentences;

    #[test]
    fn texts_are_cut_where_people_pause() {
        for (text, pieces) in [
            (
                "Good morning, Ann. Your order is ready! Shall we deliver it?",
                vec!["Good morning, Ann.", "Your order is ready!", "Shall we deliver it?"],
            ),
            (
                "Dr. Smith has 3.5 hours, e.g. on Monday. Fine?",
                vec!["Dr. Smith has 3.5 hours, e.g. on Monday.", "Fine?"],
            ),
            ("Yes. Of course I do.", vec!["Yes. Of course I do."]),
            (
                "您好\u{FF0C}这里是客服中心。请问您现在方便吗\u{FF1F}谢谢\u{FF01}",
                vec!["您好\u{FF0C}这里是客服中心。", "请问您现在方便吗\u{FF1F}", "谢谢\u{FF01}"],
            ),
            ("He said \"Really?!\" And left the room.", vec!["He said \"Really?!\"", "And left the room."]),
            ("no end", vec!["no end"]),
            ("  \n ", vec![]),
        ] {
            assert_eq!(sentences(text), pieces);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-zA-Z .!?。\u{FF01}\u{FF1F}你好\n\"]{0,80}") {
            let letters = |text: &str| text.chars().filter(|sign| !sign.is_whitespace()).collect::<String>();
            proptest::prop_assert_eq!(letters(&sentences(&text).concat()), letters(&text));
        }
    }
}
