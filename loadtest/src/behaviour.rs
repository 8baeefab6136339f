//! What the people, machines and switches behind the numbers do.
//!
//! Owns the choice: [`Callees::plan`] is a function of the seed and the number alone, so that the same campaign meets the
//! same world in whatever order it dials. Never touches a call; the engine carries plans out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::config::ParseError;
use crate::random::Random;

/// What answers, if anything does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// Rings, answers, talks; perhaps presses keys; hangs up or waits for the caller to.
    Person,
    /// Rings, answers, plays a greeting and a 1 kHz beep, records, hangs up.
    Machine,
    /// 183 with ring-back audio, then a person.
    EarlyMedia,
    /// Rings, answers, and never sends a packet of audio.
    Silent,
    /// Rings until the caller cancels (480 with cause 19 after three minutes).
    NoAnswer,
    /// 486.
    Busy,
    /// Rings, then 603.
    Decline,
    /// 480 and no more.
    Unavailable,
    /// 480 with Q.850 cause 20, subscriber absent.
    Absent,
    /// 404 with Q.850 cause 1.
    NotFound,
    /// 503 and no more.
    Overload,
    /// 503 with `Retry-After: 2` and Q.850 cause 34.
    OverloadRetry,
    /// 100 and then nothing until the caller cancels.
    TryingOnly,
    /// Nothing at all.
    Drop,
    /// Any final status, with a Q.850 cause where it is not 0.
    Status(u16, u8),
}

/// The behaviours that have a name, with it and their weight in the default mix.
const NAMED: [(&str, Behaviour, u32); 14] = [
    ("person", Behaviour::Person, 40),
    ("machine", Behaviour::Machine, 15),
    ("early-media", Behaviour::EarlyMedia, 6),
    ("silent", Behaviour::Silent, 2),
    ("no-answer", Behaviour::NoAnswer, 10),
    ("busy", Behaviour::Busy, 9),
    ("decline", Behaviour::Decline, 4),
    ("unavailable", Behaviour::Unavailable, 3),
    ("absent", Behaviour::Absent, 3),
    ("not-found", Behaviour::NotFound, 4),
    ("overload", Behaviour::Overload, 2),
    ("overload-retry", Behaviour::OverloadRetry, 2),
    ("trying-only", Behaviour::TryingOnly, 0),
    ("drop", Behaviour::Drop, 0),
];

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, 0) => write!(f, "status-{status}"),
            Self::Status(status, cause) => write!(f, "status-{status}-q{cause}"),
            named => {
                let (name, ..) = NAMED.iter().find(|(_, b, _)| b == named).expect("every other is named");
                f.write_str(name)
            }
        }
    }
}

impl FromStr for Behaviour {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some((_, behaviour, _)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return Ok(*behaviour);
        }
        let status = |text: &str| text.parse().ok().filter(|s| (300..700).contains(s));
        let parsed = text.strip_prefix("status-").and_then(|rest| match rest.split_once("-q") {
            None => Some(Self::Status(status(rest)?, 0)),
            Some((s, cause)) => {
                Some(Self::Status(status(s)?, cause.parse().ok().filter(|c| (1..128).contains(c))?))
            }
        });
        parsed.ok_or_else(|| {
            ParseError::new(
                "behaviour",
                text,
                "expected a name such as person or busy, or status-NNN[-qCAUSE]",
            )
        })
    }
}

/// Behaviours by weight. Text form: `person=40,machine=15,busy=9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix(Vec<(Behaviour, u32)>);

impl Mix {
    /// Every callee does the same.
    pub fn only(behaviour: Behaviour) -> Self {
        Self(vec![(behaviour, 1)])
    }

    fn pick(&self, random: &mut Random) -> Behaviour {
        let total: u32 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut ticket = random.below(u64::from(total)) as u32;
        for (behaviour, weight) in &self.0 {
            if ticket < *weight {
                return *behaviour;
            }
            ticket -= weight;
        }
        unreachable!("the ticket is below the sum of the weights")
    }
}

impl Default for Mix {
    /// A day of outbound calling: half of the calls are answered by somebody or something.
    fn default() -> Self {
        Self(NAMED.iter().filter(|(.., weight)| *weight > 0).map(|(_, b, weight)| (*b, *weight)).collect())
    }
}

impl FromStr for Mix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad =
            || ParseError::new("mix", text, "expected BEHAVIOUR=WEIGHT,..., weights 0 to 1000000, not all 0");
        let mut mix = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').ok_or_else(bad)?;
            mix.push((name.parse()?, weight.parse().ok().filter(|w| *w <= 1_000_000).ok_or_else(bad)?));
        }
        if mix.iter().all(|(_, weight)| *weight == 0) {
            return Err(bad());
        }
        Ok(Self(mix))
    }
}

