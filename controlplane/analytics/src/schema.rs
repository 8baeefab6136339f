//! The tables and views, as versioned and repeatable DDL: the same text for the embedded engine and for a server.
//!
//! A migration is never edited once released: a change is a new entry at the end of [`MIGRATIONS`]. Every statement
//! can be run twice (`IF NOT EXISTS`, `OR REPLACE`), so a start that died half-way is repaired by the next one.

/// A step of the schema.
pub(crate) struct Migration {
    /// Position in the history, from 1 without gaps.
    pub(crate) version: u32,
    /// Statements in order.
    pub(crate) statements: &'static [&'static str],
}

/// Which migrations were applied.
pub(crate) const HISTORY: &str = "\
CREATE TABLE IF NOT EXISTS schema_history
(
    version UInt32,
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree
ORDER BY version";

/// The history of the schema.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        statements: &[ATTEMPT, ATTEMPT_FINAL, OUTCOME_HOURLY, LINE_HOURLY, CAMPAIGN_HOURLY],
    },
    // A view keeps the columns of the day it was made, so it is made again.
    Migration { version: 2, statements: &[ATTEMPT_SPEECH, ATTEMPT_FINAL] },
    Migration { version: 3, statements: &[ATTEMPT_FAR_END, ATTEMPT_FINAL] },
    Migration { version: 4, statements: &[ATTEMPT_DIALOGUE, ATTEMPT_FINAL, TURN] },
    Migration { version: 5, statements: &[ATTEMPT_VARIANT, ATTEMPT_FINAL, TURN] },
    Migration { version: 6, statements: &[ATTEMPT_HOLD, ATTEMPT_FINAL] },
];

/// Columns of an inserted row, in the order of [`crate::AttemptRow`]'s fields. What the spool's segments are headed with.
pub(crate) const COLUMNS: &str = "\
attempt_id,planned_at,tenant,campaign_id,campaign,list_id,contact_id,number,number_masked,line_id,line,\
line_group,caller_id,node,shard,priority,attempt_no,epoch,verdicts,route_tries,outcome,answerable,\
sip_status,q850,hangup_by,error,intent_at,invite_at,first_response_at,ringing_at,early_media_at,answered_at,\
ended_at,post_dial_delay_ms,ring_ms,talk_ms,script_id,script_version,variant,digits,recording,recording_bytes,\
recording_ms,rtp_sent,rtp_received,rtp_lost,rtp_jitter_ms,\
first_speech_at,speech_ms,speech_bursts,far_lost,far_jitter_ms,rtt_ms,\
disposition,script_error,opted_out,no_inputs,no_matches,barge_ins,barge_in_ms_max,recogniser_errors,\
voice_errors,server_errors,heard_ms,sent_ms,dropped_ms,holds,hold_ms,first_audio_ms,turn_ms_max,turn_own_ms_max,turns,version";

/// One row an attempt.
///
/// - `ReplacingMergeTree(version)`: rows of the same sorting key replace each other. The key ends in the attempt's id
///   and all of it is settled before the first INVITE, so rows of one attempt always meet.
/// - Sorting by tenant, hour, campaign serves the two questions that are asked all day, "this tenant between then and
///   then" and "this campaign between then and then", with a few granules read for each hour. An id first would
///   scatter every such question over the whole table.
/// - Partitions by month of the same stamp: a few parts, dropped whole when a retention period ends, and replacing
///   never has to look across them.
/// - `non_replicated_deduplication_window` makes `insert_deduplication_token` work on a plain MergeTree: the last 10,000
///   batches are remembered, hours of them at the shipper's pace. A replicated table has its own window.
/// - `fsync_after_insert`: the spool forgets a batch when its insert has returned, so the insert must outlive a power
///   failure by itself.
const ATTEMPT: &str = "\
CREATE TABLE IF NOT EXISTS attempt
(
    attempt_id UUID,
    planned_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    tenant LowCardinality(String),
    campaign_id LowCardinality(String),
    campaign LowCardinality(String),
    list_id LowCardinality(String),
    contact_id String,
    number String,
    number_masked String,
    line_id LowCardinality(String),
    line LowCardinality(String),
    line_group LowCardinality(String),
    caller_id LowCardinality(String),
    node LowCardinality(String),
    shard UInt16,
    priority UInt8,
    attempt_no UInt16,
    epoch UInt64,
    verdicts String,
    route_tries Array(Tuple(line LowCardinality(String), sip_status UInt16, q850 UInt8, started_at DateTime64(6, 'UTC'))),
    outcome LowCardinality(String),
    answerable LowCardinality(String),
    sip_status UInt16,
    q850 UInt8,
    hangup_by LowCardinality(String),
    error String,
    intent_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    invite_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD),
    first_response_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD),
    ringing_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD),
    early_media_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD),
    answered_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD),
    ended_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    post_dial_delay_ms Nullable(UInt32),
    ring_ms UInt32,
    talk_ms UInt32,
    script_id LowCardinality(String),
    script_version UInt32,
    digits String,
    recording String,
    recording_bytes UInt64,
    recording_ms UInt32,
    rtp_sent UInt32,
    rtp_received UInt32,
    rtp_lost UInt32,
    rtp_jitter_ms Float32,
    version UInt64,
    ingested_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(planned_at)
