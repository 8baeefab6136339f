//! What answers are made of: the grammar of a step's intents, and the phrases that recognisers are told.
//!
//! Steps that ask for the same share both. A script comes from a person, but also from a server in the middle of a call, so all of it
//! together is bounded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use understanding::{Grammar, Intent, Meant, PATTERN_BYTES_MAX, Ready};

use crate::document;

/// Phrases of all grammars and lists of a script together.
const PHRASES_MAX: usize = 100_000;
/// Memory that all patterns of a script may take together, compiled.
const PATTERNS_BYTES_MAX: usize = 8 << 20;

/// What the answer to a question may be made of.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Of the intents, in their order.
    pub(crate) grammar: Grammar,
    /// Of the intents, in their order.
    names: Box<[Arc<Names>]>,
    /// What a recogniser is told to listen for. None where answers have other words too, since some recognisers hear nothing else.
    pub(crate) phrases: Box<[String]>,
    /// How many of the phrases, from the first, are the script's own or of the step's language.
    pub(crate) likely_phrases: usize,
}

impl Vocabulary {
    /// The name that was said, where what was meant is one of an intent's names.
    pub(crate) fn name(&self, meant: &Meant) -> Option<&str> {
        let Names { first, all } = &*self.names[meant.intent];
        all.get(meant.phrase?.checked_sub(*first)?).map(String::as_str)
    }
}

/// Which phrases of an intent are names.
#[derive(Debug, Default)]
struct Names {
    /// The place of the first; the others follow.
    first: usize,
    /// Of each, the name that it is another word for, or is.
    all: Vec<String>,
}

impl Names {
    /// Why it could not be told which name was said, of an intent that was read.
    fn doubt(&self, ready: &Ready) -> Option<String> {
        let (known, own) = ready.phrases().split_at(self.first);
        let mut owners: HashMap<&String, &String> = HashMap::new();
        self.all.iter().zip(own).find_map(|(name, said)| {
            if known.contains(said) {
                return Some(format!("`{}` of {name} is said for this intent without any name", said.trim()));
            }
            let other = owners.insert(said, name).filter(|other| *other != name)?;
            Some(format!("`{}` may be {other} or {name}: signs are not heard", said.trim()))
        })
    }
}

/// What a step asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// In the step's order.
    pub(super) intents: Vec<String>,
    /// BCP 47.
    pub(super) language: String,
    pub(super) others: Others,
}

/// What answers are made of beside the phrases of intents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Others {
    Nothing,
    /// Words of numbers.
    Numbers,
    /// Any words.
    Anything,
}

/// An intent that was read.
type Known = (Arc<Ready>, Arc<Names>);

/// Makes vocabularies, each once.
pub(super) struct Vocabularies<'a> {
    intents: &'a BTreeMap<String, document::Intent>,
    /// `None`: it was told what is wrong with it.
    ready: HashMap<String, Option<Known>>,
    made: HashMap<Wanted, Arc<Vocabulary>>,
    pattern_bytes_max: usize,
    phrases: usize,
}

impl<'a> Vocabularies<'a> {
    pub(super) fn new(intents: &'a BTreeMap<String, document::Intent>) -> Self {
        let with_patterns = intents.values().filter(|intent| !intent.patterns.is_empty()).count();
        Self {
            intents,
            ready: HashMap::new(),
            made: HashMap::new(),
            pattern_bytes_max: PATTERN_BYTES_MAX.min(PATTERNS_BYTES_MAX / with_patterns.max(1)),
            phrases: 0,
        }
    }

