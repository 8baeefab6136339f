//! Scripts and prompts: asked for when an order first names them, encoded once, shared by all calls.
//!
//! A script is ready when all its prompts are. Prompts live as long as a script that plays them, scripts until
//! [`SCRIPTS_MAX`] others were used since. A script or prompt that could not be had is asked for again after
//! [`FORGIVE`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use call::{Script, Step};
use common::digits::Digit;
use common::{PromptId, ScriptId};
use media::Prompt;
use proto::v1::step;

/// Scripts kept: more than campaigns run at once.
const SCRIPTS_MAX: usize = 1_000;
/// Largest WAV file taken, bytes: ten minutes at 48 kHz. The control plane checks what is uploaded; this bounds memory.
const WAV_BYTES_MAX: usize = 64 << 20;
/// Prompts fetched at once, which bounds what their pieces take.
const FETCHES_MAX: usize = 4;
/// Steps of a script, as the control plane bounds them.
const STEPS_MAX: usize = 100;
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
}

#[derive(Debug)]
enum ScriptState {
    /// `None` until it was asked for.
    Asked(Option<Instant>),
    /// Known; waits for its prompts.
    Waiting(Vec<proto::v1::Step>),
    Ready(Arc<Script>),
    Unusable {
        why: String,
        until: Instant,
    },
}

