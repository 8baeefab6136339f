//! `peal dial`: calls without a control plane, to try a line.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use common::{CallsPerSecond, Outcome};
use node::{
    PortRange,
    config::RecordingFormat,
    dial::{
        Dial, DialConfig, DialEvent, DialLine, DialReport, DialScript, DialStage, DialTap, Dialogue, Local,
    },
};
use serde_json::{Value, json};

use crate::{commands::interrupts, progress, show};

/// Call one or many SIP addresses, with no control plane: the tool with which an engineer tries a line
#[derive(Args)]
pub struct DialArgs {
    /// Whom to call: sip:user@host[:port]; several of one host are called in turn
    #[arg(required = true, value_name = "sip:USER@HOST[:PORT]")]
    destinations: Vec<String>,
    /// WAV file to play after the answer
    #[arg(long, value_name = "WAV")]
    play: Option<PathBuf>,
    /// What the calls do: a script in JSON or YAML, without recorded prompts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["play", "hold", "tap", "tap_to"])]
    script: Option<PathBuf>,
    /// Something that the script knows of the callee, such as name=Ann; may be given several times
    #[arg(long = "contact", value_name = "NAME=VALUE", value_parser = crate::admin::pair, requires = "script")]
    contact: Vec<(String, String)>,
    /// Configuration whose [node.voice] says with what the script speaks and listens
    #[arg(long, value_name = "FILE", requires = "script")]
    config: Option<PathBuf>,
    /// WAV file to record to: we are left, the callee is right; with several calls -1, -2, … is added
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// How to store recordings: pcm (16 bits, every player) or g711 (half the size, as it was on the wire)
    #[arg(long, default_value = "pcm", value_parser = record_format, requires = "record", value_name = "FORMAT")]
    record_format: RecordingFormat,
    /// Hand what the callees say to a listener while they say it, and tell how much came and how late
    #[arg(long)]
    tap: bool,
    /// The same, and write it to a WAV file; of a single call
    #[arg(long, value_name = "WAV")]
    tap_to: Option<PathBuf>,
    /// Calls to make in all
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: usize,
    /// New calls in any rolling second, at most
    #[arg(long, default_value_t = 10, value_name = "R")]
    cps: u32,
    /// Calls at once, at most
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    max_calls: u32,
    /// How long to stay on the call after playing
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    hold: Duration,
    /// How long it may ring
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    max_ring: Duration,
    /// User part of From; anonymous when absent
    #[arg(long, default_value = "", value_name = "NUMBER")]
    from: String,
    /// Send to this host[:port] instead of the one in the addresses
    #[arg(long, value_name = "HOST[:PORT]")]
    via: Option<String>,
    /// User name for digest authentication
    #[arg(long, requires = "password", default_value = "")]
    username: String,
    /// Its password
    #[arg(
        long,
        env = "PEAL_LINE_PASSWORD",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    password: String,
    /// Codecs, most wanted first
    #[arg(long, value_delimiter = ',', default_value = "PCMA,PCMU")]
    codecs: Vec<String>,
    /// Address to call from; the one that leads to the far end when absent
    #[arg(long, value_name = "IP")]
    local: Option<IpAddr>,
    /// UDP port for SIP; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    sip_port: u16,
    /// Cores to pin to, one shard on each
    #[arg(long, value_delimiter = ',', value_name = "CORE")]
    cores: Vec<usize>,
    /// RTP ports to open. Each can hold any number of calls, but only one that is being set up; 0 takes what the calls at
    /// once ask for
    #[arg(long, default_value_t = 0, value_name = "N")]
    rtp_ports: u16,
    /// Give each call an RTP port of its own, for far ends that use one address for all calls
    #[arg(long)]
    own_ports: bool,
    /// Send nothing while nothing plays
    #[arg(long)]
    no_silence: bool,
}

