//! Scripts and prompts: asked for when an order first names them, encoded once, shared by all calls.
//!
//! A script is ready when all its prompts are, and all its sentences that are the same in every call are spoken. Both live as long as a script that plays them, scripts until
//! [`SCRIPTS_MAX`] others were used since. A script or prompt that could not be had is asked for again after
//! [`FORGIVE`].

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use call::Script;
use common::{PromptId, ScriptId};
use media::Prompt;
use script::{Program, Sentence};

/// Scripts kept: more than campaigns run at once.
const SCRIPTS_MAX: usize = 1_000;
/// Largest WAV file taken, bytes: ten minutes at 48 kHz. The control plane checks what is uploaded; this bounds memory.
const WAV_BYTES_MAX: usize = 64 << 20;
/// Prompts fetched at once, which bounds what their pieces take.
const FETCHES_MAX: usize = 4;
/// How long an answer may take before it is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long a refusal stands.
const FORGIVE: Duration = Duration::from_secs(30);

/// What a caller finds.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// All there.
    Ready(Arc<Script>),
    /// On its way.
    Coming,
    /// Cannot be had, and why.
    Unusable(String),
}

/// What is to be done outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    AskScript(ScriptId),
    AskPrompt(PromptId),
    Encode { prompt: PromptId, wav: Vec<u8> },
    Speak(Sentence),
}

/// Audio that a script plays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AudioName {
    /// A recorded prompt.
    Prompt(PromptId),
    /// What is said in every call in the same way: a sentence, or the opening of one with variables.
    Sentence(Sentence),
}

impl fmt::Display for AudioName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt(id) => write!(f, "prompt {id}"),
            Self::Sentence(sentence) => write!(f, "the sentence {:?}", sentence.text),
        }
    }
}

#[derive(Debug)]
enum ScriptState {
    /// `None` until it was asked for.
    Asked(Option<Instant>),
    /// Known; waits for its audio.
    Waiting(Arc<Program>),
    Ready(Arc<Script>),
    Unusable {
        why: String,
        until: Instant,
    },
}

#[derive(Debug)]
enum AudioState {
    /// Not asked for yet.
    Wanted,
    Fetching {
        since: Instant,
        wav: Vec<u8>,
    },
    /// Under way on a side thread.
    Making,
    Ready(Weak<Prompt>),
    /// Ready, and held until the scripts that wait for it have all their prompts.
    Fresh(Arc<Prompt>),
    Unusable(String),
}

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    scripts: BTreeMap<ScriptId, (u64, ScriptState)>,
    audio: BTreeMap<AudioName, AudioState>,
    /// Grows with each use; the least is the first to go.
    uses: u64,
    errands: VecDeque<Errand>,
}

impl Assets {
    /// Finds a script, or has it fetched.
    pub(crate) fn script(&mut self, now: Instant, id: ScriptId) -> Lookup {
        self.uses += 1;
        let uses = self.uses;
        if let Some((used, state)) = self.scripts.get_mut(&id) {
            *used = uses;
            match state {
                ScriptState::Ready(script) => return Lookup::Ready(script.clone()),
                ScriptState::Unusable { why, until } if now < *until => return Lookup::Unusable(why.clone()),
                ScriptState::Unusable { .. } => {}
                ScriptState::Asked(_) | ScriptState::Waiting(_) => return Lookup::Coming,
            }
        }
        self.evict();
        self.scripts.insert(id, (uses, ScriptState::Asked(Some(now))));
        self.errands.push_back(Errand::AskScript(id));
        Lookup::Coming
    }

    /// A new attachment: what the old one owed is asked for again.
    pub(crate) fn on_attached(&mut self, now: Instant) {
        for (_, state) in self.scripts.values_mut() {
            if let ScriptState::Asked(since) = state {
                *since = None;
            }
        }
        for state in self.audio.values_mut() {
            if matches!(state, AudioState::Fetching { .. }) {
                *state = AudioState::Wanted;
            }
        }
        self.on_time(now);
    }

