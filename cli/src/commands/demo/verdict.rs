//! Three accounts of the same calls, compared: the carrier's ledger, Peal's API, ClickHouse.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use loadtest::{Ledger, Summary};
use serde_json::{Value, json};

use super::scene::Scene;
use crate::{api_client::Api, show};

/// What ClickHouse says.
pub struct Told {
    /// Answered attempts.
    answered: u64,
    /// INVITEs that left, by attempt.
    invites: BTreeMap<String, u64>,
    /// Different attempts among the rows.
    attempts: u64,
    /// Attempts whose rows lie under more than one sorting key, so that they can never replace each other.
    split: u64,
}

/// Tables for people.
pub struct Tables {
    outcomes: Vec<Value>,
    lines: Vec<Value>,
}

/// Rows of a statement.
async fn ask(api: &Api, statement: &str) -> Result<Vec<Value>> {
    let text = api.stream("/analytics/query?format=JSON", statement.to_owned()).await?.text().await?;
    let mut answer: Value = serde_json::from_str(&text).context("ClickHouse's answer is not JSON")?;
    match answer["data"].take() {
        Value::Array(rows) => Ok(rows),
        _ => bail!("ClickHouse's answer has no rows: {text}"),
    }
}

/// A count as ClickHouse writes it in JSON: 64 bits stand in quotes.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// Waits until every ended call is in ClickHouse, at most for `settle`, and reads what it has.
pub async fn told_by_clickhouse(api: &Api, settle: Duration) -> Result<Told> {
    let ended = count_calls(api).await?;
    let deadline = tokio::time::Instant::now() + settle;
    loop {
        let count = ask(api, "SELECT count() AS n FROM attempt_final").await?;
        if count.first().is_some_and(|row| number(&row["n"]) >= ended)
            || tokio::time::Instant::now() > deadline
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let rows = ask(
        api,
        "SELECT toString(attempt_id) AS id, arrayCount(t -> toUnixTimestamp64Micro(t.started_at) > 0, route_tries) AS invites, \
         outcome FROM attempt_final",
    )
    .await?;
    let split = ask(
        api,
        "SELECT count() AS n FROM (SELECT attempt_id FROM attempt GROUP BY attempt_id \
         HAVING uniqExact(tenant, planned_at, campaign_id) > 1)",
    )
    .await?;
    let split = split.first().map_or(0, |row| number(&row["n"]));
    let mut told = Told { answered: 0, invites: BTreeMap::new(), attempts: 0, split };
    for row in &rows {
        told.answered += u64::from(row["outcome"] == "answered");
        *told.invites.entry(show::text(&row["id"])).or_default() += number(&row["invites"]);
    }
    told.attempts = told.invites.len() as u64;
    Ok(told)
}

/// Waits until no call is under way, at most for `limit`.
pub async fn wait_for_last_call(api: &Api, limit: Duration) -> Result<()> {
    let deadline = tokio::time::Instant::now() + limit;
    while tokio::time::Instant::now() < deadline && !api.all("/calls?state=active").await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// How many calls the API knows that have ended.
pub async fn count_calls(api: &Api) -> Result<u64> {
    Ok(api.all("/calls?state=ended").await?.len() as u64)
}

/// Finished recordings below the data folder.
pub fn count_recordings(data: &Path) -> Result<u64> {
    let mut count = 0;
    let mut folders = vec![data.join("recordings")];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "wav")
                && !path.to_string_lossy().ends_with(".part.wav")
            {
                count += 1;
            }
        }
    }
    Ok(count)
}

/// The summaries by outcome and by line.
pub async fn tables(api: &Api) -> Result<Tables> {
    let outcomes = "SELECT outcome, any(answerable) AS answerable, count() AS attempts FROM attempt_final \
                    GROUP BY outcome ORDER BY attempts DESC, outcome";
    let lines = "SELECT line, count() AS seizures, countIf(answered_at IS NOT NULL) AS answered, \
                 round(100 * answered / seizures, 1) AS asr, \
                 round(avgIf(talk_ms, answered_at IS NOT NULL) / 1000, 1) AS acd, \
                 round(avg(post_dial_delay_ms)) AS pdd, round(quantile(0.95)(post_dial_delay_ms)) AS pdd95 \
                 FROM attempt_final WHERE invite_at IS NOT NULL GROUP BY line ORDER BY seizures DESC";
    Ok(Tables { outcomes: ask(api, outcomes).await?, lines: ask(api, lines).await? })
}

impl Tables {
    /// Shows both.
    pub fn show(&self) -> Result<()> {
        show::print("\nAttempts by outcome (ClickHouse)")?;
        let columns = [("outcome", "outcome"), ("answerable", "answerable"), ("attempts", "attempts")];
        show::rows(false, &self.outcomes, &columns)?;
        show::print("\nBy line (ClickHouse)")?;
        let columns = [
            ("line", "line"),
            ("seizures", "seizures"),
            ("answered", "answered"),
            ("ASR %", "asr"),
            ("ACD s", "acd"),
            ("PDD ms", "pdd"),
            ("PDD p95 ms", "pdd95"),
        ];
        show::rows(false, &self.lines, &columns)
    }
}

/// One line against its limits, as the carrier saw it.
struct Line {
    name: String,
    max_calls: u32,
    peak_calls: u32,
    max_cps: u32,
    peak_cps: u32,
}