/// A time as people write it: `10s`, `500ms`, `2m`, or a number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 =
        digits.parse().map_err(|_| format!("'{text}' is not a time such as 10s, 500ms or 2m"))?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        unit => return Err(format!("'{unit}' is not a unit of time; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("'{text}' is not a time that can be used"))
}

/// RTP ports beside those for pending calls, and the most that are opened without being asked for: each is a socket.
const RTP_PORTS: std::ops::RangeInclusive<usize> = 16..=2_000;

/// Dials, shows what happens, and fails when no call was answered.
pub fn run(args: &DialArgs, json: bool) -> Result<()> {
    let config = args.config()?;
    let single = args.count == 1;
    let dial = Dial::start(config)?;
    let interrupted = interrupts::watch()?;
    let bar = progress::count(args.count as u64, "calls", !json && !single);
    let mut stops = 0;
    loop {
        if interrupted.count() > stops {
            stops = interrupted.count();
            dial.stop();
        }
        match dial.events().recv_timeout(Duration::from_millis(200)) {
            Ok(DialEvent::Stage { stage, .. }) if single && !json => show::print(stage_text(stage).as_ref())?,
            Ok(DialEvent::Stage { .. }) => {}
            Ok(DialEvent::Ended(_)) => bar.inc(1),
            Ok(DialEvent::Recorded { path, error, .. }) => match error.as_str() {
                "" if single && !json => show::print(&format!("recorded {}", path.display()))?,
                "" => {}
                error => eprintln!("recording {} failed: {error}", path.display()),
            },
            Err(error) if error.is_disconnected() => break,
            Err(_) => {}
        }
    }
    bar.finish_and_clear();
    let report = dial.wait()?;
    let summary = summary(&report);
    if json {
        show::print(&serde_json::to_string_pretty(&summary)?)?;
    } else {
        for result in report.results.iter().filter(|_| single) {
            let why = if result.detail.is_empty() { String::new() } else { format!(": {}", result.detail) };
            show::print(&format!("{} – {}{why}", result.destination, result.outcome))?;
        }
        show::object(false, &summary)?;
    }
    if let Some(error) = report.tap.and_then(|tap| tap.error) {
        bail!("--tap-to: {error}");
    }
    ensure!(report.results.iter().any(|result| result.outcome == Outcome::Answered), "no call was answered");
    Ok(())
}

impl DialArgs {
    fn config(&self) -> Result<DialConfig> {
        let mut users = Vec::new();
        let mut host = None;
        for destination in &self.destinations {
            let (user, at) = parse(destination)?;
            if *host.get_or_insert_with(|| at.clone()) != at {
                bail!(
                    "{destination}: every destination must be at the host of the first; a run tries one line"
                );
            }
            users.push(user);
        }
        let host = host.context("no destination")?;
        let address = self.via.clone().unwrap_or_else(|| host.clone());
        let play = self
            .play
            .as_ref()
            .map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())));
        ensure!(
            self.tap_to.is_none() || self.count == 1,
            "--tap-to: one file holds one call; leave --count out"
        );
        let count = self.count.clamp(1, self.max_calls as usize);
        let ports = match self.rtp_ports {
            0 => count.clamp(*RTP_PORTS.start(), *RTP_PORTS.end()),
            ports => usize::from(ports),
        };
        let shards = self.cores.len().max(1);
        // Shared ports and own ones are two pools, and every shard has at least one shared port.
        let (shared, own) = if self.own_ports { (shards, ports * shards) } else { (ports * shards, 0) };
        let last = (shared + own - 1).min(usize::from(u16::MAX)) as u16;
        Ok(DialConfig {
            local: Local {
                address: match self.local {
                    Some(address) => address,
                    None => address_towards(&address)?,
                },
                sip_port: self.sip_port,
                rtp_ports: PortRange { first: 0, last },
                rtp_own_ports: own.min(usize::from(u16::MAX)) as u16,
                shards: shards as u16,
                cores: self.cores.clone(),
                send_silence: !self.no_silence,
                user_agent: concat!("Peal/", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            line: DialLine {
                domain: if self.via.is_some() {
                    host.split(':').next().unwrap_or_default().to_owned()
                } else {
                    String::new()
                },
                address,
                username: self.username.clone(),
                password: self.password.clone(),
                caller_id: self.from.clone(),
                max_calls: self.max_calls,
                rate: CallsPerSecond::try_from(self.cps)
                    .map_err(|error| anyhow::anyhow!("--cps: {error}"))?,
                codecs: self.codecs.clone(),
                own_ports: self.own_ports,
            },
            destinations: users,
            count: self.count,
            play: play.transpose()?,
            script: self.script.as_ref().map(|file| self.dial_script(file)).transpose()?,
            hold: self.hold,
            record: self.record.as_ref().map(|path| record_stem(path)).transpose()?,
            record_format: self.record_format,
            tap: match &self.tap_to {
                Some(path) => Some(DialTap::Wav(path.clone())),
                None => self.tap.then_some(DialTap::Count),
            },
            max_ring: self.max_ring,
            max_call: Duration::from_secs(86_400),
        })
    }
}

