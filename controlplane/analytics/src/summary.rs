//! The questions that Peal itself asks: how attempts ended, how lines did, how many there are.

use std::time::Duration;

use clickhouse::{Row, query::Query};
use serde::{Deserialize, Serialize};

use crate::{Analytics, AnalyticsError, AttemptRow, warehouse::in_time};

/// Longest time for an answer.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Which attempts. Empty fields leave nothing out.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of these campaigns (ids).
    pub campaign_ids: Vec<String>,
    /// Planned at or after, unix µs.
    pub from: Option<i64>,
    /// Planned before, unix µs.
    pub to: Option<i64>,
}

/// Attempts with one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Row)]
pub struct OutcomeSummary {
    /// The outcome.
    pub outcome: String,
    /// Who is answerable for it.
    pub answerable: String,
    /// How many.
    pub attempts: u64,
}

/// Seizures of one line: attempts whose INVITE left and whose last line it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Row)]
pub struct LineSummary {
    /// Name of the line.
    pub line: String,
    /// Attempts whose INVITE left.
    pub seizures: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Answer-seizure ratio, 0 to 1.
    pub asr: f64,
    /// Network effectiveness ratio, 0 to 1: answered, or the callee was reached or is answerable.
    pub ner: f64,
    /// Average call duration, seconds; `None` without an answered call.
    pub acd_s: Option<f64>,
    /// Average post-dial delay, ms; `None` if nothing rang.
    pub pdd_ms: Option<f64>,
    /// The delay that 95 % stay below, ms.
    pub pdd_p95_ms: Option<f64>,
    /// Minutes of talk.
    pub talk_min: f64,
}

/// How many attempts the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Row)]
pub struct Count {
    /// Rows, replaced ones left out.
    pub rows: u64,
    /// Different attempts among them. The same as `rows`, or something is doubled.
    pub attempts: u64,
}

impl Scope {
    /// A condition and what to bind to it.
    fn condition(&self) -> (String, Vec<Bound>) {
        let mut parts = vec!["1".to_owned()];
        let mut bound = Vec::new();
        if let Some(tenant) = &self.tenant {
            parts.push("tenant = ?".into());
            bound.push(Bound::Text(tenant.clone()));
        }
        if !self.campaign_ids.is_empty() {
            parts.push("campaign_id IN ?".into());
            bound.push(Bound::Texts(self.campaign_ids.clone()));
        }
        for (stamp, comparison) in [(self.from, ">="), (self.to, "<")] {
            if let Some(stamp) = stamp {
                parts.push(format!("planned_at {comparison} fromUnixTimestamp64Micro(?, 'UTC')"));
                bound.push(Bound::Micros(stamp));
            }
        }
        (parts.join(" AND "), bound)
    }
}

enum Bound {
    Text(String),
    Texts(Vec<String>),
    Micros(i64),
}

impl Analytics {
    /// How attempts ended, the most frequent outcome first.
    pub async fn by_outcome(&self, scope: &Scope) -> Result<Vec<OutcomeSummary>, AnalyticsError> {
        self.ask(
            "SELECT outcome, any(answerable) AS answerable, count() AS attempts FROM attempt_final WHERE {} \
             GROUP BY outcome ORDER BY attempts DESC, outcome",
            scope,
        )
        .await
    }

    /// How lines did, by name.
    pub async fn by_line(&self, scope: &Scope) -> Result<Vec<LineSummary>, AnalyticsError> {
        self.ask(
            "SELECT line, count() AS seizures, countIf(answered_at IS NOT NULL) AS answered, \
             answered / seizures AS asr, countIf(answerable = 'callee') / seizures AS ner, \
             avgOrNullIf(talk_ms, answered_at IS NOT NULL) / 1000 AS acd_s, \
             avgOrNull(post_dial_delay_ms) AS pdd_ms, quantileOrNull(0.95)(post_dial_delay_ms) AS pdd_p95_ms, \
             sum(talk_ms) / 60000 AS talk_min \
             FROM attempt_final WHERE invite_at IS NOT NULL AND {} GROUP BY line ORDER BY line",
            scope,
        )
        .await
    }

    /// How many attempts there are.
    pub async fn count(&self, scope: &Scope) -> Result<Count, AnalyticsError> {
        let counts = self
            .ask(
                "SELECT count() AS rows, uniqExact(attempt_id) AS attempts FROM attempt_final WHERE {}",
                scope,
            )
            .await?;
        Ok(counts.into_iter().next().unwrap_or(Count { rows: 0, attempts: 0 }))
    }

    /// The rows themselves, in the order of planning, at most `limit`.
    pub async fn attempts(&self, scope: &Scope, limit: u64) -> Result<Vec<AttemptRow>, AnalyticsError> {
        let (condition, bound) = scope.condition();
        // The client's check of types does not know tuples with names; a test compares the columns with the row type.
        let client = self.client().clone().with_validation(false);
        let sql = format!(
            "SELECT ?fields FROM attempt_final WHERE {condition} ORDER BY planned_at, attempt_id LIMIT ?"
        );
        let query = bind(client.query(&sql), bound).bind(limit);
        in_time(TIME_MAX, query.fetch_all::<AttemptRow>()).await
    }

    async fn ask<T>(&self, template: &str, scope: &Scope) -> Result<Vec<T>, AnalyticsError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        let (condition, bound) = scope.condition();
        let query = bind(self.client().query(&template.replace("{}", &condition)), bound);
        in_time(TIME_MAX, query.fetch_all::<T>()).await
    }
}

fn bind(query: Query, bound: Vec<Bound>) -> Query {
    bound.into_iter().fold(query, |query, value| match value {
        Bound::Text(text) => query.bind(text),
        Bound::Texts(texts) => query.bind(texts),
        Bound::Micros(micros) => query.bind(micros),
    })
}