    /// The vocabulary of a step, or what is wrong, with the field where it is.
    pub(super) fn get(&mut self, wanted: Wanted) -> Result<Arc<Vocabulary>, Vec<(String, String)>> {
        if let Some(made) = self.made.get(&wanted) {
            return Ok(made.clone());
        }
        let mut wrong = Vec::new();
        let ready: Vec<_> = wanted.intents.iter().map(|name| self.ready(name, &mut wrong)).collect();
        let Some(ready) = ready.into_iter().collect::<Option<Vec<_>>>() else { return Err(wrong) };
        let phrases = self.expected(&wanted);
        self.phrases += phrases.0.len() + wanted.intents.iter().map(|name| self.count(name)).sum::<usize>();
        if self.phrases > PHRASES_MAX {
            let problem = format!(
                "the intents of all steps together have more than {PHRASES_MAX} phrases: use fewer, or the same set of intents in more steps"
            );
            return Err(vec![("intents".to_owned(), problem)]);
        }
        let (ready, names): (Vec<_>, Vec<_>) = ready.into_iter().unzip();
        let grammar = Grammar::of(&ready).map_err(|error| vec![("intents".to_owned(), error.to_string())])?;
        let (phrases, likely_phrases) = (phrases.0.into(), phrases.1);
        let vocabulary = Vocabulary { grammar, names: names.into(), phrases, likely_phrases };
        let vocabulary = Arc::new(vocabulary);
        self.made.insert(wanted, vocabulary.clone());
        Ok(vocabulary)
    }

    fn ready(&mut self, name: &str, wrong: &mut Vec<(String, String)>) -> Option<Known> {
        if let Some(ready) = self.ready.get(name) {
            return ready.clone();
        }
        let mut intent = Intent::built_in(name).unwrap_or_default();
        let mut names = Names { first: intent.phrases.len(), ..Names::default() };
        if let Some(own) = self.intents.get(name) {
            for (name, others) in &own.names {
                intent.phrases.extend([name].into_iter().chain(others).cloned());
                names.all.resize(intent.phrases.len() - names.first, name.clone());
            }
            intent.phrases.extend(own.phrases.iter().cloned());
            intent.patterns.extend(own.patterns.iter().cloned());
        }
        let ready = intent.ready(self.pattern_bytes_max);
        let ready = ready.map_err(|error| wrong.push((format!("intents.{name}"), error.to_string())));
        let ready = ready.ok().filter(|ready| {
            let doubt = names.doubt(ready);
            let is_clear = doubt.is_none();
            wrong.extend(doubt.map(|problem| (format!("intents.{name}.names"), problem)));
            is_clear
        });
        let ready = ready.map(|ready| (Arc::new(ready), Arc::new(names)));
        self.ready.insert(name.to_owned(), ready.clone());
        ready
    }

    fn count(&self, name: &str) -> usize {
        let built_in = Intent::built_in(name).map_or(0, |intent| intent.phrases.len());
        built_in + self.intents.get(name).map_or(0, |own| said_for(own).count())
    }

    /// Each phrase once: the script's own, those that everybody knows in the step's language, and the others; and how many the first two
    /// are. Those of opting out are among them.
    fn expected(&self, wanted: &Wanted) -> (Vec<String>, usize) {
        if wanted.others == Others::Anything {
            return (Vec::new(), 0);
        }
        let own = wanted.intents.iter().filter_map(|name| self.intents.get(name));
        let own = own.flat_map(|own| said_for(own).cloned());
        let names = wanted.intents.iter().map(String::as_str).chain(["opt_out"]);
        let mut built_in: Vec<_> =
            names.filter_map(Intent::built_in).flat_map(|intent| intent.phrases).collect();
        if wanted.others == Others::Numbers {
            let words = understanding::number_words(&wanted.language);
            built_in.extend(words.into_iter().map(str::to_owned));
        }
        // What is built in is English and Chinese.
        let is_of_language = |phrase: &String| match wanted.language.split('-').next() {
            Some("en") => phrase.is_ascii(),
            Some("zh" | "cmn" | "yue") => !phrase.is_ascii(),
            _ => false,
        };
        let (near, far): (Vec<_>, Vec<_>) = built_in.into_iter().partition(is_of_language);
        let mut known = HashSet::new();
        let mut phrases: Vec<_> = own.chain(near).filter(|phrase| known.insert(phrase.clone())).collect();
        let likely = phrases.len();
        phrases.extend(far.into_iter().filter(|phrase| known.insert(phrase.clone())));
        (phrases, likely)
    }
}

/// The script's phrases and names for an intent.
pub(super) fn said_for(own: &document::Intent) -> impl Iterator<Item = &String> {
    let names = own.names.iter().flat_map(|(name, others)| [name].into_iter().chain(others));
    own.phrases.iter().chain(names)
}
