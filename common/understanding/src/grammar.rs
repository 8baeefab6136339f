//! Intents: what may be meant, by phrases and patterns.

use std::borrow::Borrow;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use regex::{RegexSet, RegexSetBuilder};

use crate::text::{Plain, is_ideograph, words};
use crate::{opt_out, phrases};

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
    /// By which of the intent's phrases, by its place among them; `None` where a pattern said so.
    pub phrase: Option<usize>,
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
pub(crate) const SENTENCE_BYTES_MAX: usize = 4 << 10;
/// So many places of phrases are looked at.
const FOUND_MAX: usize = 500;

/// An intent that was read, for any number of grammars.
#[derive(Clone, Debug)]
pub struct Ready {
    /// As they stand in plain sentences.
    phrases: Box<[String]>,
    except: Box<[String]>,
    patterns: Option<RegexSet>,
}

impl Ready {
    /// The intent's phrases as they are looked for, in their order: without signs, capitals and marks.
    pub fn phrases(&self) -> &[String] {
        &self.phrases
    }
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
            let text = words(phrase).text;
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

impl Ready {
    /// Its phrases as they stand in plain sentences.
    pub(crate) fn into_phrases(self) -> impl Iterator<Item = String> {
        self.phrases.into_iter()
    }
}

/// What may be meant by the answer to one question.
#[derive(Clone, Debug)]
pub struct Grammar {
    texts: AhoCorasick,
    /// What each of the texts is.
    phrases: Vec<Phrase>,
    /// Patterns of each intent that has some.
    patterns: Vec<(usize, RegexSet)>,
}

/// A phrase of an intent.
#[derive(Clone, Copy, Debug)]
struct Phrase {
    intent: usize,
    /// Its place among those of the intent.
    place: usize,
    /// Words, and Chinese characters.
    length: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Means,
    /// Of an intent with exceptions, a single Chinese character: part of many words, so it counts at an end of what was said only.
    MeansAtEnds,
    /// By which everybody opts out: it counts where it is meant so.
    OptsOut,
    Except,
}

/// A phrase that stands in a sentence.
struct Found {
    phrase: Phrase,
    /// Without the spaces around it.
    range: Range<usize>,
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
        let (mut texts, mut phrases, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for (index, intent) in intents.iter().map(Borrow::borrow).enumerate() {
            let has_exceptions = !intent.except.is_empty();
            for (place, text) in intent.phrases.iter().enumerate() {
                let kind = match () {
                    () if opt_out::is_phrase(text) => Kind::OptsOut,
                    () if has_exceptions && text.chars().count() == 1 => Kind::MeansAtEnds,
                    () => Kind::Means,
                };
                phrases.push(Phrase { intent: index, place, length: length(text), kind });
            }
            for (place, text) in intent.except.iter().enumerate() {
                phrases.push(Phrase { intent: index, place, length: length(text), kind: Kind::Except });
            }
            texts.extend(intent.phrases.iter().chain(&intent.except));
            patterns.extend(intent.patterns.clone().map(|set| (index, set)));
        }
        Ok(Self { texts: AhoCorasick::new(texts)?, phrases, patterns })
    }

    /// What was meant: the intent of the longest phrase, in words or Chinese characters; among equals the one that was said last, since
    /// people correct themselves. Patterns are asked when no phrase was found, in the order of the intents.
    pub fn understand(&self, sentence: &str) -> Option<Meant> {
        let sentence = &sentence[..sentence.floor_char_boundary(SENTENCE_BYTES_MAX)];
        let said = words(sentence);
        let found: Vec<Found> = self
            .texts
            .find_overlapping_iter(&said.text)
            .take(FOUND_MAX)
            .map(|hit| self.found(&said, hit))
            .collect();
        let mut best: Option<&Found> = None;
        for each in found.iter().filter(|each| each.phrase.kind != Kind::Except) {
            let is_better = best.is_none_or(|best| {
                let (length, before) = (each.phrase.length, best.phrase.length);
                length > before
                    || length == before && each.range.start >= best.range.end
                    || each.range == best.range && each.phrase.intent < best.phrase.intent
            });
            if is_better && counts(each, &found, &said) {
                best = Some(each);
            }
        }
        if let Some(best) = best {
            let letters = |text: &str| text.chars().filter(|sign| *sign != ' ').count();
            let share = letters(&said.text[best.range.clone()]) as f32 / letters(&said.text).max(1) as f32;
            let Phrase { intent, place, .. } = best.phrase;
            return Some(Meant { intent, phrase: Some(place), share });
        }
        let (intent, _) = self.patterns.iter().find(|(_, set)| set.is_match(&said.text))?;
        Some(Meant { intent: *intent, phrase: None, share: 1.0 })
    }