/// What came of it.
pub struct Verdict {
    contacts: u64,
    rejected_rows: u64,
    duplicate_rows: u64,
    attempts: u64,
    carrier_invites: u64,
    clickhouse_attempts: u64,
    /// Attempts that one side knows and another does not, and INVITEs that no record tells of.
    lost: u64,
    /// Attempts with two rows, INVITEs beyond those that records tell of, numbers that were called twice at a time.
    doubled: u64,
    answered: u64,
    carrier_answered: u64,
    recordings: u64,
    lines: Vec<Line>,
    elapsed: Duration,
    /// Why the campaigns did not come to their end, if so.
    unfinished: Option<String>,
}

impl Verdict {
    /// Compares the three accounts.
    #[expect(clippy::too_many_arguments, reason = "each is another account or fact of the one run")]
    pub fn of(
        scene: &Scene,
        attempts: u64,
        told: &Told,
        recordings: u64,
        carrier: &Summary,
        ledger: &Ledger,
        elapsed: Duration,
        unfinished: Option<String>,
    ) -> Self {
        let mut seen = BTreeMap::<&str, u64>::new();
        let mut unnamed = 0;
        for call in &ledger.calls {
            match &call.invite.attempt {
                Some(attempt) => *seen.entry(attempt).or_default() += 1,
                None => unnamed += 1,
            }
        }
        let mut lost = attempts.abs_diff(told.attempts) + unnamed;
        let mut doubled = told.split + carrier.overlapping.len() as u64;
        let ids: BTreeSet<&str> =
            seen.keys().copied().chain(told.invites.keys().map(String::as_str)).collect();
        for id in ids {
            let at_carrier = seen.get(id).copied().unwrap_or(0);
            match told.invites.get(id) {
                None => lost += 1,
                Some(&recorded) if recorded > at_carrier => lost += recorded - at_carrier,
                Some(&recorded) => doubled += at_carrier - recorded,
            }
        }
        Self {
            contacts: scene.imported,
            rejected_rows: scene.rejected,
            duplicate_rows: scene.duplicates,
            attempts,
            carrier_invites: carrier.invites,
            clickhouse_attempts: told.attempts,
            lost,
            doubled,
            answered: told.answered,
            carrier_answered: carrier.answered,
            recordings,
            lines: carrier
                .lines
                .iter()
                .map(|line| Line {
                    name: line.name.clone(),
                    max_calls: line.max_calls.unwrap_or(0),
                    peak_calls: line.peak_calls.count,
                    max_cps: line.max_cps.unwrap_or(0),
                    peak_cps: line.peak_cps.count,
                })
                .collect(),
            elapsed,
            unfinished,
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "name": line.name, "max_calls": line.max_calls, "peak_calls": line.peak_calls,
                    "max_cps": line.max_cps, "peak_cps": line.peak_cps,
                })
            })
            .collect();
        json!({
            "contacts": self.contacts,
            "rejected_rows": self.rejected_rows,
            "duplicate_rows": self.duplicate_rows,
            "attempts": self.attempts,
            "carrier_invites": self.carrier_invites,
            "clickhouse_attempts": self.clickhouse_attempts,
            "lost": self.lost,
            "doubled": self.doubled,
            "answered": self.answered,
            "carrier_answered": self.carrier_answered,
            "recordings": self.recordings,
            "lines": lines,
            "elapsed_s": (self.elapsed.as_secs_f64() * 10.0).round() / 10.0,
        })
    }

    /// For people.
    pub fn show(&self) -> Result<()> {
        show::print("\nThe carrier's own ledger against the limits")?;
        let mut table = show::table();
        table.set_header(
            ["line", "most calls at once", "allowed", "most calls in a second", "allowed"]
                .map(show::heading_cell),
        );
        for line in &self.lines {
            table.add_row([
                line.name.clone(),
                line.peak_calls.to_string(),
                line.max_calls.to_string(),
                line.peak_cps.to_string(),
                line.max_cps.to_string(),
            ]);
        }
        show::print(&table.to_string())?;
        show::print(&format!(
            "{} contacts, {} attempts in {:.0} s; {} INVITEs at the carrier, {} attempts in ClickHouse; {} lost, {} doubled; \
             {} answered ({} at the carrier), {} recordings",
            self.contacts,
            self.attempts,
            self.elapsed.as_secs_f64(),
            self.carrier_invites,
            self.clickhouse_attempts,
            self.lost,
            self.doubled,
            self.answered,
            self.carrier_answered,
            self.recordings,
        ))
    }

    /// An error that names what was broken, if anything was.
    pub fn judge(&self) -> Result<()> {
        let mut broken: Vec<String> = self.unfinished.iter().cloned().collect();
        for line in &self.lines {
            if line.peak_calls > line.max_calls {
                broken.push(format!(
                    "line {}: {} calls at once, {} allowed",
                    line.name, line.peak_calls, line.max_calls
                ));
            }
            if line.peak_cps > line.max_cps {
                broken.push(format!(
                    "line {}: {} calls in a second, {} allowed",
                    line.name, line.peak_cps, line.max_cps
                ));
            }
        }
        if self.lost > 0 {
            broken.push(format!("{} lost", self.lost));
        }
        if self.doubled > 0 {
            broken.push(format!("{} doubled", self.doubled));
        }
        if self.answered != self.carrier_answered {
            broken.push(format!(
                "{} answered by our records, {} by the carrier's",
                self.answered, self.carrier_answered
            ));
        }
        if self.attempts == 0 {
            broken.push("nothing was dialled".to_owned());
        }
        if broken.is_empty() { Ok(()) } else { bail!("the demo failed: {}", broken.join("; ")) }
    }
}
