//! Taking news in: rows to the spool, then one transaction, then what is known here, then the acknowledgement.
//!
//! A group is first *prepared*, which changes nothing, so that one which cannot be made durable is prepared again later
//! from the same news.

mod batch;
mod refusal;

use analytics::SpoolError;
use common::{AttemptId, NodeId, Outcome, UnixMicros};
use peal_core::{
    event::Happening,
    model::CampaignSpec,
    planner::Reason,
    reroute::{self, FailedTry},
};
use proto::v1::{Ack, Event, Recorded, event, progress, to_node};
use store::{
    EndFacts, NodeSeq, OptOut, Recording, Released, Speaker, Stage, StageNote, StoreError, TryEnded,
};

use self::batch::{After, Batch};
use super::{
    Planning, Term,
    news::{Group, News},
    term::Trouble,
};
use crate::{clock, link::wire, names::Names, record::End};

#[derive(Debug, thiserror::Error)]
pub(super) enum IntakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// What is kept of an opt-out's words, characters.
const WORDS_MAX: usize = 1_000;

impl Planning {
    /// Takes in what waits, oldest first, until it is all durable or something fails.
    pub(super) async fn take_in_stuck(&mut self) {
        loop {
            let Some(term) = &mut self.term else { return };
            if term.trouble.as_ref().is_some_and(|trouble| clock::now().mono < trouble.again_at) {
                return;
            }
            let Some(mut group) = term.stuck.pop_front() else { return };
            let taken = self.take_in_group(&mut group).await;
            let Some(term) = &mut self.term else { return };
            if let Err(error) = taken {
                let now = clock::now().mono;
                match &mut term.trouble {
                    Some(trouble) => trouble.goes_on(now),
                    None => {
                        tracing::error!(%error, "news cannot be made durable; nothing is dialled until they can");
                        term.trouble = Some(Trouble::begin(now));
                    }
                }
                term.stuck.push_front(group);
                return;
            }
            if let Some(trouble) = term.trouble.take() {
                tracing::info!(seconds = trouble.since.elapsed().as_secs(), "news can be made durable again");
            }
        }
    }

    async fn take_in_group(&mut self, group: &mut Group) -> Result<(), IntakeError> {
        let Some(term) = &self.term else { return Ok(()) };
        let mut preparing = Preparing {
            store: &self.store,
            names: &mut self.names,
            term,
            now: clock::wall(),
            batch: Batch::default(),
        };
        for news in &group.news {
            preparing.prepare(news, group).await?;
        }
        let now = preparing.now;
        let mut batch = preparing.batch;
        batch.intake.node_seq = node_seq(group, term);

        // A group that comes here again finds its rows in the spool; copies would fill it while the store fails.
        self.version = next_version(self.version, now);
        let rows = batch.rows(&self.names, self.version, &group.spooled);
        if !rows.is_empty() {
            let spool = self.spool.clone();
            tokio::task::spawn_blocking(move || spool.append(&rows))
                .await
                .expect("appending to the spool does not panic")?;
            group.spooled.extend(batch.ends.keys());
        }
        self.store.take_in(&batch.intake).await?;
        self.conclude(group, batch);
        Ok(())
    }

    /// All is durable: what is known here follows, those who watch are told, the node may forget.
    fn conclude(&mut self, group: &Group, batch: Batch) {
        let Some(term) = &mut self.term else { return };
        for finished in &batch.intake.finished {
            self.metrics.attempts_ended.with_label_values(&[finished.outcome.as_str()]).inc();
        }
        self.feed.push(batch.feed);
        for after in batch.after {
            term.follow(after);
        }
        let (Some((session, node)), Some(seq)) = (&group.node, &batch.intake.node_seq) else { return };
        if let Some(known) = term.nodes.get_mut(node).filter(|known| known.session == *session) {
            known.acknowledged = known.acknowledged.max(seq.seq);
            known.peer.send(to_node::Message::Ack(Ack { seq: seq.seq }));
        }
    }
}

/// Of the rows written next: the time, unless the clock was set back.
fn next_version(last: u64, now: UnixMicros) -> u64 {
    u64::try_from(now.0).unwrap_or(0).max(last + 1)
}

