//! `peal demo`: `peal up` against a carrier of our own, and a verdict from the carrier's ledger.
//!
//! The carrier lives in this process and counts for itself; Peal runs as a child, as it would for anybody. What is
//! compared at the end comes from three sides: the carrier's ledger, Peal's API, and ClickHouse.

mod contacts;
mod peal;
mod prompt;
mod scene;
mod verdict;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use loadtest::{Behaviour, Carrier, CarrierConfig, CarrierHandle, LineConfig, Mix};
use serde_json::Value;

use crate::{admin, commands::interrupts, progress, show};

/// Dial thousands of numbers over three rate-limited lines against a carrier of our own, and check its ledger
#[derive(Args)]
pub struct DemoArgs {
    /// Folder for everything that the demo writes; emptied first
    #[arg(long, default_value = "target/demo", value_name = "FOLDER")]
    dir: PathBuf,
    /// Rows of the contact list, bad ones and repetitions included
    #[arg(long, default_value_t = 3_000, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    contacts: u32,
    /// Seed of the numbers and of what their owners do
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 170, value_name = "S")]
    limit_s: u64,
}

/// The lines: name, calls at once, calls per second, weight.
const LINES: [(&str, u32, u32, u32); 3] =
    [("north", 100, 20, 100), ("east", 60, 10, 60), ("south", 40, 5, 30)];

/// Human times at the far end are shortened so that the demo ends in time; protocol timers are not.
const TIME_SCALE: f64 = 0.25;

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How long ClickHouse may take to get the last rows after the last call.
const SETTLE: Duration = Duration::from_secs(30);

/// Runs the demo. Fails when a limit was exceeded, or anything was lost or doubled.
pub fn run(args: &DemoArgs, json: bool) -> Result<()> {
    empty(&args.dir)?;
    let list = contacts::write(&args.dir.join("contacts.csv"), args.contacts, args.seed)?;
    let carrier = start_carrier(args)?;
    let runtime = crate::runtime()?;
    runtime.block_on(dial_all(args, &list, carrier, json))
}

/// Left in the folder, so that the next demo knows it for its own.
const MARK: &str = "written-by-peal-demo";

