//! A campaign and its ready contacts, as the planner sees them.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Instant,
};

use common::{CampaignId, ContactId, E164, ListId, ScriptId, UnixMicros};

use crate::{
    model::{Campaign, CampaignState, Scripts, Variant},
    retry::Tally,
    schedule::OpenTimes,
    variant::{self, Arm, Policy},
};

/// Ready contacts held in memory for each campaign: at 1,000 calls a second, four seconds' worth, while a draw takes
/// milliseconds.
const QUEUE: usize = 4_096;

/// A contact that may be called now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its id.
    pub contact: ContactId,
    /// Its list.
    pub list: ListId,
    /// Whom to call.
    pub number: E164,
    /// Attempts so far.
    pub tally: Tally,
    /// What its last attempt did; `None` for one that was not called.
    pub script: Option<ScriptId>,
}

/// A request for more ready contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// At most so many.
    pub limit: u32,
    /// To be given back with what was drawn.
    pub generation: u64,
}

/// What was drawn for a campaign.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// Retries first, then new ones.
    pub contacts: Vec<Ready>,
    /// Nobody is left who was never drawn.
    pub lists_drawn: bool,
    /// When the next retry is due.
    pub next_due_at: Option<UnixMicros>,
}

/// What a node must have for a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs<'a> {
    /// It is recorded.
    pub(super) record: bool,
    /// It listens with each of these.
    pub(super) recognisers: &'a [String],
}

#[derive(Debug)]
pub(super) struct CampaignView {
    pub(super) campaign: Campaign,
    pub(super) times: OpenTimes,
    pub(super) queue: VecDeque<Ready>,
    /// Attempts under way, and ended ones whose slot is not free yet.
    pub(super) active: u32,
    /// Attempts under way.
    pub(super) unsettled: u32,
    pub(super) resting_until: Option<Instant>,
    /// Those that its scripts listen with.
    pub(super) recognisers: Vec<String>,
    /// What came of its variants so far: answered calls, and those that reached the goal.
    pub(super) results: BTreeMap<ScriptId, (u64, u64)>,
    /// As of the last draw; `None` before the first.
    pub(super) lists_drawn: Option<bool>,
    /// When the next contact that waits in the store is due.
    pub(super) next_due_at: Option<UnixMicros>,
    generation: u64,
    drawing: bool,
    /// The lists changed since the draw under way was asked for: what it says of them is old.
    stale: bool,
    /// The earliest retry that came to wait since then.
    waits_since: Option<UnixMicros>,
    in_queue: HashSet<ContactId>,
}

impl CampaignView {
    pub(super) fn new(campaign: Campaign, times: OpenTimes) -> Self {
        Self {
            campaign,
            times,
            queue: VecDeque::new(),
            active: 0,
            unsettled: 0,
            resting_until: None,
            recognisers: Vec::new(),
            results: BTreeMap::new(),
            lists_drawn: None,
            next_due_at: None,
            generation: 0,
            drawing: false,
            stale: false,
            waits_since: None,
            in_queue: HashSet::new(),
        }
    }

    /// Takes what was configured anew. A campaign that no longer runs has lost its queue in the store; so here.
    pub(super) fn configure(&mut self, campaign: Campaign, times: OpenTimes) {
        let lists_changed = campaign.spec.lists != self.campaign.spec.lists;
        self.campaign = campaign;
        self.times = times;
        if self.campaign.state != CampaignState::Running {
            self.queue.clear();
            self.in_queue.clear();
            self.generation += 1;
            self.drawing = false;
            self.lists_drawn = None;
        } else if lists_changed {
            self.look_again();
        }
    }

    /// The store may have more than the last draw said.
    pub(super) fn look_again(&mut self) {
        self.lists_drawn = None;
        self.stale = true;
    }