    /// Asks again for what did not come.
    pub(crate) fn on_time(&mut self, now: Instant) {
        for (id, (_, state)) in &mut self.scripts {
            if let ScriptState::Asked(since) = state
                && since.is_none_or(|since| now >= since + ASK_AGAIN)
            {
                *since = Some(now);
                self.errands.push_back(Errand::AskScript(*id));
            }
        }
        for state in self.audio.values_mut() {
            if matches!(state, AudioState::Fetching { since, .. } if now >= *since + ASK_AGAIN) {
                *state = AudioState::Wanted;
            }
        }
        self.fetch_wanted(now);
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let scripts = self.scripts.values().filter_map(|(_, state)| match state {
            ScriptState::Asked(since) => *since,
            _ => None,
        });
        let prompts = self.audio.values().filter_map(|state| match state {
            AudioState::Fetching { since, .. } => Some(*since),
            _ => None,
        });
        scripts.chain(prompts).min().map(|since| since + ASK_AGAIN)
    }

    /// A script has come. True when lookups may now find something else than before, as for all that follow.
    pub(crate) fn on_script(&mut self, now: Instant, script: proto::v1::Script) -> bool {
        let id = ScriptId(script.id);
        let Some((_, state @ ScriptState::Asked(_))) = self.scripts.get_mut(&id) else { return false };
        let program = if script.error.is_empty() { program(&script.document) } else { Err(script.error) };
        match program {
            Ok(program) => *state = ScriptState::Waiting(Arc::new(program)),
            Err(why) => {
                *state = ScriptState::Unusable { why, until: now + FORGIVE };
                return true;
            }
        }
        self.settle(now)
    }

    /// A piece of a prompt has come.
    pub(crate) fn on_chunk(&mut self, now: Instant, chunk: proto::v1::PromptChunk) -> bool {
        let id = PromptId(chunk.prompt);
        let name = AudioName::Prompt(id);
        let Some(state @ AudioState::Fetching { .. }) = self.audio.get_mut(&name) else { return false };
        let AudioState::Fetching { since, wav } = state else { unreachable!("matched above") };
        *since = now;
        let why = if !chunk.error.is_empty() {
            chunk.error
        } else if wav.len() + chunk.wav.len() > WAV_BYTES_MAX {
            format!("the file is larger than {} MiB", WAV_BYTES_MAX >> 20)
        } else {
            wav.extend_from_slice(&chunk.wav);
            if chunk.last {
                let wav = std::mem::take(wav);
                *state = AudioState::Making;
                self.errands.push_back(Errand::Encode { prompt: id, wav });
            }
            return false;
        };
        *state = AudioState::Unusable(why);
        self.settle(now)
    }

    /// A prompt was encoded or a sentence spoken, or cannot be.
    pub(crate) fn on_made(
        &mut self,
        now: Instant,
        name: &AudioName,
        prompt: Result<Arc<Prompt>, String>,
    ) -> bool {
        let Some(state @ AudioState::Making) = self.audio.get_mut(name) else { return false };
        *state = match prompt {
            Ok(prompt) => AudioState::Fresh(prompt),
            Err(why) => AudioState::Unusable(why),
        };
        self.settle(now)
    }

    /// Nobody speaks sentences any more: those that were being spoken cannot be.
    pub(crate) fn on_speechless(&mut self, now: Instant, why: &str) -> bool {
        for (name, state) in &mut self.audio {
            if matches!((name, &state), (AudioName::Sentence(_), AudioState::Making)) {
                *state = AudioState::Unusable(why.to_owned());
            }
        }
        self.settle(now)
    }

    /// The next thing to be done outside.
    pub(crate) fn poll_errand(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }

    /// Moves every script on whose prompts have all come or of which one cannot, and fetches what is wanted.
    fn settle(&mut self, now: Instant) -> bool {
        let (mut wanted, mut held) = (BTreeSet::new(), BTreeSet::new());
        let mut changed = false;
        for (_, state) in self.scripts.values_mut() {
            let ScriptState::Waiting(program) = state else { continue };
            let names = audio_of(program);
            let mut why = None;
            let mut ready = BTreeMap::new();
            for id in &names {
                let prompt = match self.audio.get(id) {
                    Some(AudioState::Fresh(prompt)) => Some(prompt.clone()),
                    Some(AudioState::Ready(prompt)) => prompt.upgrade(),
                    Some(AudioState::Unusable(reason)) => {
                        why = Some(format!("{id}: {reason}"));
                        None
                    }
                    Some(AudioState::Wanted | AudioState::Fetching { .. } | AudioState::Making) => {
                        continue;
                    }
                    None => None,
                };
                match prompt {
                    Some(prompt) => drop(ready.insert(id.clone(), prompt)),
                    None => drop(wanted.insert(id.clone())),
                }
            }
            if let Some(why) = why {
                *state = ScriptState::Unusable { why, until: now + FORGIVE };
                changed = true;
            } else if ready.len() == names.len() {
                *state = ScriptState::Ready(Arc::new(build(program, ready)));
                changed = true;
            } else {
                held.extend(names);
            }
        }
        // What is ready is kept alive by its scripts from here on; what failed is asked for again when next wanted.
        self.audio.retain(|id, state| match state {
            AudioState::Unusable(_) => false,
            AudioState::Ready(prompt) => prompt.strong_count() > 0,
            AudioState::Fresh(_) if held.contains(id) => true,
            AudioState::Fresh(prompt) => {
                *state = AudioState::Ready(Arc::downgrade(prompt));
                true
            }
            AudioState::Wanted | AudioState::Fetching { .. } | AudioState::Making => true,
        });
        for id in wanted.intersection(&held) {
            self.audio.entry(id.clone()).or_insert(AudioState::Wanted);
        }
        self.fetch_wanted(now);
        changed
    }