/// Makes the folder, or empties it when an earlier demo wrote it. Somebody's own files are never touched.
fn empty(dir: &Path) -> Result<()> {
    let used = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if used {
        ensure!(
            dir.join(MARK).exists(),
            "{} is not empty and was not written by a demo: name another --dir",
            dir.display()
        );
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    std::fs::write(dir.join(MARK), "").with_context(|| format!("cannot write into {}", dir.display()))
}

fn start_carrier(args: &DemoArgs) -> Result<CarrierHandle> {
    let lines = LINES
        .iter()
        .map(|&(name, max_calls, max_cps, _)| LineConfig {
            max_calls: Some(max_calls),
            max_cps: Some(max_cps),
            ..LineConfig::new(name, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
        })
        .collect();
    let mix: Mix = [
        (Behaviour::Person, 440),
        (Behaviour::Machine, 140),
        (Behaviour::EarlyMedia, 60),
        (Behaviour::Silent, 20),
        (Behaviour::NoAnswer, 60),
        (Behaviour::Busy, 90),
        (Behaviour::Decline, 50),
        (Behaviour::Unavailable, 30),
        (Behaviour::Absent, 30),
        (Behaviour::NotFound, 56),
        (Behaviour::Overload, 20),
        // Each of these rests the lines for two seconds, as the carrier asks.
        (Behaviour::OverloadRetry, 1),
    ]
    .iter()
    .map(|(behaviour, weight)| format!("{behaviour}={weight}"))
    .collect::<Vec<_>>()
    .join(",")
    .parse()?;
    Carrier::start(CarrierConfig {
        mix,
        seed: args.seed,
        time_scale: TIME_SCALE,
        ledger: Some(args.dir.join("ledger.jsonl")),
        summary: Some(args.dir.join("carrier.json")),
        calls_per_number_max: scene::CALLS_PER_NUMBER_MAX,
        ..CarrierConfig::new(lines)
    })
    .context("the carrier does not start")
}

async fn dial_all(
    args: &DemoArgs,
    list: &contacts::Written,
    carrier: CarrierHandle,
    json: bool,
) -> Result<()> {
    let interrupted = interrupts::watch()?;
    let say = |text: &str| if json { Ok(()) } else { show::print(text) };
    say("starting Peal with an embedded ClickHouse")?;
    let mut peal = peal::Peal::start(&args.dir).await?;
    let api = peal.api()?;
    say(&format!("Peal is up: API at {}", peal.api_address()))?;

    let campaigns = scene::set_up(&api, &carrier, &LINES, &args.dir, &list.path, !json).await?;
    say(&format!(
        "imported {} contacts; {} rows rejected, {} repeated",
        campaigns.imported, campaigns.rejected, campaigns.duplicates
    ))?;
    let started = Instant::now();
    for &id in &campaigns.ids {
        api.act(&format!("/campaigns/{id}/start")).await?;
    }

    let bar = progress::count(campaigns.imported, "settled", !json);
    let unfinished = loop {
        let mut states = Vec::new();
        let (mut settled, mut in_flight) = (0, 0);
        for &id in &campaigns.ids {
            let progress = api.get(&format!("/campaigns/{id}/progress")).await?;
            settled += admin::settled(&progress).0;
            in_flight += progress["contacts"]["in_flight"].as_u64().unwrap_or(0);
            states.push(api.get(&format!("/campaigns/{id}")).await?["state"].clone());
        }
        bar.set_position(settled);
        bar.set_message(format!("settled, {in_flight} calls up"));
        if states.iter().all(|state| state == "completed") {
            break None;
        }
        ensure!(peal.is_running()?, "Peal ended by itself; its log is {}", peal.log().display());
        let after = started.elapsed();
        let gave_up = if interrupted.count() > 0 { "interrupted" } else { "not done" };
        if interrupted.count() > 0 || after >= Duration::from_secs(args.limit_s) {
            let of = campaigns.imported;
            break Some(format!(
                "{gave_up} after {:.0} s: {settled} of {of} contacts settled",
                after.as_secs_f64()
            ));
        }
        tokio::time::sleep(LOOK).await;
    };
    if unfinished.is_some() {
        for id in &campaigns.ids {
            api.act(&format!("/campaigns/{id}/cancel")).await?;
        }
        verdict::wait_for_last_call(&api, SETTLE).await?;
    }
    bar.finish_and_clear();
    let elapsed = started.elapsed();

    let told = verdict::told_by_clickhouse(&api, SETTLE).await?;
    let attempts = verdict::count_calls(&api).await?;
    let recordings = verdict::count_recordings(&args.dir.join("data"))?;
    let tables = verdict::tables(&api).await?;
    peal.stop().await?;
    let (summary, ledger) = tokio::task::spawn_blocking(move || carrier.stop_with_ledger()).await??;

    let verdict =
        verdict::Verdict::of(&campaigns, attempts, &told, recordings, &summary, &ledger, elapsed, unfinished);
    let file = args.dir.join("summary.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&verdict.to_json())?)?;
    if json {
        show::print(&serde_json::to_string_pretty(&verdict.to_json())?)?;
    } else {
        tables.show()?;
        verdict.show()?;
        show::print(&format!("\nWritten to {}. Where to look next:", args.dir.display()))?;
        show::print("  summary.json    this verdict for programs")?;
        show::print("  ledger.jsonl    every call as the carrier saw it: peal-carrier report ledger.jsonl")?;
        show::print("  data/           Peal's own data: recordings, journal, store, ClickHouse")?;
        show::print("  peal.log        Peal's log")?;
        show::print("Keep Peal running with `make up`, then `peal --help`, and the API's page at /docs.")?;
    }
    verdict.judge()
}

/// The value at a path that the API promised.
fn id_of(value: &Value) -> Result<i64> {
    value["id"].as_i64().context("the control plane's answer has no id")
}
