//! A database of an older version gets the columns that came since, and keeps its rows.

mod common;

use common::{analytics, engine, hasty, rows, spool};
use peal_analytics::{AttemptRow, Scope, Shipper};

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder.path().join("clickhouse")).await;
    let (analytics, spool) = (analytics(&engine), spool(&folder.path().join("spool")));
    analytics.migrate().await.expect("migrates");
    let shipper = Shipper::start(spool.clone(), analytics.clone(), hasty());
    let sent = rows(0..20);
    spool.append(&sent).expect("room");
    shipper.shipped(spool.end()).await;

    // As the first version made it: the columns are taken away again, and with them what they held.
    for statement in [
        "ALTER TABLE attempt DROP COLUMN first_speech_at, DROP COLUMN speech_ms, DROP COLUMN speech_bursts, \
             DROP COLUMN far_lost, DROP COLUMN far_jitter_ms, DROP COLUMN rtt_ms",
        "ALTER TABLE attempt DROP COLUMN disposition, DROP COLUMN script_error, DROP COLUMN opted_out, \
             DROP COLUMN no_inputs, DROP COLUMN no_matches, DROP COLUMN barge_ins, DROP COLUMN barge_in_ms_max, \
             DROP COLUMN recogniser_errors, DROP COLUMN voice_errors, DROP COLUMN server_errors, DROP COLUMN heard_ms, \
             DROP COLUMN sent_ms, DROP COLUMN dropped_ms, DROP COLUMN holds, DROP COLUMN hold_ms, DROP COLUMN first_audio_ms, DROP COLUMN turn_ms_max, \
             DROP COLUMN turn_own_ms_max, DROP COLUMN turns, DROP COLUMN variant",
        "DROP VIEW turn",
        "CREATE OR REPLACE VIEW attempt_final AS SELECT * FROM attempt FINAL",
        "TRUNCATE TABLE schema_history",
        "INSERT INTO schema_history (version) VALUES (1)",
    ] {
        analytics.client().query(statement).execute().await.expect(statement);
    }
    analytics.migrate().await.expect("migrates");

    let without = |row: &AttemptRow| AttemptRow {
        first_speech_at: None,
        speech_ms: 0,
        speech_bursts: 0,
        far_lost: None,
        far_jitter_ms: None,
        rtt_ms: None,
        variant: String::new(),
        disposition: String::new(),
        script_error: String::new(),
        opted_out: false,
        no_inputs: 0,
        no_matches: 0,
        barge_ins: 0,
        barge_in_ms_max: 0,
        recogniser_errors: 0,
        voice_errors: 0,
        server_errors: 0,
        heard_ms: 0,
        sent_ms: 0,
        dropped_ms: 0,
        holds: 0,
        hold_ms: 0,
        first_audio_ms: None,
        turn_ms_max: None,
        turn_own_ms_max: None,
        turns: Vec::new(),
        ..row.clone()
    };
    let read = analytics.attempts(&Scope::default(), 100).await.expect("rows");
    assert_eq!(read, sent.iter().map(without).collect::<Vec<_>>());
    // And takes what is new, in the view as in the table.
    let more = rows(20..40);
    spool.append(&more).expect("room");
    shipper.shipped(spool.end()).await;
    let sum = "SELECT sum(far_lost) FROM attempt_final";
    let lost: Option<u64> = analytics.client().query(sum).fetch_one().await.expect("a sum");
    let turns: u64 = analytics.client().query("SELECT count() FROM turn").fetch_one().await.expect("a count");
    assert_eq!(turns, more.iter().map(|row| row.turns.len() as u64).sum::<u64>());
    assert_eq!(lost, Some(more.iter().filter_map(|row| row.far_lost).map(u64::from).sum()));
}