    fn fetch_wanted(&mut self, now: Instant) {
        let busy = |state: &&mut AudioState| matches!(state, AudioState::Fetching { .. });
        let mut room = FETCHES_MAX.saturating_sub(self.audio.values_mut().filter(busy).count());
        for (name, state) in &mut self.audio {
            match name {
                _ if !matches!(state, AudioState::Wanted) => {}
                AudioName::Sentence(sentence) => {
                    *state = AudioState::Making;
                    self.errands.push_back(Errand::Speak(sentence.clone()));
                }
                AudioName::Prompt(id) if room > 0 => {
                    *state = AudioState::Fetching { since: now, wav: Vec::new() };
                    self.errands.push_back(Errand::AskPrompt(*id));
                    room -= 1;
                }
                AudioName::Prompt(_) => {}
            }
        }
    }

    fn evict(&mut self) {
        if self.scripts.len() < SCRIPTS_MAX {
            return;
        }
        let oldest = self.scripts.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.scripts.remove(&oldest);
        }
    }
}

/// Reads and checks a script.
pub(crate) fn program(document: &str) -> Result<Program, String> {
    let document = script::read(document).map_err(|error| error.to_string())?;
    Program::new(&document)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn audio_of(program: &Program) -> BTreeSet<AudioName> {
    let prompts = program.prompts().into_iter().map(AudioName::Prompt);
    prompts.chain(program.constant_sentences().into_iter().map(AudioName::Sentence)).collect()
}

fn build(program: &Arc<Program>, ready: BTreeMap<AudioName, Arc<Prompt>>) -> Script {
    let (mut prompts, mut sentences) = (BTreeMap::new(), HashMap::new());
    for (name, audio) in ready {
        match name {
            AudioName::Prompt(id) => drop(prompts.insert(id, audio)),
            AudioName::Sentence(sentence) => drop(sentences.insert(sentence, audio)),
        }
    }
    Script { program: program.clone(), prompts, sentences }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(id: i64, prompts: &[i64]) -> proto::v1::Script {
        let play = |prompt: &i64| format!(r#"{{"do":"play","prompt":{prompt}}}"#);
        written(id, &prompts.iter().map(play).collect::<Vec<_>>().join(","))
    }

    fn written(id: i64, steps: &str) -> proto::v1::Script {
        let document = format!(r#"{{"name":"test","steps":[{steps}]}}"#);
        proto::v1::Script { id, document, ..Default::default() }
    }

    fn chunk(prompt: i64, wav: &[u8], last: bool) -> proto::v1::PromptChunk {
        proto::v1::PromptChunk { prompt, wav: wav.to_vec(), last, error: String::new() }
    }

    fn errands(assets: &mut Assets) -> Vec<Errand> {
        std::iter::from_fn(|| assets.poll_errand()).collect()
    }

    fn audio() -> Arc<Prompt> {
        Prompt::from_pcm(&[0; 160], 8_000).expect("20 ms")
    }

    #[test]
    fn a_script_is_ready_with_its_last_prompt() {
        let now = Instant::now();
        let mut assets = Assets::default();
        assert!(matches!(assets.script(now, ScriptId(1)), Lookup::Coming));
        assert!(matches!(assets.script(now, ScriptId(1)), Lookup::Coming));
        assert_eq!(errands(&mut assets), [Errand::AskScript(ScriptId(1))]);
        assert!(!assets.on_script(now, script(1, &[7, 8, 7])));
        assert_eq!(errands(&mut assets), [Errand::AskPrompt(PromptId(7)), Errand::AskPrompt(PromptId(8))]);
        assets.on_chunk(now, chunk(7, b"ab", false));
        assets.on_chunk(now, chunk(7, b"c", true));
        assert_eq!(errands(&mut assets), [Errand::Encode { prompt: PromptId(7), wav: b"abc".to_vec() }]);
        assert!(!assets.on_made(now, &AudioName::Prompt(PromptId(7)), Ok(audio())));
        assets.on_chunk(now, chunk(8, b"d", true));
        errands(&mut assets);
        assets.on_made(now, &AudioName::Prompt(PromptId(8)), Ok(audio()));
        let Lookup::Ready(script) = assets.script(now, ScriptId(1)) else { panic!("all prompts are there") };
        assert_eq!(script.prompts.len(), 2);
    }

    #[test]
    fn what_cannot_be_had_is_told_and_asked_for_again_later() {
        let now = Instant::now();
        let mut assets = Assets::default();
        assets.script(now, ScriptId(1));
        assets.on_script(now, script(1, &[7]));
        assert!(assets.on_chunk(
            now,
            proto::v1::PromptChunk { prompt: 7, error: "no such prompt".to_owned(), ..Default::default() }
        ));
        let Lookup::Unusable(why) = assets.script(now, ScriptId(1)) else { panic!("the prompt is missing") };
        assert_eq!(why, "prompt 7: no such prompt");
        errands(&mut assets);
        assert!(matches!(assets.script(now + FORGIVE, ScriptId(1)), Lookup::Coming));
        assert_eq!(errands(&mut assets), [Errand::AskScript(ScriptId(1))]);
    }

    #[test]
    fn a_break_of_the_link_starts_the_fetch_again() {
        let now = Instant::now();
        let mut assets = Assets::default();
        assets.script(now, ScriptId(1));
        assets.on_script(now, script(1, &[7]));
        assets.on_chunk(now, chunk(7, b"half", false));
        assets.script(now, ScriptId(2));
        errands(&mut assets);
        assets.on_attached(now);
        assert_eq!(errands(&mut assets), [Errand::AskScript(ScriptId(2)), Errand::AskPrompt(PromptId(7))]);
        assets.on_chunk(now, chunk(7, b"whole", true));
        assert_eq!(errands(&mut assets), [Errand::Encode { prompt: PromptId(7), wav: b"whole".to_vec() }]);
    }

    #[test]
    fn an_answer_that_does_not_come_is_asked_for_again() {
        let now = Instant::now();
        let mut assets = Assets::default();
        assets.script(now, ScriptId(1));
        errands(&mut assets);
        let deadline = assets.deadline().expect("an answer is due");
        assets.on_time(deadline);
        assert_eq!(errands(&mut assets), [Errand::AskScript(ScriptId(1))]);
    }

    #[test]
    fn sentences_that_never_change_are_spoken_first() {
        let now = Instant::now();
        let mut assets = Assets::default();
        assets.script(now, ScriptId(1));
        errands(&mut assets);
        let steps = r#"{"do":"say","text":"Good day."},{"do":"say","text":"{{contact.name}}?"},{"do":"say","text":"Good day. {{contact.name}}?"}"#;
        assert!(!assets.on_script(now, written(1, steps)));
        let sentence = Sentence { text: "Good day.".to_owned(), voice: None, language: "en".to_owned() };
        assert_eq!(errands(&mut assets), [Errand::Speak(sentence.clone())]);
        assert!(assets.on_made(now, &AudioName::Sentence(sentence.clone()), Ok(audio())));
        let Lookup::Ready(script) = assets.script(now, ScriptId(1)) else { panic!("it was spoken") };
        assert!(script.sentences.contains_key(&sentence));
    }

    #[test]
    fn a_strange_script_is_refused() {
        let now = Instant::now();
        let mut assets = Assets::default();
        for (id, steps) in [(1, ""), (2, r#"{"do":"sing"}"#), (3, r#"{"do":"collect","max_digits":0}"#)] {
            assets.script(now, ScriptId(id));
            assert!(assets.on_script(now, written(id, steps)));
            assert!(matches!(assets.script(now, ScriptId(id)), Lookup::Unusable(_)), "{id}");
        }
    }
}