impl DialArgs {
    fn dial_script(&self, file: &std::path::Path) -> Result<DialScript> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let document = script::read(&text).with_context(|| format!("{} is no script", file.display()))?;
        let program = script::Program::new(&document).map_err(|faults| {
            let lines: Vec<_> = faults.iter().map(|fault| format!("  {fault}")).collect();
            anyhow::anyhow!("{} cannot be used:\n{}", file.display(), lines.join("\n"))
        })?;
        ensure!(
            program.prompts().is_empty(),
            "--script: recorded prompts are the control plane's; say sentences here"
        );
        let config = crate::config::load(self.config.as_deref())?;
        Ok(DialScript {
            document: serde_json::to_string(&document)?,
            contact: self.contact.clone(),
            voice: config.node.voice,
            data: std::env::temp_dir().join("peal-dial"),
        })
    }
}

fn record_format(text: &str) -> Result<RecordingFormat, String> {
    match text {
        "pcm" => Ok(RecordingFormat::Pcm),
        "g711" => Ok(RecordingFormat::G711),
        other => Err(format!("{other}: must be pcm or g711")),
    }
}

/// User and host of `sip:user@host[:port]`.
fn parse(destination: &str) -> Result<(String, String)> {
    let rest =
        destination.strip_prefix("sip:").with_context(|| format!("{destination}: must begin with sip:"))?;
    let (user, host) =
        rest.split_once('@').with_context(|| format!("{destination}: must be sip:user@host[:port]"))?;
    ensure!(!user.is_empty() && !host.is_empty(), "{destination}: must be sip:user@host[:port]");
    ensure!(!host.contains([';', '?', '>']), "{destination}: parameters and headers are not taken");
    Ok((user.to_owned(), host.to_owned()))
}

/// The address of this machine from which the far end is reached.
fn address_towards(address: &str) -> Result<IpAddr> {
    let with_port = if address.parse::<SocketAddr>().is_ok()
        || address.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok())
    {
        address.to_owned()
    } else {
        format!("{address}:5060")
    };
    let far = with_port.to_socket_addrs().with_context(|| format!("{address} does not resolve"))?.next();
    let far = far.with_context(|| format!("{address} does not resolve"))?;
    let unspecified: SocketAddr =
        if far.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    // Connecting a UDP socket sends nothing; the kernel only picks the way.
    let probe = UdpSocket::bind(unspecified)?;
    probe.connect(far).with_context(|| format!("there is no way to {far}"))?;
    Ok(probe.local_addr()?.ip())
}

/// Folder and name without `.wav`.
fn record_stem(path: &std::path::Path) -> Result<(PathBuf, String)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
    let stem = path.file_stem().and_then(|stem| stem.to_str()).context("--record: the file needs a name")?;
    ensure!(
        path.extension().is_none_or(|e| e == "wav"),
        "--record: recordings are WAV files; end the name with .wav"
    );
    Ok((folder.to_owned(), stem.to_owned()))
}

fn stage_text(stage: DialStage) -> String {
    match stage {
        DialStage::Invited => "calling".to_owned(),
        DialStage::Trying => "the carrier has it".to_owned(),
        DialStage::Ringing => "ringing".to_owned(),
        DialStage::EarlyMedia => "audio before the answer".to_owned(),
        DialStage::Answered => "answered".to_owned(),
        DialStage::Digit(sign) => format!("pressed {sign}"),
    }
}