    /// What a node must have for its calls.
    pub(super) fn needs(&self) -> Needs<'_> {
        Needs { record: self.campaign.spec.record, recognisers: &self.recognisers }
    }

    /// Calls that the campaign may add.
    pub(super) fn room(&self) -> u32 {
        self.campaign.spec.max_concurrent_calls.map_or(u32::MAX, |max| max.saturating_sub(self.active))
    }

    /// What a call to this contact does: what it did before, as long as the campaign has it, or one of the variants. The same for the
    /// same knowledge, so that planning twice does no harm.
    pub(super) fn script_for(&self, contact: ContactId, before: Option<ScriptId>) -> ScriptId {
        let variants = match &self.campaign.spec.script {
            Scripts::One(script) => return *script,
            Scripts::Variants(variants) => variants,
        };
        if let Some(same) = before.filter(|before| variants.iter().any(|variant| variant.script == *before)) {
            return same;
        }
        let arm = |variant: &Variant| {
            let (tries, successes) = self.results.get(&variant.script).copied().unwrap_or_default();
            Arm { tries, successes, weight: variant.weight }
        };
        let arms: Vec<Arm> = variants.iter().map(arm).collect();
        let policy = match &self.campaign.spec.best {
            None => Policy::Weights,
            Some(best) => Policy::Best {
                tries_min: best.minimum.into(),
                control: 0,
                control_share: f64::from(best.control_percent) / 100.0,
            },
        };
        // Two campaigns over one list do not give each contact the same place.
        let seed = contact.0.cast_unsigned() ^ self.campaign.id.0.cast_unsigned().rotate_left(40);
        let chosen = variant::choose(&arms, policy, seed);
        chosen.and_then(|index| variants.get(index)).map_or(variants[0].script, |variant| variant.script)
    }

    /// What should be drawn now, if anything; marks it as asked for.
    pub(super) fn want(&mut self, now: UnixMicros) -> Option<Wanted> {
        let is_due = self.next_due_at.is_some_and(|due| due <= now);
        let more = self.lists_drawn != Some(true) && self.queue.len() < QUEUE / 2;
        if self.campaign.state != CampaignState::Running
            || self.drawing
            || self.queue.len() >= QUEUE
            || !(is_due || more)
        {
            return None;
        }
        self.drawing = true;
        self.stale = false;
        self.waits_since = None;
        let limit = u32::try_from(QUEUE - self.queue.len()).unwrap_or(u32::MAX);
        Some(Wanted { campaign: self.campaign.id, limit, generation: self.generation })
    }

    /// Takes what was drawn for `generation`; `false` when it was asked for by a campaign that has stopped since, in
    /// which case the contacts must be put back.
    pub(super) fn drawn(&mut self, generation: u64, drawn: Drawn) -> bool {
        if generation != self.generation {
            return false;
        }
        self.drawing = false;
        self.lists_drawn = (!self.stale).then_some(drawn.lists_drawn);
        self.next_due_at = earlier(drawn.next_due_at, self.waits_since);
        for ready in drawn.contacts {
            if self.in_queue.insert(ready.contact) {
                self.queue.push_back(ready);
            }
        }
        true
    }

    /// The draw of `generation` failed; ask again at the next occasion.
    pub(super) fn draw_failed(&mut self, generation: u64) {
        if generation == self.generation {
            self.drawing = false;
        }
    }

    /// A contact leaves the queue.
    pub(super) fn unqueue(&mut self, contact: ContactId) {
        if self.in_queue.remove(&contact)
            && let Some(index) = self.queue.iter().position(|ready| ready.contact == contact)
        {
            self.queue.remove(index);
        }
    }

    /// A contact waits in the store until `at`.
    pub(super) fn waits(&mut self, at: UnixMicros) {
        self.next_due_at = earlier(self.next_due_at, Some(at));
        self.waits_since = earlier(self.waits_since, Some(at));
    }

    /// Every contact is settled, as far as the last draw knows.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty()
            && self.unsettled == 0
            && self.lists_drawn == Some(true)
            && self.next_due_at.is_none()
            && !self.drawing
    }
}

fn earlier(a: Option<UnixMicros>, b: Option<UnixMicros>) -> Option<UnixMicros> {
    a.into_iter().chain(b).min()
}