ORDER BY (tenant, toStartOfHour(planned_at), campaign_id, attempt_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1";

/// When, how long and how often the callee spoke.
const ATTEMPT_SPEECH: &str = "\
ALTER TABLE attempt
    ADD COLUMN IF NOT EXISTS first_speech_at Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD) AFTER rtp_jitter_ms,
    ADD COLUMN IF NOT EXISTS speech_ms UInt32 AFTER first_speech_at,
    ADD COLUMN IF NOT EXISTS speech_bursts UInt32 AFTER speech_ms";

/// What the far end tells of our stream by RTCP. Empty in rows from before, and where it told nothing.
const ATTEMPT_FAR_END: &str = "\
ALTER TABLE attempt
    ADD COLUMN IF NOT EXISTS far_lost Nullable(UInt32) AFTER speech_bursts,
    ADD COLUMN IF NOT EXISTS far_jitter_ms Nullable(Float32) AFTER far_lost,
    ADD COLUMN IF NOT EXISTS rtt_ms Nullable(Float32) AFTER far_jitter_ms";

/// What the script made of the call, and what was said in it. In the attempt's own row, so that turns come and go with it.
const ATTEMPT_DIALOGUE: &str = "\
ALTER TABLE attempt
    ADD COLUMN IF NOT EXISTS disposition LowCardinality(String) AFTER rtt_ms,
    ADD COLUMN IF NOT EXISTS script_error String AFTER disposition,
    ADD COLUMN IF NOT EXISTS opted_out Bool AFTER script_error,
    ADD COLUMN IF NOT EXISTS no_inputs UInt32 AFTER opted_out,
    ADD COLUMN IF NOT EXISTS no_matches UInt32 AFTER no_inputs,
    ADD COLUMN IF NOT EXISTS barge_ins UInt32 AFTER no_matches,
    ADD COLUMN IF NOT EXISTS barge_in_ms_max UInt32 AFTER barge_ins,
    ADD COLUMN IF NOT EXISTS recogniser_errors UInt32 AFTER barge_in_ms_max,
    ADD COLUMN IF NOT EXISTS voice_errors UInt32 AFTER recogniser_errors,
    ADD COLUMN IF NOT EXISTS server_errors UInt32 AFTER voice_errors,
    ADD COLUMN IF NOT EXISTS heard_ms UInt32 AFTER server_errors,
    ADD COLUMN IF NOT EXISTS sent_ms UInt32 AFTER heard_ms,
    ADD COLUMN IF NOT EXISTS dropped_ms UInt32 AFTER sent_ms,
    ADD COLUMN IF NOT EXISTS first_audio_ms Nullable(UInt32) AFTER dropped_ms,
    ADD COLUMN IF NOT EXISTS turn_ms_max Nullable(UInt32) AFTER first_audio_ms,
    ADD COLUMN IF NOT EXISTS turn_own_ms_max Nullable(UInt32) AFTER turn_ms_max,
    ADD COLUMN IF NOT EXISTS turns Array(Tuple(speaker LowCardinality(String), step LowCardinality(String), \
        began_ms UInt32, ended_ms UInt32, text String, intent LowCardinality(String), value String, \
        interrupted Bool, turn_ms Nullable(UInt32), endpointing_ms UInt32, recogniser_ms UInt32, \
        understanding_ms UInt32, speech_ms UInt32, own_ms UInt32, arousal Nullable(Float32), \
        valence Nullable(Float32), prosody_confidence Nullable(Float32))) AFTER turn_own_ms_max";

/// Music instead of a callee.
const ATTEMPT_HOLD: &str = "\
ALTER TABLE attempt
    ADD COLUMN IF NOT EXISTS holds UInt32 AFTER dropped_ms,
    ADD COLUMN IF NOT EXISTS hold_ms UInt32 AFTER holds";

/// Which of the scripts that a campaign compares the call had.
const ATTEMPT_VARIANT: &str = "\
ALTER TABLE attempt
    ADD COLUMN IF NOT EXISTS variant LowCardinality(String) AFTER script_version";

