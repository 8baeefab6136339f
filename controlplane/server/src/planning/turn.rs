//! One turn of the planner: plan, make durable, send.

use std::{collections::HashSet, time::Duration};

use common::{AttemptId, UnixMicros};
use peal_core::{
    event::Happening,
    planner::{NoRoute, Now, Plan, PlannedOrder, Pressure, Reason},
};
use proto::v1::to_node;
use store::{Intent, Refusal, RouteTry, StoreError};
use uuid::Uuid;

use super::{Planning, calls::Call, news::News};
use crate::{clock, link::wire};

/// An order that has not left by then never does. A node that was slower than this for whatever reason must not call
/// people for reasons of the past.
const EXPIRES_AFTER: Duration = Duration::from_secs(5);

/// How long a contact waits that the store found to be in flight.
const IN_FLIGHT_DELAY: Duration = Duration::from_secs(5);

impl Planning {
    pub(super) async fn on_tick(&mut self) {
        self.reconfigure().await;
        self.take_in_stuck().await;
        let now = clock::now();
        let Some(term) = &mut self.term else { return };
        term.snapshot.set_pressure(if term.is_stuck() || !term.is_sure_of_lease() {
            Pressure::Stop
        } else {
            Pressure::of_spool(self.spool.fill())
        });
        let epoch = term.epoch;
        for wanted in term.snapshot.wanted(now.wall) {
            self.draw(epoch, wanted);
        }
        let Some(term) = &mut self.term else { return };
        let mut plan = {
            let _timer = self.metrics.planner_tick.start_timer();
            term.snapshot.plan(now)
        };
        for (_, reason) in &plan.passed_over {
            self.metrics.passed_over.with_label_values(&[reason.as_str()]).inc();
        }
        term.passed_over = std::mem::take(&mut plan.passed_over);
        for (campaign, action) in std::mem::take(&mut plan.moves) {
            self.move_campaign(campaign, action).await;
        }
        self.put_back_deferred(&plan).await;
        let mut no_route = std::mem::take(&mut plan.no_route);
        if !plan.orders.is_empty() {
            let suppressed = self.carry_out(now, &plan).await;
            let end = |attempt| NoRoute { attempt, reason: Reason::Suppressed };
            no_route.extend(suppressed.into_iter().map(end));
        }
        let news = no_route.iter().map(|end| News::NoRoute { attempt: end.attempt, reason: end.reason });
        self.take_in_own(news.collect()).await;
    }

    async fn put_back_deferred(&mut self, plan: &Plan) {
        for deferral in &plan.deferred {
            if self.put_back(deferral.campaign, &[(deferral.contact, deferral.until)]).await
                && let Some(term) = &mut self.term
            {
                term.snapshot.deferred(deferral);
            }
        }
    }

    /// Commits the intents of a plan, then lets the orders leave. Gives the attempts that go to no other line because their number
    /// has been suppressed.
    async fn carry_out(&mut self, now: Now, plan: &Plan) -> Vec<AttemptId> {
        let timer = self.metrics.intent_commit.start_timer();
        let (kept, suppressed) = match self.commit(now, plan).await {
            Ok(committed) => committed,
            Err(error @ StoreError::StaleEpoch { .. }) => {
                timer.stop_and_discard();
                self.lose(&error);
                return Vec::new();
            }
            Err(error) => {
                timer.stop_and_discard();
                self.begin_anew(&error);
                return Vec::new();
            }
        };
        timer.observe_duration();
        let Some(term) = &mut self.term else { return Vec::new() };
        term.snapshot.issue(now.mono, plan, kept.iter().map(|kept| (kept.attempt, kept.order)));
        let mut events = Vec::with_capacity(kept.len());
        for Kept { attempt, order, fields } in kept {
            let expires_at = now.wall.saturating_add(EXPIRES_AFTER);
            let message = wire::order(order, attempt, term.epoch, expires_at, &fields);
            // Not sent, it is asked about when the node comes back, and never was.
            let sent = term
                .nodes
                .get(&order.node)
                .is_some_and(|node| node.peer.send(to_node::Message::Order(message)));
            if !sent {
                tracing::warn!(%attempt, node = %order.node, "an order did not leave: the node's link is gone");
            }
            let call = call(order);
            events.push(call.event(attempt, now.wall, Happening::Planned));
            term.calls.insert(attempt, call);
            self.metrics.orders.with_label_values(&[priority_label(order.priority)]).inc();
        }
        self.feed.push(events);
        suppressed
    }