fn node_seq(group: &Group, term: &Term) -> Option<NodeSeq> {
    let (_, node) = group.node.as_ref()?;
    let last = group.news.iter().rev().find_map(|news| match news {
        News::Told(event) => Some(event.seq),
        News::Overdue { .. } | News::NoRoute { .. } => None,
    })?;
    let boot = term.nodes.get(node).map(|known| known.boot.clone()).unwrap_or_default();
    Some(NodeSeq { node: node.clone(), boot, seq: last })
}

/// A group on its way to a [`Batch`].
struct Preparing<'a> {
    store: &'a store::Store,
    names: &'a mut Names,
    term: &'a Term,
    now: UnixMicros,
    batch: Batch,
}

impl Preparing<'_> {
    async fn prepare(&mut self, news: &News, group: &Group) -> Result<(), StoreError> {
        match news {
            News::Told(event) => {
                let (_, node) = group.node.as_ref().expect("only nodes tell");
                match AttemptId::from_slice(&event.attempt) {
                    Some(attempt) => self.on_event(attempt, node, event).await,
                    None => {
                        tracing::warn!(%node, seq = event.seq, "an event without an attempt");
                        Ok(())
                    }
                }
            }
            News::Overdue { attempt } => self.on_overdue(*attempt).await,
            News::NoRoute { attempt, reason } => self.on_no_route(*attempt, *reason).await,
        }
    }

    async fn on_event(&mut self, attempt: AttemptId, node: &NodeId, event: &Event) -> Result<(), StoreError> {
        let (route_try, at) = (event.route_try, UnixMicros(event.at_us));
        // What was acknowledged already has been shown too.
        let is_new = self.term.nodes.get(node).is_some_and(|known| event.seq > known.acknowledged);
        match &event.event {
            Some(event::Event::Begun(_)) => {
                self.batch.intake.stages.push(StageNote { attempt, route_try, stage: Stage::Begun, at });
            }
            Some(event::Event::Progress(progress)) => {
                let stage = progress.stage();
                if let Some(stage) = wire::stage(stage) {
                    self.batch.intake.stages.push(StageNote { attempt, route_try, stage, at });
                }
                if stage == progress::Stage::Answered {
                    self.batch.after.push(After::Answered(attempt));
                }
                if is_new && let Some(what) = happening(stage, &progress.digit) {
                    self.show(attempt, at, what);
                }
            }
            Some(event::Event::Ended(ended)) => {
                let (outcome, facts) = wire::ended(ended.clone(), node);
                self.on_end(attempt, route_try, End { outcome, at, facts }, true).await?;
            }
            Some(event::Event::Refused(refused)) => {
                let reason = refused.reason();
                if let Some(outcome) = refusal::outcome(reason) {
                    let detail = refusal::detail(reason, &refused.detail);
                    let facts = EndFacts { detail, node: node.0.clone(), ..EndFacts::default() };
                    self.on_end(attempt, route_try, End { outcome, at, facts }, false).await?;
                    self.release(attempt, route_try, at);
                    self.batch.after.extend(refusal::rests(reason, node, self.term.calls.get(&attempt)));
                }
            }
            Some(event::Event::Released(_)) => self.release(attempt, route_try, at),
            Some(event::Event::Forgotten(_)) => {
                let facts = lost(node, "the node was restarted while the call was under way");
                self.on_end(attempt, route_try, End { outcome: Outcome::Unknown, at, facts }, true).await?;
            }
            Some(event::Event::NeverSeen(_)) => {
                let facts = lost(node, "the order never reached the node");
                self.on_end(attempt, route_try, End { outcome: Outcome::Expired, at, facts }, false).await?;
                self.release(attempt, route_try, at);
            }
            Some(event::Event::Recorded(recorded)) => self.on_recorded(attempt, route_try, recorded).await?,
            Some(event::Event::OptedOut(opted_out)) => {
                let words = opted_out.said.chars().take(WORDS_MAX).collect();
                self.batch.intake.opt_outs.push(OptOut { attempt, words, at });
                if let Some(known) = self.batch.attempt(self.store, attempt).await? {
                    known.opted_out = true;
                }
                // Last words are understood after the end.
                self.row_again(attempt).await?;
                if is_new {
                    self.show(attempt, at, Happening::OptedOut);
                }
            }
            None => {
                tracing::warn!(%node, seq = event.seq, "an event that this version does not know")
            }
        }
        Ok(())
    }

    /// A route try is over. `may_go_on` when another line may be tried.
    async fn on_end(
        &mut self,
        id: AttemptId,
        route_try: u32,
        end: End,
        may_go_on: bool,
    ) -> Result<(), StoreError> {
        let Some(attempt) = self.batch.attempt(self.store, id).await? else {
            tracing::warn!(attempt = %id, "the end of an attempt that the store does not know");
            return Ok(());
        };
        if attempt.end.is_some() {
            return Ok(());
        }
        let Some(tried) = attempt.tries.iter_mut().find(|tried| tried.route_try == route_try) else {
            tracing::warn!(attempt = %id, route_try, "the end of a route try that the store does not know");
            return Ok(());
        };
        // The first end of a try holds; this is a repetition, or a node that changed its mind.
        if tried.outcome.is_some() {
            return Ok(());
        }
        tried.outcome = Some(end.outcome);
        tried.ended_at = Some(end.at);
        tried.facts = Some(end.facts.clone());
        let line = tried.line;
        self.batch.after.extend(refusal::line_rest(line, &end));

        let hung_up = self.term.calls.get(&id).is_some_and(|call| call.hung_up);
        let age = self.term.snapshot.age(clock::now().mono, id).unwrap_or(reroute::MAX_AGE);
        let failed =
            FailedTry { outcome: end.outcome, may_have_rung: end.facts.may_have_rung, route_try, age };
        if may_go_on && !hung_up && reroute::may_reroute(&failed).is_ok() {
            self.show(id, end.at, Happening::Rerouted { outcome: end.outcome });
            self.batch.after.push(After::Reroute(id));
            self.batch.intake.tries_ended.push(try_ended(id, route_try, &end));
            return Ok(());
        }
        if end.outcome.may_have_dialled() || route_try == 1 {
            return self.finish(id, route_try, end).await;
        }
        // This try never left the machine, but one before it did: that one decides.
        self.batch.intake.tries_ended.push(try_ended(id, route_try, &end));
        let decisive = self.batch.last_dialled(id).unwrap_or(end);
        self.finish(id, route_try, decisive).await
    }

    async fn on_no_route(&mut self, id: AttemptId, reason: Reason) -> Result<(), StoreError> {
        let Some(attempt) = self.batch.attempt(self.store, id).await? else { return Ok(()) };
        let Some(last) = attempt.tries.last().filter(|_| attempt.end.is_none()) else { return Ok(()) };
        let (Some(outcome), Some(at)) = (last.outcome, last.ended_at) else { return Ok(()) };
        let route_try = last.route_try;
        let facts = last.facts.clone().unwrap_or_default();
        let mut end = if outcome.may_have_dialled() {
            End { outcome, at, facts }
        } else {
            self.batch.last_dialled(id).unwrap_or(End { outcome, at, facts })
        };
        let why = format!("no other line: {reason}");
        let detail = &mut end.facts.detail;
        *detail = if detail.is_empty() { why } else { format!("{detail}; {why}") };
        self.finish(id, route_try, end).await
    }

    async fn on_overdue(&mut self, id: AttemptId) -> Result<(), StoreError> {
        let call = self.term.calls.get(&id);
        if let Some((route_try, node)) = call.map(|call| (call.route_try, call.node.clone())) {
            let facts = lost(&node, "nothing was heard of the call within its longest life");
            self.on_end(id, route_try, End { outcome: Outcome::Unknown, at: self.now, facts }, false).await?;
        }
        for route_try in self.term.snapshot.held_tries(id) {
            self.release(id, route_try, self.now);
        }
        Ok(())
    }

    async fn on_recorded(
        &mut self,
        id: AttemptId,
        route_try: u32,
        recorded: &Recorded,
    ) -> Result<(), StoreError> {
        self.batch.intake.recordings.push(Recording {
            attempt: id,
            route_try,
            path: recorded.path.clone(),
            bytes: recorded.bytes,
            duration_ms: recorded.duration_ms,
            error: recorded.error.clone(),
        });
        if let Some(end) = self.row_again(id).await? {
            end.facts.recording = recorded.path.clone();
            end.facts.recording_bytes = recorded.bytes;
            end.facts.recording_ms = recorded.duration_ms;
            end.facts.recording_error = recorded.error.clone();
        }
        Ok(())
    }

    /// The row of an attempt that is over is written once more; one under way gets its row when it ends.
    async fn row_again(&mut self, id: AttemptId) -> Result<Option<&mut End>, StoreError> {
        let Some(attempt) = self.batch.attempt(self.store, id).await? else { return Ok(None) };
        let Some(end) = &attempt.end else { return Ok(None) };
        let end = End { outcome: end.outcome, at: end.at, facts: end.facts.clone() };
        let (tenant, campaign, script) = (attempt.tenant, attempt.campaign, attempt.script);
        self.names.look_up(self.store, tenant, campaign, script).await?;
        Ok(Some(self.batch.ends.entry(id).or_insert(end)))
    }

    /// The attempt is over.
    async fn finish(&mut self, id: AttemptId, route_try: u32, end: End) -> Result<(), StoreError> {
        let Some(attempt) = self.batch.attempt(self.store, id).await? else { return Ok(()) };
        let (tenant, campaign, contact, script) =
            (attempt.tenant, attempt.campaign, attempt.contact, attempt.script);
        self.names.look_up(self.store, tenant, campaign, script).await?;
        let mut tally = self.term.snapshot.tally(id).cloned().unwrap_or_default();
        let policy =
            self.names.campaign(campaign).map(|campaign| campaign.spec.retry.clone()).unwrap_or_default();
        // Counted from our own clock: one that is behind at the node must not bring a retry forward.
        let settlement = tally.settle(&policy, end.outcome, self.now);
        tracing::debug!(attempt = %id, %contact, outcome = %end.outcome, ?settlement, "an attempt ended");

        let goal_reached =
            self.names.campaign(campaign).and_then(|campaign| goal_reached(&campaign.spec, &end));
        if let Some(reached) = goal_reached {
            self.batch.after.push(After::Tried { campaign, script, reached });
        }
        let talk_ms = match (end.facts.answered_at, end.facts.ended_at) {
            (Some(from), Some(to)) => u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        };
        self.show(id, end.at, Happening::Ended { outcome: end.outcome, talk_ms });
        self.batch.after.push(After::Settled(id, settlement));
        self.batch.finish(id, route_try, end, tally, settlement, goal_reached);
        Ok(())
    }

    fn release(&mut self, attempt: AttemptId, route_try: u32, at: UnixMicros) {
        self.batch.intake.released.push(Released { attempt, route_try, at });
        self.batch.after.push(After::Released(attempt, route_try));
    }

    fn show(&mut self, attempt: AttemptId, at: UnixMicros, what: Happening) {
        if let Some(call) = self.term.calls.get(&attempt) {
            self.batch.feed.push(call.event(attempt, at, what));
        }
    }
}

