//! Whether somebody asks not to be called again. Every sentence of every call is asked, whatever the script: who says so is suppressed
//! before the call ends.
//!
//! Two steps. Something is said that may be such a wish: a phrase of the intent, or one of a certain build (`don't call (…) again`,
//! `别再给我打`). Then what stands around it says whether it is one: where it may be meant so or otherwise, it is, since a call too few is
//! better than one that was forbidden. It is none before or after a time (`don't call me before nine`, `现在别打电话`, `别打了,下午再打`), before
//! a name (`stop calling me sir`), where it is denied (`don't stop calling`) or somebody else's (`they never call me`), and where the word
//! is another one (`别打断我`). Each wish of a sentence is looked at by itself.

mod chinese;
mod english;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use crate::grammar::{PATTERN_BYTES_MAX, SENTENCE_BYTES_MAX};
use crate::phrases;
use crate::text::{Plain, is_ideograph, words};

static PHRASES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let intent = phrases::built_in("opt_out").expect("it is one of them");
    intent.ready(PATTERN_BYTES_MAX).expect("its phrases are good").into_phrases().collect()
});

/// Whether somebody asks not to be called again.
pub fn opts_out(sentence: &str) -> bool {
    static TEXTS: LazyLock<AhoCorasick> =
        LazyLock::new(|| AhoCorasick::new(PHRASES.iter()).expect("the phrases are few"));
    let said = words(&sentence[..sentence.floor_char_boundary(SENTENCE_BYTES_MAX)]);
    let text = said.text.as_str();
    let phrases = TEXTS.find_overlapping_iter(text).map(|found| found.range());
    let built = |wish: &'static Regex| wish.find_iter(text).map(|found| found.range());
    let mut wishes = phrases
        .chain(english::wishes().flat_map(built).filter(|range| !said.pauses_in(&trimmed(text, range))))
        .chain(built(chinese::wishes()));
    wishes.any(|range| is_meant(&said, &trimmed(text, &range))) || english::threatens(text)
}

/// Whether this is a phrase of the intent, as it stands in plain sentences.
pub(crate) fn is_phrase(text: &str) -> bool {
    PHRASES.contains(text)
}

/// Whether what stands there, without spaces around it, is meant to end all calls.
pub(crate) fn is_meant(said: &Plain, range: &Range<usize>) -> bool {
    if said.text[range.clone()].starts_with(is_ideograph) {
        chinese::is_meant(said, range)
    } else {
        english::is_meant(said, range)
    }
}

fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let found = &text[range.clone()];
    let start = range.start + found.len() - found.trim_start().len();
    start..range.end - (found.len() - found.trim_end().len())
}

fn regular(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression that was tried")
}