    /// Makes the orders durable and gives those that are, and the attempts that may not go to another line any more. After an error nobody but the store knows which are.
    async fn commit<'p>(
        &mut self,
        now: Now,
        plan: &'p Plan,
    ) -> Result<(Vec<Kept<'p>>, Vec<AttemptId>), StoreError> {
        let mut kept = Vec::with_capacity(plan.orders.len());
        let mut suppressed = Vec::new();
        let Some(term) = &mut self.term else { return Ok((kept, suppressed)) };
        let mut intents = Vec::new();
        let mut new = Vec::new();
        for order in &plan.orders {
            let slot_until = now.wall.saturating_add(order.max_life);
            let Some(attempt) = order.attempt else {
                let attempt = AttemptId(Uuid::now_v7());
                intents.push(intent(attempt, order, now.wall, slot_until));
                new.push((attempt, order));
                continue;
            };
            let route_try = RouteTry {
                attempt,
                route_try: order.route_try,
                line: order.line,
                caller_id: order.caller_id.clone(),
                node: order.node.clone(),
                slot_until,
            };
            match self.store.begin_route_try(term.epoch, now.wall, &route_try).await {
                Ok(Ok(fields)) => kept.push(Kept { attempt, order, fields }),
                Ok(Err(refusal)) => {
                    tracing::debug!(%attempt, ?refusal, "another line was refused");
                    suppressed.push(attempt);
                }
                Err(StoreError::Conflict(why)) => {
                    tracing::error!(%attempt, why, "the store does not let an attempt go to another line");
                }
                Err(error) => return Err(error),
            }
        }
        if intents.is_empty() {
            return Ok((kept, suppressed));
        }
        let mut committed = self.store.commit_intents(term.epoch, now.wall, &intents).await?;
        let gone: HashSet<AttemptId> = committed.refused.iter().map(|(attempt, _)| *attempt).collect();
        for (attempt, refusal) in committed.refused {
            let Some((_, order)) = new.iter().find(|(id, _)| *id == attempt) else { continue };
            tracing::debug!(campaign = %order.campaign, contact = %order.contact, ?refusal, "an intent was refused");
            match refusal {
                Refusal::NumberInFlight => {
                    term.snapshot.deferred(&peal_core::planner::Deferral {
                        campaign: order.campaign,
                        contact: order.contact,
                        until: now.wall.saturating_add(IN_FLIGHT_DELAY),
                    });
                }
                Refusal::CampaignNotRunning => {
                    term.snapshot.dropped(order);
                    term.config_changed = true;
                }
                Refusal::Suppressed => {
                    self.metrics.passed_over.with_label_values(&[Reason::Suppressed.as_str()]).inc();
                    term.snapshot.dropped(order);
                }
                Refusal::ContactNotReady => term.snapshot.dropped(order),
            }
        }
        kept.extend(new.into_iter().filter(|(attempt, _)| !gone.contains(attempt)).map(
            |(attempt, order)| Kept {
                attempt,
                order,
                fields: committed.fields.remove(&attempt).unwrap_or_default(),
            },
        ));
        Ok((kept, suppressed))
    }
}

/// An order that may leave.
struct Kept<'p> {
    attempt: AttemptId,
    order: &'p PlannedOrder,
    /// The contact's other columns, JSON object text.
    fields: String,
}

fn intent(attempt: AttemptId, order: &PlannedOrder, now: UnixMicros, slot_until: UnixMicros) -> Intent {
    Intent {
        attempt,
        tenant: order.tenant,
        campaign: order.campaign,
        list: order.list,
        contact: order.contact,
        number: order.number,
        attempt_no: order.attempt_no,
        planned_at: now,
        priority: order.priority,
        script: order.script,
        caller_id: order.caller_id.clone(),
        verdicts: String::new(),
        line: order.line,
        node: order.node.clone(),
        slot_until,
    }
}

fn call(order: &PlannedOrder) -> Call {
    Call {
        tenant: order.tenant,
        campaign: order.campaign,
        contact: order.contact,
        number: order.number,
        line: order.line,
        node: order.node.clone(),
        route_try: order.route_try,
        try_ended: false,
        answered: false,
        hung_up: false,
    }
}

fn priority_label(priority: u8) -> &'static str {
    match priority {
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        _ => "5",
    }
}