/// A behaviour for the numbers that match. Text form: `PATTERN=BEHAVIOUR[:KEY=VALUE]...`.
///
/// The pattern is a number with at most one `*`: `+1555*`, `*99`, `+15550001111`. Keys: `delay`, `ring`, `talk`, `press`
/// (seconds, before scaling), `digits` (keys to press), `again` (seconds, before scaling, from one press of all keys to the next),
/// `voice` (`speech` or `silence`), `hangup` (`callee` or `caller`).
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    prefix: String,
    /// `None`: the pattern had no `*`, the number must equal the prefix.
    suffix: Option<String>,
    behaviour: Behaviour,
    delay: Option<Duration>,
    ring: Option<Duration>,
    talk: Option<Duration>,
    press: Option<Duration>,
    digits: Option<String>,
    again: Option<Duration>,
    is_quiet: bool,
    hangs_up: Option<bool>,
}

impl Rule {
    fn matches(&self, number: &str) -> bool {
        match &self.suffix {
            None => number == self.prefix,
            Some(suffix) => {
                number.len() >= self.prefix.len() + suffix.len()
                    && number.starts_with(&self.prefix)
                    && number.ends_with(suffix.as_str())
            }
        }
    }
}

impl FromStr for Rule {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || {
            ParseError::new(
                "rule",
                text,
                "expected PATTERN=BEHAVIOUR[:delay=S][:ring=S][:talk=S][:press=S][:digits=KEYS][:again=S][:voice=speech|silence]\
                 [:hangup=callee|caller]",
            )
        };
        let seconds = |text: &str| {
            text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()).map(Some).ok_or_else(bad)
        };
        let (pattern, rest) = text.split_once('=').ok_or_else(bad)?;
        let (prefix, suffix) = match pattern.split_once('*') {
            None => (pattern, None),
            Some((prefix, suffix)) => (prefix, Some(suffix.to_owned())),
        };
        let mut options = rest.split(':');
        let behaviour = options.next().ok_or_else(bad)?.parse()?;
        let mut rule = Self {
            prefix: prefix.to_owned(),
            suffix,
            behaviour,
            delay: None,
            ring: None,
            talk: None,
            press: None,
            digits: None,
            again: None,
            is_quiet: false,
            hangs_up: None,
        };
        for option in options {
            match option.split_once('=').ok_or_else(bad)? {
                ("delay", value) => rule.delay = seconds(value)?,
                ("ring", value) => rule.ring = seconds(value)?,
                ("talk", value) => rule.talk = seconds(value)?,
                ("press", value) => rule.press = seconds(value)?,
                ("digits", keys) if keys.bytes().all(|k| crate::rtp::event_code(k).is_some()) => {
                    rule.digits = Some(keys.to_owned());
                }
                ("again", value) => rule.again = seconds(value)?,
                ("voice", "speech") => rule.is_quiet = false,
                ("voice", "silence") => rule.is_quiet = true,
                ("hangup", "callee") => rule.hangs_up = Some(true),
                ("hangup", "caller") => rule.hangs_up = Some(false),
                _ => return Err(bad()),
            }
        }
        Ok(rule)
    }
}

/// What one callee does with one call, times already scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What answers.
    pub behaviour: Behaviour,
    /// From the INVITE to the first sign: 180, 183 or a refusal.
    pub delay: Duration,
    /// From that sign to the answer or the refusal.
    pub ring: Duration,
    /// From the answer to our BYE, if [`Plan::hangs_up`].
    pub talk: Duration,
    /// From the answer to the first key.
    pub press: Duration,
    /// Keys to press; empty for most.
    pub digits: String,
    /// From one press of all keys to the next; zero: they are pressed once.
    pub press_again: Duration,
    /// Whether a person sends nothing but silence.
    pub is_quiet: bool,
    /// Whether the callee ends the call.
    pub hangs_up: bool,
}

impl Plan {
    /// The first press of the keys, and the time to the next, in packets of 20 ms.
    pub(crate) fn press_packets(&self) -> [u32; 2] {
        [self.press, self.press_again].map(|time| (time.as_millis() / 20) as u32)
    }
}

/// Everybody who can be called.
#[derive(Debug, Clone)]
pub struct Callees {
    seed: u64,
    scale: f64,
    mix: Mix,
    rules: Vec<Rule>,
}

impl Callees {
    /// See [`CarrierConfig`](crate::CarrierConfig) for the arguments.
    pub fn new(seed: u64, scale: f64, mix: Mix, rules: Vec<Rule>) -> Self {
        Self { seed, scale, mix, rules }
    }

