//! `peal capacity`: what a number of calls needs, and whether this machine has it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use comfy_table::{Cell, Color};
use node::{
    capacity::{Capacity, Load},
    limits::{self, Finding, Machine, Readings, Verdict},
};
use serde_json::json;

use crate::{config, show};

/// Compute what a number of calls needs (cores, memory, ports, descriptors, packets), or check this machine
///
/// The prices behind the figures, and where they were measured, are in docs/capacity.md.
#[derive(Args)]
pub struct CapacityArgs {
    /// Check this machine against the configuration, as a node does at its start; fails when one would not start
    #[arg(long)]
    check: bool,
    /// Configuration to check against; the defaults when absent
    #[arg(long, env = "PEAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answered calls at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000),
        required_unless_present = "check")]
    calls: Option<u32>,
    /// New calls a second; as many as keep the answered ones up when absent
    #[arg(long, value_name = "R", value_parser = positive)]
    cps: Option<f64>,
    /// Share of the calls that are answered
    #[arg(long, value_name = "P", default_value_t = 0.3, value_parser = share)]
    answer_rate: f64,
    /// Mean time from INVITE to the answer, or to the end without one
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = seconds)]
    ring: f64,
    /// Mean length of an answered call
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
    talk: f64,
    /// Carriers send audio before the answer
    #[arg(long)]
    early_media: bool,
    /// Answered calls are recorded
    #[arg(long)]
    record: bool,
    /// Audio of answered calls is handed to a side thread
    #[arg(long)]
    tap: bool,
    /// Answered calls listen by a recogniser or a bot, and speak
    #[arg(long, conflicts_with = "tap")]
    hear: bool,
    /// Each call has an RTP port of its own (media_ports = "own")
    #[arg(long)]
    own_ports: bool,
    /// CPU microseconds of a second of an answered call, as `peal dial` prints it on your machine
    #[arg(long, value_name = "US", default_value_t = Load::new(1).call_us, value_parser = positive)]
    call_us: f64,
    /// Cores of one node
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    node_cores: u32,
}

/// Computes or checks.
pub fn run(args: &CapacityArgs, json: bool) -> Result<()> {
    let load = args.calls.map(|calls| args.load(calls));
    match load {
        _ if args.check => check(args, load.as_ref(), json),
        Some(load) => compute(&load, json),
        None => unreachable!("clap asks for --calls without --check"),
    }
}

impl CapacityArgs {
    fn load(&self, calls: u32) -> Load {
        Load {
            calls,
            cps: self.cps,
            answer_rate: self.answer_rate,
            ring_s: self.ring,
            talk_s: self.talk,
            early_media: self.early_media,
            record: self.record,
            tap: self.tap,
            hear: self.hear,
            own_ports: self.own_ports,
            call_us: self.call_us,
            node_cores: self.node_cores,
        }
    }
}

fn compute(load: &Load, json: bool) -> Result<()> {
    let capacity = Capacity::of(load);
    if json {
        return show::print(&serde_json::to_string_pretty(&capacity)?);
    }
    let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
    let memory = &capacity.memory;
    let rows = [
        ("answered calls at once", capacity.calls.to_string()),
        ("new calls a second", format!("{:.1}", capacity.cps)),
        ("calls being set up", capacity.setting_up.to_string()),
        ("node.max_calls, all nodes", capacity.max_calls.to_string()),
        ("nodes", format!("{} of {} cores", capacity.nodes, load.node_cores)),
        ("cores", format!("{}, of which {} carry a shard", capacity.cores, capacity.shards)),
        (
            "RTP ports, RTCP beside each",
            format!("{} shared, {} own", capacity.shared_rtp_ports, capacity.own_rtp_ports),
        ),
        ("sockets", capacity.sockets.to_string()),
        ("file descriptors", capacity.descriptors.to_string()),
        ("memory", mib(memory.total())),
        ("  idle", mib(memory.idle)),
        ("  calls", mib(memory.calls + memory.lingering)),
        ("  recordings", mib(memory.recordings)),
        ("  calls that hear", mib(memory.hearing)),
        ("  kernel, with queues of 0.1 s", mib(memory.kernel + memory.kernel_queues)),
        ("locked memory (Linux 6.14 and newer)", mib(capacity.locked_bytes)),
        ("packets a second, each way", format!("{:.0}", capacity.packets_per_s)),
        ("on the wire, each way", format!("{:.1} Mbit/s", capacity.bits_per_s / 1e6)),
        ("to recognisers, 16 kHz", format!("{:.1} Mbit/s", capacity.heard_bits_per_s / 1e6)),
        ("to disk", format!("{:.1} MB/s", capacity.disk_bytes_per_s / 1e6)),
    ];
    let mut table = show::table();
    for (name, value) in rows {
        table.add_row([show::heading_cell(name), Cell::new(value)]);
    }
    show::print(&table.to_string())
}

fn check(args: &CapacityArgs, load: Option<&Load>, json: bool) -> Result<()> {
    let config = config::load(args.config.as_deref())?.node;
    let mut findings = limits::judge(&config, &Readings::take(&Machine));
    findings.extend(load.map(|load| limits::judge_load(&config, load)).into_iter().flatten());
    let refusals = findings.iter().filter(|finding| finding.verdict == Verdict::Refusal).count();
    if json {
        show::print(&serde_json::to_string_pretty(&json!({ "ok": refusals == 0, "findings": findings }))?)?;
    } else {
        show_findings(&findings)?;
    }
    ensure!(refusals == 0, "{refusals} of {} findings are refusals", findings.len());
    Ok(())
}

fn show_findings(findings: &[Finding]) -> Result<()> {
    let mut table = show::table();
    table.set_header(["", "setting", "found", "needed"].map(show::heading_cell));
    for finding in findings {
        let (text, colour) = match finding.verdict {
            Verdict::Ok => ("ok", Color::Green),
            Verdict::Warning => ("warning", Color::Yellow),
            Verdict::Refusal => ("refusal", Color::Red),
        };
        let verdict = if show::coloured() { Cell::new(text).fg(colour) } else { Cell::new(text) };
        let texts = [finding.what, &finding.found, &finding.needed];
        table.add_row(std::iter::once(verdict).chain(texts.map(Cell::new)));
    }
    show::print(&table.to_string())?;
    // Not in the table, which would break commands into pieces.
    for finding in findings.iter().filter(|finding| finding.verdict != Verdict::Ok) {
        show::print(&format!("{}: {}", finding.what, finding.remedy))?;
    }
    Ok(())
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if value > 0.0 && value <= 1e6 {
        Ok(value)
    } else {
        Err("must be above 0, and at most 1000000".to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("must be above 0, and at most 1".to_owned()) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = super::dial::duration(text)?.as_secs_f64();
    if seconds > 0.0 && seconds <= 86_400.0 {
        Ok(seconds)
    } else {
        Err("must be above 0, and at most 24 h".to_owned())
    }
}