    fn found(&self, said: &Plain, hit: aho_corasick::Match) -> Found {
        let text = &said.text[hit.range()];
        let start = hit.start() + text.len() - text.trim_start().len();
        let end = hit.end() - (text.len() - text.trim_end().len());
        Found { phrase: self.phrases[hit.pattern().as_usize()], range: start..end }
    }
}

/// Whether the phrase means here what it says.
fn counts(each: &Found, all: &[Found], said: &Plain) -> bool {
    let holds = |except: &Found| {
        except.phrase.kind == Kind::Except
            && except.phrase.intent == each.phrase.intent
            && except.range != each.range
            && except.range.start <= each.range.start
            && each.range.end <= except.range.end
            && !said.pauses_in(&except.range)
    };
    if all.iter().any(holds) {
        return false;
    }
    match each.phrase.kind {
        Kind::Means => true,
        Kind::MeansAtEnds => stands_at_an_end(said, &each.range),
        Kind::OptsOut => opt_out::is_meant(said, &each.range),
        Kind::Except => false,
    }
}

/// At the beginning or the end of what is said in one breath, but for what is said without thinking.
fn stands_at_an_end(said: &Plain, range: &Range<usize>) -> bool {
    const BEFORE: &str = "嗯啊哦噢喔呃额唉哎喂哈恩那就都也还我们这个 ";
    const BEHIND: &str = "的了啊呀吧呢哦嘛哈嘞啦 ";
    let own = &said.text[range.clone()];
    let all = |text: &str, of: &str| text.chars().all(|sign| of.contains(sign) || own.contains(sign));
    all(said.before(range.start), BEFORE) || all(said.after(range.end), BEHIND)
}

/// Words, and Chinese characters.
fn length(text: &str) -> usize {
    let is_letter = |sign: char| sign != ' ' && !is_ideograph(sign);
    let words = text.split(|sign: char| !is_letter(sign)).filter(|word| !word.is_empty()).count();
    words + text.chars().filter(|sign| is_ideograph(*sign)).count()
}

/// A phrase keeps the space at an end that is a word's, and loses it at one that is a Chinese character: those stand among
/// others.
fn at_words(plain: &str) -> &str {
    let text = plain.trim();
    let from = if text.starts_with(is_ideograph) { 1 } else { 0 };
    let to = if text.ends_with(is_ideograph) { plain.len() - 1 } else { plain.len() };
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
        assert_eq!(meant(&grammar, "yes... no"), Some(1), "as long, and said last");
    }

    #[test]
    fn phrases_side_by_side_are_each_found() {
        let grammar = Grammar::new(&[intent(&["no"]), intent(&["wrong number"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "No, wrong number"), Some(1));
        assert_eq!(meant(&grammar, "wrong number, no"), Some(1), "two words");
    }

    #[test]
    fn an_exception_means_what_another_has_it_for_or_nothing() {
        let no = Intent { except: vec!["no problem".into(), "no idea".into()], ..intent(&["no"]) };
        let grammar = Grammar::new(&[no, intent(&["no problem"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "no problem"), Some(1));
        assert_eq!(meant(&grammar, "no idea"), None);
        assert_eq!(meant(&grammar, "no no idea"), Some(0));
        assert_eq!(meant(&grammar, "No. Idea of my wife's"), Some(0), "two sentences");
    }

    #[test]
    fn exceptions_of_one_leave_the_phrases_of_others() {
        let no = Intent { except: vec!["i dont know".into()], ..intent(&["i dont"]) };
        let grammar = Grammar::new(&[no, intent(&["dont know"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "I don't know"), Some(1));
    }

    #[test]
    fn phrases_that_opt_out_do_so_where_they_are_meant_so() {
        let opt_out = Intent::built_in("opt_out").expect("a known one");
        let grammar = Grammar::new(&[opt_out, intent(&["sir"])]).expect("a grammar");
        assert_eq!(meant(&grammar, "Don't call me again!"), Some(0));
        assert_eq!(meant(&grammar, "Don't call me again before nine"), None);
        assert_eq!(meant(&grammar, "stop calling me sir"), Some(1));
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