fn summary(report: &DialReport) -> Value {
    let mut outcomes = BTreeMap::<&str, u64>::new();
    for result in &report.results {
        *outcomes.entry(result.outcome.as_str()).or_default() += 1;
    }
    // What far ends told by RTCP, of the calls in which they did.
    let media: Vec<_> = report.results.iter().filter_map(|result| result.ended.as_ref()?.media).collect();
    let mean = |values: Vec<f64>| match values.len() {
        0 => Value::Null,
        count => Value::from((values.iter().sum::<f64>() / count as f64 * 100.0).round() / 100.0),
    };
    let cpu = report.usage.cpu.as_secs_f64();
    let per = |count: f64| if count > 0.0 { Value::from((cpu / count * 1e6).round()) } else { Value::Null };
    let mut summary = json!({
        "calls": report.results.len(),
        "outcomes": outcomes,
        "elapsed_s": report.elapsed.as_secs_f64(),
        "call_seconds": report.call_seconds,
        "cpu_s": cpu,
        "cpu_us_per_call": per(report.results.len() as f64),
        "cpu_us_per_call_second": per(report.call_seconds),
        "memory_peak_mib": report.usage.peak_memory as f64 / f64::from(1 << 20),
        "sip_sent": report.sip_messages.0,
        "sip_received": report.sip_messages.1,
        "sip_retransmissions": report.retransmissions,
        "rtp_sent": report.rtp_packets.0,
        "rtp_received": report.rtp_packets.1,
        "rtp_lost": report.rtp_lost,
        "rtcp_sent": report.rtcp_packets.0,
        "rtcp_received": report.rtcp_packets.1,
        "far_lost": media.iter().filter_map(|media| media.far_lost).reduce(|all, lost| all + lost),
        "far_jitter_ms": mean(media.iter().filter_map(|media| media.far_jitter_ms).collect()),
        "rtt_ms": mean(media.iter().filter_map(|media| media.rtt_ms).collect()),
    });
    let dialogues: Vec<_> =
        report.results.iter().filter_map(|result| result.ended.as_ref()?.dialogue.as_ref()).collect();
    if dialogues.iter().any(|dialogue| !dialogue.turns.is_empty()) {
        dialogue_summary(&dialogues, &mut summary);
    }
    if !report.opt_outs.is_empty() {
        summary["opt_outs"] = report.opt_outs.len().into();
    }
    if !report.hook_faults.is_empty() {
        summary["hook_faults"] = json!(report.hook_faults);
    }
    if let Some(tap) = &report.tap {
        summary["tap_chunks"] = tap.chunks.into();
        summary["tap_dropped"] = tap.dropped.into();
        summary["tap_gaps"] = tap.gaps.into();
        summary["tap_audio_s"] = tap.audio.as_secs_f64().into();
        summary["tap_silence_s"] = tap.silence.as_secs_f64().into();
        summary["tap_delay_p50_ms"] = (tap.delay_p50.as_millis() as u64).into();
        summary["tap_delay_p99_ms"] = (tap.delay_p99.as_millis() as u64).into();
    }
    summary
}

/// What callees and we said, and how fast.
fn dialogue_summary(dialogues: &[&Dialogue], summary: &mut Value) {
    let mut dispositions = BTreeMap::<&str, u64>::new();
    for dialogue in dialogues {
        *dispositions.entry(&dialogue.disposition).or_default() += 1;
    }
    let latencies: Vec<_> =
        dialogues.iter().flat_map(|dialogue| &dialogue.turns).filter_map(|turn| turn.latency).collect();
    let p95 = |mut values: Vec<u32>| {
        values.sort_unstable();
        values.get((values.len().max(1) - 1) * 95 / 100).copied()
    };
    let sum =
        |of: fn(&Dialogue) -> u32| dialogues.iter().map(|dialogue| u64::from(of(dialogue))).sum::<u64>();
    let barge_ins = dialogues.iter().filter(|dialogue| dialogue.barge_ins > 0);
    summary["dialogue"] = json!({
        "dispositions": dispositions,
        "answers": latencies.len(),
        "turn_ms_p95": p95(latencies.iter().map(|latency| latency.total_ms).collect()),
        "turn_own_ms_p95": p95(latencies.iter().map(|latency| latency.own_ms).collect()),
        "recogniser_ms_p95": p95(latencies.iter().map(|latency| latency.recogniser_ms).collect()),
        "barge_ins": sum(|dialogue| dialogue.barge_ins),
        // Of the longest of each call.
        "barge_in_ms_p95": p95(barge_ins.map(|dialogue| dialogue.barge_in_ms_max).collect()),
        "no_inputs": sum(|dialogue| dialogue.no_inputs),
        "no_matches": sum(|dialogue| dialogue.no_matches),
        "recogniser_errors": sum(|dialogue| dialogue.recogniser_errors),
        "voice_errors": sum(|dialogue| dialogue.voice_errors),
        "server_errors": sum(|dialogue| dialogue.server_errors),
        "heard_s": sum(|dialogue| dialogue.heard_ms) / 1_000,
        "sent_s": sum(|dialogue| dialogue.sent_ms) / 1_000,
        "dropped_ms": sum(|dialogue| dialogue.dropped_ms),
        "holds": sum(|dialogue| dialogue.holds),
        "hold_ms": sum(|dialogue| dialogue.hold_ms),
    });
    if let [only] = dialogues {
        let turn = |turn: &node::dial::Turn| {
            let who = if turn.speaker() == node::dial::Speaker::Us { "us" } else { "callee" };
            format!("{:6.2} s  {who}: {}", f64::from(turn.began_ms) / 1_000.0, turn.text)
        };
        summary["said"] = only.turns.iter().map(turn).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert!(duration("10x").is_err() && duration("s").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn destinations_are_sip_addresses() {
        assert_eq!(parse("sip:100@h:5070").expect("well formed"), ("100".to_owned(), "h:5070".to_owned()));
        for bad in ["100@h", "sip:h", "sip:@h", "sip:a@h;transport=tcp"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
