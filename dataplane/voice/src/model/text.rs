//! What answers are measured in: words, tokens, sentences, and how far one was heard.

use spoken::first_sentence;

/// Longest sentence that is spoken at once, in bytes; a longer one is cut between words. So a model that writes no full stop is heard all
/// the same, and its answer is not read from the beginning with every word of it.
const SENTENCE_BYTES_MAX: usize = 1_500;
/// Letters of one word. What has more is some words in a script that puts nothing between them.
const WORD_LETTERS: usize = 16;

/// The next sentence of an answer, and what comes after it. The last that has come may go on, unless it is the end of the answer.
pub(super) fn next_sentence(text: &str, is_end: bool) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let head = &text[..text.floor_char_boundary(SENTENCE_BYTES_MAX)];
    if let Some((sentence, after)) = first_sentence(head) {
        let rest = &text[head.len() - after.len()..];
        return (is_end || !rest.trim().is_empty()).then_some((sentence, rest));
    }
    if head.len() < text.len() {
        let at = head.rfind(char::is_whitespace).unwrap_or(head.len());
        return Some((text[..at].trim_end(), &text[at..]));
    }
    (is_end && !text.is_empty()).then_some((text.trim_end(), ""))
}

/// Words of a text; each Chinese or Japanese character is one.
pub(super) fn words(text: &str) -> usize {
    let (mut words, mut letters) = (0, 0);
    for sign in text.chars() {
        if stands_alone(sign) {
            (words, letters) = (words + 1, 0);
        } else if sign.is_whitespace() {
            letters = 0;
        } else if sign.is_alphanumeric() {
            words += usize::from(letters % WORD_LETTERS == 0);
            letters += 1;
        }
    }
    words
}

/// An estimate of tokens, in quarters of one: a letter is a quarter, a Chinese or Japanese character one.
pub(super) fn quarter_tokens(text: &str) -> u64 {
    text.chars().map(|sign| if stands_alone(sign) { 4 } else { 1 }).sum()
}

/// The part of a text that was heard when so much of its time had passed, 0 to 1: whole words.
pub(super) fn beginning(text: &str, share: f64) -> &str {
    let heard = (text.chars().count() as f64 * share) as usize;
    let Some((at, next)) = text.char_indices().nth(heard) else { return text };
    let is_of_word = |sign: char| !sign.is_whitespace() && !stands_alone(sign);
    let before = &text[..at];
    let before = if is_of_word(next) { before.trim_end_matches(is_of_word) } else { before };
    before.trim_end()
}

/// Whether a character is a word for itself.
pub(super) fn stands_alone(sign: char) -> bool {
    matches!(sign,
        '\u{3040}'..='\u{30FF}' // kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whether a word of the text, in lower case, begins with `word`: `loan` is in `loans`, and `ass` not in `class`. Scripts that part no words, and
/// those whose words take endings before and behind, have it wherever it stands.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_spaced = |sign: char| sign.is_alphanumeric() && sign < '\u{590}';
    let begins = word.chars().next().is_some_and(is_spaced);
    text.match_indices(word).any(|(at, _)| !begins || !text[..at].chars().next_back().is_some_and(is_spaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_it_begins() {
        for (text, word, found) in [
            ("we guarantee it", "guarantee", true),
            ("guaranteed!", "guarantee", true),
            ("a class act", "ass", false),
            ("the class is an ass.", "ass", true),
            ("no kredit, über-ass", "ass", true),
            ("我们保证收益", "保证", true),
            ("ราคาถูก", "ถูก", true),
            ("самогон", "гон", false),
        ] {
            assert_eq!(has_word(text, word), found, "{word} in {text}");
        }
    }

    #[test]
    fn words_of_all_scripts_count() {
        for (text, count) in [
            ("", 0),
            ("I don't know — well-known?", 4),
            ("Доброе утро, Иван!", 3),
            ("Ça va très bien, señor Müller.", 6),
            ("안녕하세요 여러분", 2),
            ("您好\u{FF0C}我是 Acme 的", 6),
            ("おはよう。", 4),
            ("สวัสดีครับผมชื่อสมชายยินดีที่ได้รู้จัก", 3),
        ] {
            assert_eq!(words(text), count, "{text}");
        }
    }

    #[test]
    fn tokens_are_estimated_by_script() {
        assert_eq!(quarter_tokens("four five"), 9);
        assert_eq!(quarter_tokens("你好!"), 9);
    }

    #[test]
    fn what_was_heard_ends_with_a_word() {
        for (text, share, heard) in [
            ("It began in May.", 0.0, ""),
            ("It began in May.", 0.5, "It began"),
            ("It began in May.", 0.6, "It began"),
            ("It began in May.", 0.99, "It began in"),
            ("It began in May.", 1.0, "It began in May."),
            ("我们五月开始的。", 0.5, "我们五月"),
            ("我叫 Ann\u{FF0C}你呢", 0.45, "我叫"),
            ("word", 0.9, ""),
            ("", 0.5, ""),
        ] {
            assert_eq!(beginning(text, share), heard, "{text} {share}");
        }
    }

    #[test]
    fn what_has_no_end_is_cut_between_words() {
        let text = "word ".repeat(1_000);
        let (sentence, rest) = next_sentence(&text, false).expect("too long to wait");
        assert!(sentence.len() <= SENTENCE_BYTES_MAX && sentence.ends_with("word"), "{}", sentence.len());
        assert_eq!(sentence.split(' ').count() + rest.split_whitespace().count(), 1_000);
        let text = "好".repeat(1_000);
        let (sentence, rest) = next_sentence(&text, false).expect("too long to wait");
        assert_eq!((sentence.len(), sentence.len() + rest.len()), (SENTENCE_BYTES_MAX, text.len()));
        assert_eq!(next_sentence("no end yet", false), None);
        assert_eq!(next_sentence("an end. ", false), None, "not yet: 3.5");
        assert_eq!(next_sentence("an end ", true), Some(("an end", "")));
        assert_eq!(next_sentence(&" ".repeat(5_000), true), None);
    }
}