/// One row a turn, with what most questions about turns need of the attempt.
const TURN: &str = "\
CREATE OR REPLACE VIEW turn AS
SELECT
    attempt_id,
    planned_at,
    tenant,
    campaign_id,
    campaign,
    script_id,
    script_version,
    answered_at,
    n,
    t.speaker AS speaker,
    t.step AS step,
    t.began_ms AS began_ms,
    t.ended_ms AS ended_ms,
    t.text AS text,
    t.intent AS intent,
    t.value AS value,
    t.interrupted AS interrupted,
    t.turn_ms AS turn_ms,
    t.endpointing_ms AS endpointing_ms,
    t.recogniser_ms AS recogniser_ms,
    t.understanding_ms AS understanding_ms,
    t.speech_ms AS speech_ms,
    t.own_ms AS own_ms,
    t.arousal AS arousal,
    t.valence AS valence,
    t.prosody_confidence AS prosody_confidence
FROM attempt_final
ARRAY JOIN turns AS t, arrayEnumerate(turns) AS n";

/// The table with replaced rows left out: what people should ask.
const ATTEMPT_FINAL: &str = "CREATE OR REPLACE VIEW attempt_final AS SELECT * FROM attempt FINAL";

/// How attempts ended, by hour and campaign.
const OUTCOME_HOURLY: &str = "\
CREATE OR REPLACE VIEW outcome_hourly AS
SELECT
    tenant,
    toStartOfHour(planned_at) AS hour,
    campaign_id,
    any(campaign) AS campaign,
    outcome,
    any(answerable) AS answerable,
    count() AS attempts
FROM attempt_final
GROUP BY tenant, hour, campaign_id, outcome";

/// How lines do, by hour: seizures (attempts whose INVITE left), answer-seizure ratio, network effectiveness ratio,
/// average call duration, post-dial delay (the ratios and the duration as in ITU-T E.411 and E.425).
const LINE_HOURLY: &str = "\
CREATE OR REPLACE VIEW line_hourly AS
SELECT
    tenant,
    toStartOfHour(planned_at) AS hour,
    line,
    count() AS seizures,
    countIf(answered_at IS NOT NULL) AS answered,
    answered / seizures AS asr,
    countIf(answerable = 'callee') / seizures AS ner,
    avgOrNullIf(talk_ms, answered_at IS NOT NULL) / 1000 AS acd_s,
    avgOrNull(post_dial_delay_ms) AS pdd_ms,
    quantileOrNull(0.95)(post_dial_delay_ms) AS pdd_p95_ms,
    sum(talk_ms) / 60000 AS talk_min
FROM attempt_final
WHERE invite_at IS NOT NULL
GROUP BY tenant, hour, line";

/// How campaigns do, by hour.
const CAMPAIGN_HOURLY: &str = "\
CREATE OR REPLACE VIEW campaign_hourly AS
SELECT
    tenant,
    toStartOfHour(planned_at) AS hour,
    campaign_id,
    any(campaign) AS campaign,
    count() AS attempts,
    uniqExact(contact_id) AS contacts,
    countIf(invite_at IS NOT NULL) AS seizures,
    countIf(answered_at IS NOT NULL) AS answered,
    avgOrNullIf(talk_ms, answered_at IS NOT NULL) / 1000 AS acd_s
FROM attempt_final
GROUP BY tenant, hour, campaign_id";

#[cfg(test)]
mod tests {
    use clickhouse::Row;

    use super::*;
    use crate::AttemptRow;

    #[test]
    fn row_columns_and_ddl_are_the_same_list() {
        assert_eq!(AttemptRow::COLUMN_NAMES.join(","), COLUMNS);
        let body =
            ATTEMPT.split_once("(\n").and_then(|(_, rest)| rest.split_once("\n)\n")).expect("a list").0;
        let mut ddl: Vec<_> = body.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for added in MIGRATIONS.iter().flat_map(|migration| migration.statements).flat_map(|s| s.lines()) {
            let Some(column) = added.trim().strip_prefix("ADD COLUMN IF NOT EXISTS ") else { continue };
            let (column, before) =
                column.trim_end_matches(',').split_once(" AFTER ").expect("it has a place");
            let place = ddl.iter().position(|name| *name == before).expect("a column");
            ddl.insert(place + 1, column.split(' ').next().expect("a name"));
        }
        assert_eq!(ddl.join(","), format!("{COLUMNS},ingested_at"));
    }

    #[test]
    fn versions_have_no_gaps() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=versions.len() as u32).collect::<Vec<_>>());
    }
}
