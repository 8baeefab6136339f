//! Intents: what may be meant, by phrases and patterns.

use std::borrow::Borrow;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{RegexSet, RegexSetBuilder};

use crate::phrases;
use crate::text::{is_ideograph, words};

/// One thing that may be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Phrases of which each means it, wherever it stands in the sentence. At most 1,000, each of at most 200 characters.
    pub phrases: Vec<String>,
    /// Regular expressions over the plain sentence: lower case, no punctuation, a space at either end and between Chinese characters
    /// and other words. At most 50.
    pub patterns: Vec<String>,
    /// Phrases that do not mean it, though one that does is within. They mean what another intent has them for, or nothing.
    pub except: Vec<String>,
}

impl Intent {
    /// `yes`, `no`, `opt_out`, `repeat`, `person`, `busy` or `wrong_person`, with the phrases that people say in English and Chinese.
    pub fn built_in(name: &str) -> Option<Self> {
        phrases::built_in(name)
    }
}

/// What was meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meant {
    /// Which intent, by its place in the grammar.
    pub intent: usize,
    /// The share of the sentence that says so, 0 to 1: letters of the phrase among all letters.
    pub share: f32,
}

/// Why there is no such intent, or no such grammar.
#[derive(Debug, thiserror::Error)]
pub enum GrammarError {
    /// A phrase without a letter, or one that is too long.
    #[error("the phrase {0:?} must have 1 to {PHRASE_MAX} characters, a letter or a digit among them")]
    Phrase(String),
    /// Too many.
    #[error("has {count} {what}; at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A pattern that is none, or that is too large.
    #[error("{0}")]
    Pattern(String),
    /// All phrases together take too much memory.
    #[error("the phrases are too many: {0}")]
    Size(#[from] aho_corasick::BuildError),
}

const PHRASES_MAX: usize = 1_000;
const PHRASE_MAX: usize = 200;
const PATTERNS_MAX: usize = 50;
/// Memory of all patterns of an intent, compiled.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
/// A sentence is looked at so far: nobody says more in one breath.
const SENTENCE_BYTES_MAX: usize = 4 << 10;

/// An intent that was read, for any number of grammars.
#[derive(Clone, Debug)]
pub struct Ready {
    /// As they stand in spaced sentences.
    phrases: Box<[String]>,
    except: Box<[String]>,
    patterns: Option<RegexSet>,
}

impl Intent {
    /// Reads the intent. Its patterns, compiled, may take so many bytes, at most [`PATTERN_BYTES_MAX`].
    pub fn ready(&self, pattern_bytes_max: usize) -> Result<Ready, GrammarError> {
        let too_many = |what, count, max| GrammarError::TooMany { what, count, max };
        if self.phrases.len() > PHRASES_MAX {
            return Err(too_many("phrases", self.phrases.len(), PHRASES_MAX));
        }
        if self.patterns.len() > PATTERNS_MAX {
            return Err(too_many("patterns", self.patterns.len(), PATTERNS_MAX));
        }
        let phrase = |phrase: &String| {
            let text = spaced(&words(phrase));
            if text.trim().is_empty() || phrase.chars().count() > PHRASE_MAX {
                return Err(GrammarError::Phrase(phrase.clone()));
            }
            Ok(at_words(&text).to_owned())
        };
        let phrases = self.phrases.iter().map(phrase).collect::<Result<_, _>>()?;
        let except = self.except.iter().map(phrase).collect::<Result<_, _>>()?;
        let compile = |patterns: &Vec<String>| {
            let size_limit = pattern_bytes_max.min(PATTERN_BYTES_MAX);
            RegexSetBuilder::new(patterns).size_limit(size_limit).build()
        };
        let patterns = Some(&self.patterns).filter(|patterns| !patterns.is_empty()).map(compile).transpose();
        let patterns = patterns.map_err(|error| GrammarError::Pattern(error.to_string()))?;
        Ok(Ready { phrases, except, patterns })
    }
}

/// What may be meant by the answer to one question.
#[derive(Clone, Debug)]
pub struct Grammar {
    phrases: AhoCorasick,
    /// Intent of each phrase; those that mean nothing come after the others.
    intents: Vec<usize>,
    /// Patterns of each intent that has some.
    patterns: Vec<(usize, RegexSet)>,
}

impl Grammar {
    /// A grammar of these intents. Where the same phrase is in two, the first has it.
    pub fn new(intents: &[Intent]) -> Result<Self, GrammarError> {
        let ready: Vec<_> =
            intents.iter().map(|intent| intent.ready(PATTERN_BYTES_MAX)).collect::<Result<_, _>>()?;
        Self::of(&ready)
    }

    /// A grammar of intents that were read before. Where the same phrase is in two, the first has it.
    pub fn of<R: Borrow<Ready>>(intents: &[R]) -> Result<Self, GrammarError> {
        let (mut texts, mut owners, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for (index, intent) in intents.iter().map(Borrow::borrow).enumerate() {
            texts.extend(intent.phrases.iter());
            owners.extend(intent.phrases.iter().map(|_| index));
            patterns.extend(intent.patterns.clone().map(|set| (index, set)));
        }
        texts.extend(intents.iter().flat_map(|intent| intent.borrow().except.iter()));
        let phrases = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts)?;
        Ok(Self { phrases, intents: owners, patterns })
    }