/// Whether an answered call of a campaign that compares variants reached the goal; `None` of any other.
fn goal_reached(spec: &CampaignSpec, end: &End) -> Option<bool> {
    if spec.script.variants().is_empty() || end.outcome != Outcome::Answered {
        return None;
    }
    let (Some(best), Some(said)) = (&spec.best, &end.facts.dialogue) else { return Some(false) };
    let callee = said.turns.iter().filter(|turn| turn.speaker == Speaker::Callee);
    Some(best.goal.is_reached(&said.disposition, callee.map(|turn| turn.intent.as_str())))
}

fn try_ended(attempt: AttemptId, route_try: u32, end: &End) -> TryEnded {
    TryEnded { attempt, route_try, outcome: end.outcome, at: end.at, facts: end.facts.clone() }
}

fn lost(node: &NodeId, detail: &str) -> EndFacts {
    EndFacts { detail: detail.to_owned(), node: node.0.clone(), ..EndFacts::default() }
}

fn happening(stage: progress::Stage, digit: &str) -> Option<Happening> {
    use progress::Stage;
    Some(match stage {
        Stage::Invited => Happening::Invited,
        Stage::Trying => Happening::Trying,
        Stage::Ringing => Happening::Ringing,
        Stage::EarlyMedia => Happening::EarlyMedia,
        Stage::Answered => Happening::Answered,
        Stage::Digit => Happening::Digit { digit: digit.to_owned() },
        Stage::Unspecified => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_though_the_clock_is_set_back() {
        let first = next_version(0, UnixMicros(1_000));
        let second = next_version(first, UnixMicros(10));
        let third = next_version(second, UnixMicros(2_000));
        assert_eq!((first, second, third), (1_000, 1_001, 2_000));
    }
}
