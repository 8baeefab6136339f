//! Wishes for no more calls, in English.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::regular;
use crate::text::Plain;

const CALL: &str = "(?:call|called|calling|phone|phoning|ring|ringing|telephone|contact|contacting|contacted|text|texting|message|messaging|bother|bothering|disturb|disturbing|dial|try)";
const DENIALS: [&str; 9] = ["dont", "not", "never", "didnt", "doesnt", "wont", "cant", "cannot", "without"];

/// Wishes of a certain build, whatever stands within.
pub(super) fn wishes() -> impl Iterator<Item = &'static Regex> {
    static WISHES: LazyLock<[Regex; 5]> = LazyLock::new(|| {
        // `Don't`, and all that it is said with.
        let never = "(?:dont|do not|never|not|mustnt|cannot|cant)(?: (?:you|guys|people|anyone|anybody|please|ever|dare|even|bother|want|need|wish|like|to|be))*";
        let us = "(?:me|us|here|(?:this|my|our) (?:number|phone|house|home|line|mobile|cell|office))";
        let list = "(?:list|lists|database|system|records|register)";
        let of_us = "(?:me|us|(?:my|our) (?:name|number|phone number|details|data)|this number)";
        [
            format!(r" {never} {CALL}(?: \w+){{0,4}}? (?:again|anymore|any more|ever|any longer)\b"),
            format!(r" {never} {CALL} {us}\b"),
            r" (?:dont|do not) (?:call|phone|ring|contact|text)\b".to_owned(),
            r" (?:no more|no further|dont want any|do not want any|dont want these|do not want these|stop all|stop these|stop the|stop your)(?: \w+){0,2}? calls\b".to_owned(),
            format!(
                r" (?:(?:stop|quit|cease)(?: \w+)? (?:calling|phoning|ringing|texting|contacting|messaging|bothering|harassing|spamming|pestering|disturbing)|(?:take|get|remove|strike|delete|cross) {of_us}(?: \w+){{0,3}}? (?:off|from|out of)(?: \w+){{0,3}}? {list}|(?:be|get) (?:removed|taken|deleted|struck) (?:off|from|out of)(?: \w+){{0,3}}? {list}|put {of_us} (?:on|in)(?: \w+){{0,2}}? (?:do not call|dont call|no call|block|blocked|black) ?list)\b"
            ),
        ]
        .map(|wish| regular(&wish))
    });
    WISHES.iter()
}

/// `Call me again and I'll report you.`
pub(super) fn threatens(text: &str) -> bool {
    static THREAT: LazyLock<Regex> = LazyLock::new(|| {
        regular(
            r" (?:call|ring|phone|contact|text|bother) (?:me|us|here|this number)(?: \w+){0,2}? (?:again|anymore|any more|one more time|once more) (?:and |or )?(?:i|ill|im|we|well|were)\b(?: \w+){0,4}? (?:report|sue|police|lawyer|court|complain|block)",
        )
    });
    THREAT.is_match(text)
}

pub(super) fn is_meant(said: &Plain, range: &Range<usize>) -> bool {
    let wish = &said.text[range.clone()];
    let before = said.before(range.start).trim_end();
    let has_word = |words: &[&str]| wish.split(' ').any(|word| words.contains(&word));
    // A `not` belongs to what comes before it.
    let is_negative = ["dont", "do not", "never", "not ", "mustnt", "cannot", "cant"]
        .iter()
        .any(|not| wish.starts_with(not));
    let is_theirs = if is_negative { is_wished(before, wish) } else { !is_denied(before, wish) };
    if !is_theirs {
        return false;
    }
    let behind = said.after(range.end);
    match wish {
        "take me off" => {
            return !starts_with_word(
                behind,
                &["hold", "speaker", "speakerphone", "mute", "the speaker", "guard"],
            );
        }
        // What is not to be called may be somebody else.
        "dont call" | "do not call" | "dont phone" | "do not phone" | "dont ring" | "do not ring"
        | "dont contact" | "do not contact" | "dont text" | "do not text" => {
            return behind.trim().is_empty()
                || starts_with_word(behind, &["please", "thanks", "thank", "ok", "okay"]);
        }
        _ => {}
    }
    // `We do not call it that any more`, `I will never contact a lawyer again`.
    let mut from_verb = wish.split(' ').skip_while(|word| !is_verb(word));
    let has_verb = from_verb.next().is_some();
    let object = from_verb.next().or_else(|| behind.split_whitespace().next()).filter(|_| has_verb);
    if matches!(object, Some("it" | "a" | "an")) || object == Some("you") && wish.starts_with("never") {
        return false;
    }
    const LISTS: [&str; 9] =
        ["list", "lists", "database", "system", "records", "register", "number", "unsubscribe", "opt"];
    if has_word(&LISTS) && !has_word(&["call", "calling", "contact", "text"]) {
        return true;
    }
    let is_order = wish.starts_with("stop") || wish.starts_with("quit") || wish.starts_with("no more");
    !is_limited(said, range.end, behind, is_order) || wish.ends_with("list")
}