    /// What happens when this number is dialled. The same number always gets the same plan.
    pub fn plan(&self, number: &str) -> Plan {
        let mut random = Random::keyed(self.seed, number.as_bytes());
        let rule = self.rules.iter().find(|rule| rule.matches(number));
        let mixed = self.mix.pick(&mut random);
        let behaviour = rule.map_or(mixed, |rule| rule.behaviour);

        let mut between = |low_ms: u64, high_ms: u64| {
            Duration::from_millis(low_ms + random.below(high_ms - low_ms)).mul_f64(self.scale)
        };
        // Whatever the behaviour is, the same draws are made in the same order: a rule does not move the others.
        let (delay, ring) = (between(60, 400), between(1_000, 8_000));
        let (chat, machine) = (between(4_000, 20_000), between(6_000, 15_000));
        let press = between(1_500, 5_000);
        let (presses, hangs_up) = (random.below(100) < 30, random.below(100) < 50);
        let key = b"1234567890*#"[random.below(12) as usize];

        let is_person = matches!(behaviour, Behaviour::Person | Behaviour::EarlyMedia);
        let mut plan = Plan {
            behaviour,
            delay,
            ring,
            talk: if behaviour == Behaviour::Machine { machine } else { chat },
            press,
            digits: if is_person && presses { char::from(key).to_string() } else { String::new() },
            press_again: Duration::ZERO,
            is_quiet: false,
            hangs_up: hangs_up || behaviour == Behaviour::Machine,
        };
        if let Some(rule) = rule {
            let scaled =
                |fixed: Option<Duration>, own: Duration| fixed.map_or(own, |d| d.mul_f64(self.scale));
            plan.delay = scaled(rule.delay, plan.delay);
            plan.ring = scaled(rule.ring, plan.ring);
            plan.talk = scaled(rule.talk, plan.talk);
            plan.press = scaled(rule.press, plan.press);
            plan.press_again = scaled(rule.again, plan.press_again);
            plan.is_quiet = rule.is_quiet;
            plan.digits = rule.digits.clone().unwrap_or(plan.digits);
            plan.hangs_up = rule.hangs_up.unwrap_or(plan.hangs_up);
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callees(rules: &[&str]) -> Callees {
        Callees::new(7, 1.0, Mix::default(), rules.iter().map(|r| r.parse().unwrap()).collect())
    }

    #[test]
    fn the_same_number_gets_the_same_plan() {
        let (one, other) = (callees(&[]), callees(&["+1999=busy"]));
        for n in 0..100 {
            let number = format!("+1555{n:04}");
            assert_eq!(one.plan(&number), other.plan(&number));
        }
    }

    #[test]
    fn the_mix_is_about_as_asked() {
        let callees = callees(&[]);
        let people =
            (0..10_000).filter(|n| callees.plan(&format!("+1{n}")).behaviour == Behaviour::Person).count();
        assert!((3_700..4_300).contains(&people), "{people}");
    }

    #[test]
    fn the_first_rule_that_matches_wins() {
        let callees =
            callees(&["*99=drop", "+1555*=person:digits=12#:hangup=caller:talk=2.5", "+2*=status-500-q41"]);
        assert_eq!(callees.plan("+155599").behaviour, Behaviour::Drop);
        let person = callees.plan("+15551");
        assert_eq!((person.digits.as_str(), person.hangs_up), ("12#", false));
        assert_eq!(person.talk, Duration::from_millis(2_500));
        assert_eq!(callees.plan("+2").behaviour, Behaviour::Status(500, 41));
    }

    #[test]
    fn an_overlapping_prefix_and_suffix_do_not_match_twice() {
        let rule: Rule = "+15*51=busy".parse().unwrap();
        assert!(!rule.matches("+151"));
        assert!(rule.matches("+1551"));
    }

    #[test]
    fn names_round_trip() {
        for (name, behaviour, _) in NAMED {
            assert_eq!(behaviour.to_string(), name);
            assert_eq!(name.parse(), Ok(behaviour));
        }
        assert_eq!("status-503-q34".parse(), Ok(Behaviour::Status(503, 34)));
        for bad in ["", "persons", "status-200", "status-503-q0", "status-503-q200"] {
            assert!(bad.parse::<Behaviour>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mix_of_nothing_is_refused() {
        for bad in ["", "person", "person=x", "person=0", "nobody=1"] {
            assert!(bad.parse::<Mix>().is_err(), "{bad}");
        }
        assert_eq!("busy=1".parse::<Mix>().unwrap(), Mix::only(Behaviour::Busy));
    }
}
