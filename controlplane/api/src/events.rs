//! `/events`: call progress as server-sent events, with resume.

use std::{convert::Infallible, sync::Arc, sync::Mutex, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use common::{AttemptId, CampaignId, ContactId, LineId, Outcome, TenantId};
use futures_util::{Stream, stream};
use jiff::Timestamp;
use peal_core::event::{CallEvent, Gap, Happening, Log};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{ApiState, Problem, calls::timestamp, pages::Query};

/// How often a silent stream shows that it lives: less than the shortest idle time-out of common proxies, 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Events read from the log at once.
const BITE: usize = 256;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// The log of call progress, shared by the server that writes and the streams that read.
#[derive(Debug)]
pub struct Feed {
    log: Mutex<Log>,
    /// Id that the next event will get; `None` once the feed is closed.
    newest: watch::Sender<Option<u64>>,
}

impl Feed {
    /// A feed that keeps the last `capacity` events; `first_id` as [`Log::new`] says.
    pub fn new(capacity: usize, first_id: u64) -> Self {
        Self { log: Mutex::new(Log::new(capacity, first_id)), newest: watch::Sender::new(Some(first_id)) }
    }

    /// Appends events and wakes the readers once.
    pub fn push(&self, events: impl IntoIterator<Item = CallEvent>) {
        let mut log = self.lock();
        for event in events {
            log.push(event);
        }
        let next = log.next_id();
        self.newest.send_modify(|newest| *newest = newest.map(|_| next));
    }

    /// Ends every stream once it has sent what is there. For a server that stops, and would wait for its clients else.
    pub fn close(&self) {
        self.newest.send_replace(None);
    }

    fn read(&self, from: u64) -> Result<Vec<CallEvent>, Gap> {
        self.lock().read(from, BITE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        // A panic while the lock was held cannot have left the log half written: its changes are single steps.
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Id of the last event that was seen; the header `Last-Event-ID` comes first. From now on, when absent.
    after: Option<u64>,
    /// Of this campaign only.
    campaign: Option<CampaignId>,
}

/// One step of one call, as the stream shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = CallEvent)]
struct Progress {
    /// Where it stands in the stream.
    id: u64,
    /// When it happened, by the clock of where it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `planned`, `invited`, `trying`, `ringing`, `early_media`, `answered`, `digit`, `opted_out`, `rerouted` or `ended`: the name of
    /// the event in the stream too.
    event: &'static str,
    campaign: CampaignId,
    contact: ContactId,
    #[schema(value_type = String, example = "019f0000-0000-7000-8000-000000000000")]
    attempt: AttemptId,
    /// Which INVITE of the attempt, from 1.
    route_try: u32,
    line: LineId,
    /// The number called, its middle masked.
    number: String,
    /// Of `digit`: what was pressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    digit: Option<String>,
    /// Of `ended`, and of `rerouted` (of that try).
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// Of `ended`: from the answer to the end; 0 when it was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    talk_ms: Option<u64>,
}

impl Progress {
    fn of(event: &CallEvent) -> Self {
        let (digit, outcome, talk_ms) = match &event.what {
            Happening::Digit { digit } => (Some(digit.clone()), None, None),
            Happening::Rerouted { outcome } => (None, Some(*outcome), None),
            Happening::Ended { outcome, talk_ms } => (None, Some(*outcome), Some(*talk_ms)),
            Happening::OptedOut
            | Happening::Planned
            | Happening::Invited
            | Happening::Trying
            | Happening::Ringing
            | Happening::EarlyMedia
            | Happening::Answered => (None, None, None),
        };
        Self {
            id: event.id,
            at: timestamp(event.at),
            event: event.what.name(),
            campaign: event.campaign,
            contact: event.contact,
            attempt: event.attempt,
            route_try: event.route_try,
            line: event.line,
            number: event.number.to_string(),
            digit,
            outcome,
            talk_ms,
        }
    }
}

/// Call progress as it happens
///
/// Each event has an id; send the last one as `Last-Event-ID` to go on where the stream broke off. An event `gap` tells
/// that events in between are gone: look at the state anew.
#[utoipa::path(get, path = "/events", operation_id = "watch_events", tag = "calls",
    params(EventQuery, ("Last-Event-ID" = Option<u64>, Header, description = "Id of the last event that was seen.")),
    responses((status = 200, content_type = "text/event-stream", body = Progress), (status = 422, body = Problem)))]
async fn events(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<impl IntoResponse, Problem> {
    let last = match headers.get("last-event-id") {
        None => query.after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            Some(id.ok_or_else(|| Problem::invalid("Last-Event-ID", "must be the id of an event"))?)
        }
    };
    let newest = state.feed.newest.subscribe();
    let from = last.map_or_else(|| state.feed.lock().next_id(), |last: u64| last.saturating_add(1));
    let reader = Reader {
        feed: state.feed.clone(),
        newest,
        from,
        tenant: state.tenant(),
        campaign: query.campaign,
        ready: Vec::new(),
    };
    Ok(Sse::new(reader.stream()).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// One stream's place in the log.
struct Reader {
    feed: Arc<Feed>,
    newest: watch::Receiver<Option<u64>>,
    from: u64,
    tenant: TenantId,
    campaign: Option<CampaignId>,
    /// Read and not yet sent, newest first.
    ready: Vec<Event>,
}

impl Reader {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok(event), reader))
        })
    }

    /// The next event; `None` once the feed is closed.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            let open = self.newest.borrow_and_update().is_some();
            match self.feed.read(self.from) {
                Ok(events) if events.is_empty() && !open => return None,
                Ok(events) if events.is_empty() => self.newest.changed().await.ok()?,
                Ok(events) => self.take(&events),
                Err(Gap { oldest }) => {
                    self.from = oldest;
                    return Some(Event::default().event("gap").data(format!("{{\"oldest\":{oldest}}}")));
                }
            }
        }
    }

    fn take(&mut self, events: &[CallEvent]) {
        self.from = events.last().map_or(self.from, |event| event.id + 1);
        let ours = |event: &&CallEvent| {
            event.tenant == self.tenant && self.campaign.is_none_or(|campaign| campaign == event.campaign)
        };
        self.ready = events
            .iter()
            .rev()
            .filter(ours)
            .filter_map(|event| {
                let named = Event::default().id(event.id.to_string()).event(event.what.name());
                named.json_data(Progress::of(event)).ok()
            })
            .collect();
    }
}