fn is_verb(word: &str) -> bool {
    static VERB: LazyLock<Regex> = LazyLock::new(|| regular(&format!("^{CALL}$")));
    VERB.is_match(word)
}

/// Whether a wish with a `not` is the callee's own: `I told you not to call me` is, `did my husband tell you not to call me` and `you
/// never call me` are not.
fn is_wished(before: &str, wish: &str) -> bool {
    let ends_with = |words: &[&str]| words.iter().any(|word| before.ends_with(word));
    let asks = [" did ", " does ", " do "].iter().any(|asks| before.contains(asks));
    if wish.starts_with("not to") {
        return ends_with(&[
            " told you",
            " told them",
            " asked you",
            " asked them",
            " tell you",
            " said",
            " you",
            " want",
        ]) && !asks;
    }
    if wish.contains(" want") || wish.contains(" need") || wish.contains(" wish") || wish.contains(" like") {
        return !asks && !wish.starts_with("not ");
    }
    if wish.starts_with("not ") {
        return !asks
            && (before.is_empty()
                || ends_with(&[" you", " please", " to", " must", " and", " better", " just"]));
    }
    if wish.starts_with("never") {
        return !ends_with(&[" you", " they", " he", " she", " we", " i", " ill", " it", " people"]);
    }
    if wish.starts_with("cant") || wish.starts_with("cannot") {
        return ends_with(&[" you", " they"]);
    }
    !ends_with(&[
        " they",
        " he",
        " she",
        " we",
        " i",
        " it",
        " people",
        " who",
        " why",
        " if you",
        " when you",
    ])
}

/// `Don't stop calling`, `will I lose my number`, `I didn't say stop calling`.
fn is_denied(before: &str, wish: &str) -> bool {
    let mut back = before.split_whitespace().rev();
    let Some(last) = back.next() else { return false };
    let is_denial = |word: &str| DENIALS.contains(&word);
    if is_denial(last) || last == "why" {
        return true;
    }
    match last {
        "to" | "you" | "say" | "said" if back.clone().take(3).any(is_denial) => true,
        "you" => matches!(back.next(), Some("did" | "why" | "when")),
        "i" | "we" | "will" | "would" | "might" | "may" | "not" => wish.starts_with("lose"),
        _ => false,
    }
}

fn starts_with_word(text: &str, words: &[&str]) -> bool {
    let text = text.trim_start();
    words
        .iter()
        .any(|word| text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// Whether a time follows, or a name that one is not to be called by.
fn is_limited(said: &Plain, end: usize, behind: &str, is_order: bool) -> bool {
    const FILLERS: [&str; 12] =
        ["again", "please", "back", "anymore", "any", "more", "here", "up", "me", "us", "ever", "just"];
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        let number = r"(?:[0-9]|one\b|two\b|three\b|four\b|five\b|six\b|seven\b|eight\b|nine\b|ten\b|eleven\b|twelve\b)";
        let day = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?";
        regular(&format!(
            r"^(?:until|till|til|before|after|past|between|during|while|when|tomorrow|today|tonight|later|early|late|{day}|weekends|weekdays|(?:so|too|this|that) (?:early|late)|this (?:morning|afternoon|evening|week|weekend|month)|next (?:week|month|year|{day})|over the weekend|on (?:{day}|weekends|weekdays|the weekend|a {day}|holidays)|(?:at|by|around) (?:{number}|noon|night|midnight|dinner|lunch|this (?:hour|time)|that time)|in (?:the (?:morning|afternoon|evening|night|middle)|{number}|an? |january|february|march|april|may|june|july|august|september|october|november|december)|for (?:an? |the next|another|now|{number}|the time))\b"
        ))
    });
    // Right now no calls: but `stop calling me now` is for ever.
    static NOW: LazyLock<Regex> = LazyLock::new(|| regular(r"^(?:right |just )?now\b"));
    /// What comes before a name, or is one.
    const NAMES: &str = "sir maam madam mister mr mrs miss ms dr doctor a an that names buddy honey darling sweetheart dear baby liar";
    const OURS: [&str; 6] = ["this number", "my number", "this phone", "my phone", "this house", "my house"];
    let mut rest = behind.trim_start();
    rest = OURS.iter().find_map(|ours| rest.strip_prefix(ours)).unwrap_or(rest).trim_start();
    let called_by = |text: &str| text.ends_with("me") || text.ends_with("us");
    let mut names_follow = called_by(&said.text[..end]);
    loop {
        let word = rest.split(' ').next().unwrap_or_default();
        if !FILLERS.contains(&word) {
            break;
        }
        names_follow = called_by(word);
        rest = rest[word.len()..].trim_start();
    }
    let word = rest.split(' ').next().unwrap_or_default();
    let place = end + behind.len() - rest.len();
    let is_by_name = word == "by" && !rest.trim_end().ends_with("phone");
    // `At three in the morning ever again` is for ever.
    if rest.contains(" ever") {
        return false;
    }
    TIME.is_match(rest)
        || !is_order && NOW.is_match(rest)
        || names_follow
            && !word.is_empty()
            && (NAMES.split(' ').any(|name| name == word) || said.is_name(place) || is_by_name)
}