#[derive(Debug)]
enum PromptState {
    /// Not asked for yet.
    Wanted,
    Fetching {
        since: Instant,
        wav: Vec<u8>,
    },
    Encoding,
    Ready(Weak<Prompt>),
    /// Ready, and held until the scripts that wait for it have all their prompts.
    Fresh(Arc<Prompt>),
    Unusable(String),
}

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    scripts: BTreeMap<ScriptId, (u64, ScriptState)>,
    prompts: BTreeMap<PromptId, PromptState>,
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
        for state in self.prompts.values_mut() {
            if matches!(state, PromptState::Fetching { .. }) {
                *state = PromptState::Wanted;
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
        for state in self.prompts.values_mut() {
            if matches!(state, PromptState::Fetching { since, .. } if now >= *since + ASK_AGAIN) {
                *state = PromptState::Wanted;
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
        let prompts = self.prompts.values().filter_map(|state| match state {
            PromptState::Fetching { since, .. } => Some(*since),
            _ => None,
        });
        scripts.chain(prompts).min().map(|since| since + ASK_AGAIN)
    }

    /// A script has come. True when lookups may now find something else than before, as for all that follow.
    pub(crate) fn on_script(&mut self, now: Instant, script: proto::v1::Script) -> bool {
        let id = ScriptId(script.id);
        let Some((_, state @ ScriptState::Asked(_))) = self.scripts.get_mut(&id) else { return false };
        let refused = if script.error.is_empty() { check(&script.steps).err() } else { Some(script.error) };
        if let Some(why) = refused {
            *state = ScriptState::Unusable { why, until: now + FORGIVE };
            return true;
        }
        *state = ScriptState::Waiting(script.steps);
        self.settle(now)
    }

    /// A piece of a prompt has come.
    pub(crate) fn on_chunk(&mut self, now: Instant, chunk: proto::v1::PromptChunk) -> bool {
        let id = PromptId(chunk.prompt);
        let Some(state @ PromptState::Fetching { .. }) = self.prompts.get_mut(&id) else { return false };
        let PromptState::Fetching { since, wav } = state else { unreachable!("matched above") };
        *since = now;
        let why = if !chunk.error.is_empty() {
            chunk.error
        } else if wav.len() + chunk.wav.len() > WAV_BYTES_MAX {
            format!("the file is larger than {} MiB", WAV_BYTES_MAX >> 20)
        } else {
            wav.extend_from_slice(&chunk.wav);
            if chunk.last {
                let wav = std::mem::take(wav);
                *state = PromptState::Encoding;
                self.errands.push_back(Errand::Encode { prompt: id, wav });
            }
            return false;
        };
        *state = PromptState::Unusable(why);
        self.settle(now)
    }

    /// A prompt was encoded, or is no audio.
    pub(crate) fn on_encoded(
        &mut self,
        now: Instant,
        id: PromptId,
        prompt: Result<Arc<Prompt>, String>,
    ) -> bool {
        let Some(state @ PromptState::Encoding) = self.prompts.get_mut(&id) else { return false };
        *state = match prompt {
            Ok(prompt) => PromptState::Fresh(prompt),
            Err(why) => PromptState::Unusable(why),
        };
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
            let ScriptState::Waiting(steps) = state else { continue };
            let names = prompts_of(steps);
            let mut why = None;
            let mut ready = BTreeMap::new();
            for id in &names {
                let prompt = match self.prompts.get(id) {
                    Some(PromptState::Fresh(prompt)) => Some(prompt.clone()),
                    Some(PromptState::Ready(prompt)) => prompt.upgrade(),
                    Some(PromptState::Unusable(reason)) => {
                        why = Some(format!("prompt {id}: {reason}"));
                        None
                    }
                    Some(PromptState::Wanted | PromptState::Fetching { .. } | PromptState::Encoding) => {
                        continue;
                    }
                    None => None,
                };
                match prompt {
                    Some(prompt) => drop(ready.insert(*id, prompt)),
                    None => drop(wanted.insert(*id)),
                }
            }
            if let Some(why) = why {
                *state = ScriptState::Unusable { why, until: now + FORGIVE };
                changed = true;
            } else if ready.len() == names.len() {
                let steps = steps.iter().map(|step| build(step, &ready)).collect();
                *state = ScriptState::Ready(Arc::new(Script { steps }));
                changed = true;
            } else {
                held.extend(names);
            }
        }
        // What is ready is kept alive by its scripts from here on; what failed is asked for again when next wanted.
        self.prompts.retain(|id, state| match state {
            PromptState::Unusable(_) => false,
            PromptState::Ready(prompt) => prompt.strong_count() > 0,
            PromptState::Fresh(_) if held.contains(id) => true,
            PromptState::Fresh(prompt) => {
                *state = PromptState::Ready(Arc::downgrade(prompt));
                true
            }
            PromptState::Wanted | PromptState::Fetching { .. } | PromptState::Encoding => true,
        });
        for id in wanted.intersection(&held) {
            self.prompts.entry(*id).or_insert(PromptState::Wanted);
        }
        self.fetch_wanted(now);
        changed
    }

    fn fetch_wanted(&mut self, now: Instant) {
        let busy = |state: &&mut PromptState| matches!(state, PromptState::Fetching { .. });
        let mut room = FETCHES_MAX.saturating_sub(self.prompts.values_mut().filter(busy).count());
        for (id, state) in &mut self.prompts {
            if room > 0 && matches!(state, PromptState::Wanted) {
                *state = PromptState::Fetching { since: now, wav: Vec::new() };
                self.errands.push_back(Errand::AskPrompt(*id));
                room -= 1;
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

fn prompts_of(steps: &[proto::v1::Step]) -> BTreeSet<PromptId> {
    let prompt = |step: &proto::v1::Step| match &step.step {
        Some(step::Step::Play(play)) => Some(PromptId(play.prompt)),
        _ => None,
    };
    steps.iter().filter_map(prompt).collect()
}

/// Whether every step can be built.
fn check(steps: &[proto::v1::Step]) -> Result<(), String> {
    if steps.len() > STEPS_MAX {
        return Err(format!("{} steps; at most {STEPS_MAX} are allowed", steps.len()));
    }
    for (index, step) in steps.iter().enumerate() {
        match &step.step {
            Some(step::Step::Collect(collect)) => {
                if !(1..=32).contains(&collect.max_digits) {
                    return Err(format!("step {}: max_digits must be 1 to 32", index + 1));
                }
                if !collect.terminator.is_empty() && terminator(&collect.terminator).is_none() {
                    return Err(format!("step {}: the terminator is not one digit", index + 1));
                }
            }
            Some(step::Step::Play(_) | step::Step::Wait(_) | step::Step::HangUp(_)) => {}
            None => return Err(format!("step {} is of a kind that this node does not know", index + 1)),
        }
    }
    Ok(())
}

fn terminator(text: &str) -> Option<Digit> {
    let mut signs = text.chars();
    signs.next().filter(|_| signs.next().is_none()).and_then(Digit::from_char)
}

fn build(step: &proto::v1::Step, prompts: &BTreeMap<PromptId, Arc<Prompt>>) -> Step {
    let ms = |ms: u32| Duration::from_millis(u64::from(ms));
    match step.step.as_ref().expect("passed check") {
        step::Step::Play(play) => {
            Step::Play { prompt: prompts[&PromptId(play.prompt)].clone(), barge_in: play.barge_in }
        }
        step::Step::Collect(collect) => Step::Collect {
            max_digits: collect.max_digits as usize,
            first_digit_timeout: ms(collect.first_digit_timeout_ms),
            next_digit_timeout: ms(collect.next_digit_timeout_ms),
            terminator: terminator(&collect.terminator),
        },
        step::Step::Wait(wait) => Step::Wait(ms(wait.ms)),
        step::Step::HangUp(_) => Step::HangUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(prompt: i64) -> proto::v1::Step {
        proto::v1::Step { step: Some(step::Step::Play(proto::v1::Play { prompt, barge_in: false })) }
    }

    fn script(id: i64, prompts: &[i64]) -> proto::v1::Script {
        let steps = prompts.iter().map(|prompt| play(*prompt)).collect();
        proto::v1::Script { id, steps, ..Default::default() }
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
        assert!(!assets.on_encoded(now, PromptId(7), Ok(audio())));
        assets.on_chunk(now, chunk(8, b"d", true));
        errands(&mut assets);
        assets.on_encoded(now, PromptId(8), Ok(audio()));
        let Lookup::Ready(script) = assets.script(now, ScriptId(1)) else { panic!("all prompts are there") };
        assert_eq!(script.steps.len(), 3);
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
    fn a_huge_or_strange_script_is_refused() {
        let now = Instant::now();
        let mut assets = Assets::default();
        for (id, steps) in [
            (1, vec![play(1); STEPS_MAX + 1]),
            (2, vec![proto::v1::Step { step: None }]),
            (3, vec![proto::v1::Step { step: Some(step::Step::Collect(proto::v1::Collect::default())) }]),
        ] {
            assets.script(now, ScriptId(id));
            assert!(assets.on_script(now, proto::v1::Script { id, steps, ..Default::default() }));
            assert!(matches!(assets.script(now, ScriptId(id)), Lookup::Unusable(_)), "{id}");
        }
    }
}