    /// What was meant: the intent whose phrases cover most of the sentence; among equals the one that was said last, since people
    /// correct themselves. Patterns are asked when no phrase was found, in the order of the intents.
    pub fn understand(&self, sentence: &str) -> Option<Meant> {
        let sentence = &sentence[..sentence.floor_char_boundary(SENTENCE_BYTES_MAX)];
        let text = words(sentence);
        let letters = |text: &str| text.chars().filter(|sign| *sign != ' ').count();
        let mut covered: Vec<(usize, usize)> = Vec::new();
        let spaced = spaced(&text);
        for found in self.phrases.find_iter(&spaced) {
            let Some(&intent) = self.intents.get(found.pattern().as_usize()) else { continue };
            let count = letters(&spaced[found.range()]);
            let before = covered.iter().position(|(known, _)| *known == intent).map(|at| covered.remove(at));
            covered.push((intent, count + before.map_or(0, |(_, count)| count)));
        }
        if let Some((intent, count)) = covered.into_iter().max_by_key(|(_, count)| *count) {
            return Some(Meant { intent, share: count as f32 / letters(&text).max(1) as f32 });
        }
        let (intent, _) = self.patterns.iter().find(|(_, set)| set.is_match(&text))?;
        Some(Meant { intent: *intent, share: 1.0 })
    }
}

/// Two spaces between words: each of two phrases that stand side by side has its own.
fn spaced(text: &str) -> String {
    text.replace(' ', "  ")
}

/// A phrase keeps one space at an end that is a word's, and loses it at one that is a Chinese character: those stand among
/// others.
fn at_words(plain: &str) -> &str {
    let text = plain.trim();
    let from = plain.len() - plain.trim_start().len();
    let from = if text.starts_with(is_ideograph) { from } else { from - 1 };
    let to = plain.trim_end().len();
    let to = if text.ends_with(is_ideograph) { to } else { to + 1 };
    &plain[from..to]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(phrases: &[&str]) -> Intent {
        Intent { phrases: phrases.iter().map(|phrase| (*phrase).to_owned()).collect(), ..Intent::default() }
    }

    fn meant(grammar: &Grammar, sentence: &str) -> Option<usize> {
        grammar.understand(sentence).map(|meant| meant.intent)
    }

    #[test]
    fn the_longest_phrase_says_what_is_meant() {
        let grammar = Grammar::new(&[intent(&["interested", "yes"]), intent(&["not interested", "no"])])
            .expect("a grammar");
        assert_eq!(meant(&grammar, "I'm interested."), Some(0));
        assert_eq!(meant(&grammar, "I am NOT interested!"), Some(1));
        assert_eq!(meant(&grammar, "know it all"), None, "no is a word, not a part of one");
        assert_eq!(meant(&grammar, "yes... no"), Some(0), "more letters");
    }

    #[test]
    fn phrases_side_by_side_are_each_found() {
        let grammar = Grammar::new(&[intent(&["no"]), intent(&["wrong number"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "No, wrong number"), Some(1));
        assert_eq!(meant(&grammar, "wrong number no no no no no no"), Some(0), "twelve letters");
    }

    #[test]
    fn an_exception_means_what_another_has_it_for_or_nothing() {
        let no = Intent { except: vec!["no problem".into(), "no idea".into()], ..intent(&["no"]) };
        let grammar = Grammar::new(&[no, intent(&["no problem"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "no problem"), Some(1));
        assert_eq!(meant(&grammar, "no idea"), None);
        assert_eq!(meant(&grammar, "no no idea"), Some(0));
    }

    #[test]
    fn who_corrects_himself_means_the_last() {
        let grammar = Grammar::new(&[intent(&["red"]), intent(&["tan"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "red, er, tan"), Some(1));
        assert_eq!(meant(&grammar, "tan, er, red"), Some(0));
    }

    #[test]
    fn chinese_stands_without_spaces() {
        let grammar = Grammar::new(&[intent(&["要"]), intent(&["不要"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "我要办理"), Some(0));
        assert_eq!(meant(&grammar, "我不要了,谢谢"), Some(1));
    }

    #[test]
    fn patterns_are_asked_last() {
        let order = Intent { patterns: vec![r" order (number )?\d{4} ".to_owned()], ..Intent::default() };
        let grammar = Grammar::new(&[order, intent(&["hello"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "It's order number 1234."), Some(0));
        assert_eq!(meant(&grammar, "Hello, order 1234"), Some(1));
    }

    #[test]
    fn a_bad_grammar_is_refused() {
        assert!(matches!(Grammar::new(&[intent(&["?!"])]), Err(GrammarError::Phrase(_))));
        let pattern = |text: &str| Intent { patterns: vec![text.to_owned()], ..Intent::default() };
        assert!(matches!(Grammar::new(&[pattern("(")]), Err(GrammarError::Pattern(_))));
        assert!(matches!(Grammar::new(&[pattern(r"\w{5000}{5000}")]), Err(GrammarError::Pattern(_))));
        assert!(matches!(Grammar::new(&[intent(&["a"; 1_001])]), Err(GrammarError::TooMany { .. })));
    }
}
