//! What the readings mean for a configuration. Pure.

use shard::{Shard, Sizes};

use super::{Finding, Readings, Verdict};
use crate::capacity::{self, Capacity, Load};
use crate::config::NodeConfig;

/// Clock sources that are read without a system call. A shard asks for the time several times in each turn.
const FAST_CLOCKS: [&str; 4] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];

/// Entries of a call in the connection tracking table: RTP and RTCP.
const FLOWS_PER_CALL: u64 = 2;

/// What is judged, worked out once.
struct Need {
    sockets: u64,
    descriptors: u64,
    /// To recognisers, bots, models and voices, when all are used as far as they may be.
    connections: u64,
    shards: u64,
    max_calls: u64,
    locked_bytes: u64,
    /// With none of the calls that hear.
    memory: u64,
    /// Calls at once that may hear, and what they take beside.
    hearing: u64,
    hearing_memory: u64,
    queue_bytes: u64,
}

impl Need {
    fn of(config: &NodeConfig) -> Self {
        let sizes = Sizes::default();
        let shards = u64::from(config.shards);
        let sockets = config.media_sockets() as u64 + shards;
        let of_shard = sockets.div_ceil(shards) as usize;
        let locked = shards * Shard::locked_bytes(&sizes, of_shard);
        let max_calls = u64::from(config.max_calls);
        let hearing = config.voice.sessions_max().min(max_calls);
        Self {
            sockets,
            descriptors: sockets + capacity::SPARE_DESCRIPTORS,
            connections: hearing + config.voice.descriptors_max(shards),
            shards,
            max_calls,
            locked_bytes: locked + capacity::locked_beside_shards(),
            memory: capacity::of_config(sockets, shards, max_calls, locked),
            hearing,
            hearing_memory: capacity::of_hearing(hearing),
            queue_bytes: sizes.media_socket_bytes.max(sizes.signalling_socket_bytes) as u64,
        }
    }
}

/// Everything that was looked at, in the order in which it should be set right.
pub fn judge(config: &NodeConfig, readings: &Readings) -> Vec<Finding> {
    let need = Need::of(config);
    [
        open_files(&need, readings),
        locked_memory(&need, readings),
        ring(readings),
        cores(config, &need, readings),
        core_quota(&need, readings),
        memory(&need, readings),
        chosen_ports(config, &need, readings),
        receive_queues(&need, readings),
        send_queues(&need, readings),
        udp_memory(&need, readings),
        clock(readings),
        connection_tracking(&need, readings),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the configuration has room for `load`, which is more than the machine can say.
pub fn judge_load(config: &NodeConfig, load: &Load) -> Vec<Finding> {
    let capacity = Capacity::of(load);
    let (shared, own) = config.rtp_ports.split(config.rtp_own_ports);
    let setting = |what, found: usize, needed: u32, remedy: String| {
        let enough = found >= needed as usize;
        let remedy = if enough { String::new() } else { remedy };
        let verdict = if enough { Verdict::Ok } else { Verdict::Refusal };
        finding(what, verdict, found.to_string(), format!("{needed} for {} calls", capacity.calls), remedy)
    };
    let more_nodes =
        |key: &str, value: u32| format!("set {key} = {value}, or spread the calls over more nodes");
    let rtp_ports = 2 * (capacity.shared_rtp_ports + capacity.own_rtp_ports);
    vec![
        setting(
            "node.max_calls",
            config.max_calls as usize,
            capacity.max_calls,
            more_nodes("node.max_calls", capacity.max_calls),
        ),
        setting(
            "node.shards",
            usize::from(config.shards),
            capacity.shards,
            more_nodes("node.shards", capacity.shards),
        ),
        setting(
            "shared ports in node.rtp_ports",
            shared.len(),
            capacity.shared_rtp_ports,
            format!(
                "make node.rtp_ports at least {rtp_ports} ports wide, or spread the calls over more nodes"
            ),
        ),
        setting(
            "node.rtp_own_ports",
            own.len(),
            capacity.own_rtp_ports,
            more_nodes("node.rtp_own_ports", capacity.own_rtp_ports),
        ),
        setting(
            "sessions of node.voice",
            config.voice.sessions_max() as usize,
            if load.hear { capacity.calls } else { 0 },
            "raise sessions_max of the recognisers and bots in node.voice, or spread the calls over more nodes".to_owned(),
        ),
    ]
}

fn open_files(need: &Need, readings: &Readings) -> Option<Finding> {
    let hard = readings.files.hard;
    let full = need.descriptors + need.max_calls + need.connections;
    let verdict = match hard {
        hard if hard < need.descriptors => Verdict::Refusal,
        hard if hard < full => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let found = format!("{} (raised to {} at the start)", limit(readings.files.soft), limit(hard));
    let found = if readings.files.soft == hard { limit(hard) } else { found };
    let needed =
        format!("{}, {full} if every call is recorded and `node.voice` used to the full", need.descriptors);
    let remedy = match verdict {
        Verdict::Ok => String::new(),
        _ => format!("`ulimit -n {full}`, or LimitNOFILE={full} in the service"),
    };
    Some(finding("open files (ulimit -n)", verdict, found, needed, remedy))
}

fn locked_memory(need: &Need, readings: &Readings) -> Option<Finding> {
    let limit = readings.locked_memory?;
    let kib = need.locked_bytes.div_ceil(1_024);
    let fits = limit.soft >= need.locked_bytes;
    Some(finding(
        "locked memory (ulimit -l)",
        if fits { Verdict::Ok } else { Verdict::Refusal },
        if limit.soft == u64::MAX { "unlimited".to_owned() } else { format!("{} KiB", limit.soft / 1_024) },
        format!("{kib} KiB for our rings, beside other rings of this user"),
        if fits {
            String::new()
        } else {
            format!("`ulimit -l {kib}`, or LimitMEMLOCK={kib}K in the service")
        },
    ))
}

fn ring(readings: &Readings) -> Option<Finding> {
    let needed = "one ring for each shard".to_owned();
    Some(match &readings.ring_refused {
        None => finding("io_uring", Verdict::Ok, "opens".to_owned(), needed, String::new()),
        Some(refused) => finding("io_uring", Verdict::Refusal, "refused".to_owned(), needed, refused.clone()),
    })
}

fn cores(config: &NodeConfig, need: &Need, readings: &Readings) -> Option<Finding> {
    let have = readings.cores.len() as u64;
    if have == 0 {
        return None;
    }
    let found = format!("{have} that this process may use");
    let foreign: Vec<_> =
        config.cores.iter().filter(|core| !readings.cores.contains(core)).map(usize::to_string).collect();
    let (verdict, needed, remedy) = if have < need.shards {
        let remedy =
            format!("set node.shards = {have}, or give the process more cores (`taskset -cp $$` tells)");
        (Verdict::Refusal, format!("{}, one for each shard", need.shards), remedy)
    } else if !foreign.is_empty() {
        let needed = format!("core {} of node.cores", foreign.join(", "));
        (Verdict::Refusal, needed, "name cores that `taskset -cp $$` lists".to_owned())
    } else {
        (Verdict::Ok, format!("{}, one for each shard", need.shards), String::new())
    };
    Some(finding("cores", verdict, found, needed, remedy))
}

fn core_quota(need: &Need, readings: &Readings) -> Option<Finding> {
    let quota = readings.core_quota?;
    let fits = quota >= need.shards as f64;
    let remedy = "raise cpu.max of the control group (CPUQuota= of the service, --cpus of the container): a group that has \
                  used up its time stands still for up to 100 ms";
    Some(finding(
        "time of the control group",
        if fits { Verdict::Ok } else { Verdict::Warning },
        format!("{quota:.2} cores"),
        format!("{} cores", need.shards),
        if fits { String::new() } else { remedy.to_owned() },
    ))
}

fn memory(need: &Need, readings: &Readings) -> Option<Finding> {
    let total = readings.memory_total?;
    let available = readings.memory_available.unwrap_or(total).min(total);
    let full = need.memory + need.hearing_memory;
    let verdict = match full {
        _ if need.memory > total => Verdict::Refusal,
        full if full > available => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let remedy = "set a lower node.max_calls or, of recognisers and bots, sessions_max, or give the machine or its control group (memory.max) more memory";
    Some(finding(
        "memory",
        verdict,
        format!("{} MiB of {} MiB can be had", mib(available), mib(total)),
        format!(
            "{} MiB for {} calls of which {} hear, recordings apart",
            mib(full),
            need.max_calls,
            need.hearing
        ),
        if verdict == Verdict::Ok { String::new() } else { remedy.to_owned() },
    ))
}

/// Ports that the kernel may give to others (fixed ones), or has to give to us (those left to it).
fn chosen_ports(config: &NodeConfig, need: &Need, readings: &Readings) -> Option<Finding> {
    const WHAT: &str = "ports (net.ipv4.ip_local_port_range)";
    let (first, last) = readings.chosen_ports?;
    let found = format!("the kernel chooses from {first} to {last}");
    if config.rtp_ports.first == 0 {
        let reserved: u64 = readings.reserved_ports.iter().map(|r| shared((first, last), *r)).sum();
        let have = (u64::from(last) + 1).saturating_sub(u64::from(first)).saturating_sub(reserved);
        let (verdict, remedy) = if have < need.sockets {
            (Verdict::Refusal, "`sysctl -w net.ipv4.ip_local_port_range=\"10240 65535\"`".to_owned())
        } else {
            (Verdict::Ok, String::new())
        };
        return Some(finding(WHAT, verdict, found, format!("{} ports of its choice", need.sockets), remedy));
    }
    let sip = (config.sip_port, config.sip_port.saturating_add(config.shards - 1));
    let ours: Vec<_> = [(config.rtp_ports.first, config.rtp_ports.last), sip]
        .into_iter()
        .filter(|range| range.0 != 0)
        .collect();
    let text = |ranges: &[(u16, u16)]| {
        let one = |(first, last): &(u16, u16)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.iter().map(one).collect::<Vec<_>>().join(",")
    };
    let exposed: Vec<_> = ours
        .iter()
        .copied()
        .filter(|range| shared((first, last), *range) > 0)
        .filter(|range| !readings.reserved_ports.iter().any(|r| r.0 <= range.0 && range.1 <= r.1))
        .collect();
    let needed = format!("not from {}, where we listen", text(&ours));
    if exposed.is_empty() {
        return Some(finding(WHAT, Verdict::Ok, found, needed, String::new()));
    }
    // The sysctl replaces the whole list.
    let all: Vec<_> = readings.reserved_ports.iter().chain(&exposed).copied().collect();
    let remedy = format!(
        "`sysctl -w net.ipv4.ip_local_reserved_ports={}`, lest another program be given one of them before us",
        text(&all)
    );
    Some(finding(WHAT, Verdict::Warning, found, needed, remedy))
}

fn receive_queues(need: &Need, readings: &Readings) -> Option<Finding> {
    queues(
        "receive queues (net.core.rmem_max)",
        "rmem_max",
        "arrive",
        need.queue_bytes,
        readings.receive_queue_max?,
    )
}

fn send_queues(need: &Need, readings: &Readings) -> Option<Finding> {
    queues("send queues (net.core.wmem_max)", "wmem_max", "leave", need.queue_bytes, readings.send_queue_max?)
}

fn queues(what: &'static str, name: &str, verb: &str, asked: u64, have: u64) -> Option<Finding> {
    let fits = have >= asked;
    let remedy = format!("`sysctl -w net.core.{name}={asked}`, lest packets that {verb} in a burst be lost");
    Some(finding(
        what,
        if fits { Verdict::Ok } else { Verdict::Warning },
        format!("{have} bytes"),
        format!("{asked} bytes"),
        if fits { String::new() } else { remedy },
    ))
}

fn udp_memory(need: &Need, readings: &Readings) -> Option<Finding> {
    let have = readings.udp_memory_max?;
    let needed = capacity::queued_bytes(need.max_calls);
    let fits = have >= needed;
    let pages = needed.div_ceil(rustix::param::page_size() as u64);
    let remedy = format!("`sysctl -w net.ipv4.udp_mem=\"{0} {0} {pages}\"`", pages / 2);
    Some(finding(
        "memory of all UDP sockets (net.ipv4.udp_mem)",
        if fits { Verdict::Ok } else { Verdict::Warning },
        format!("{} MiB", mib(have)),
        format!("{} MiB when a shard is held up for 0.1 s", mib(needed)),
        if fits { String::new() } else { remedy },
    ))
}

fn clock(readings: &Readings) -> Option<Finding> {
    let source = readings.clock_source.as_deref()?;
    let fast = FAST_CLOCKS.contains(&source);
    let better = readings.clock_sources.iter().find(|source| FAST_CLOCKS.contains(&source.as_str()));
    let remedy = match better {
        _ if fast => String::new(),
        Some(better) => {
            format!("`echo {better} > /sys/devices/system/clocksource/clocksource0/current_clocksource`")
        }
        None => "this machine offers none; expect fewer calls a core".to_owned(),
    };
    Some(finding(
        "clock source",
        if fast { Verdict::Ok } else { Verdict::Warning },
        source.to_owned(),
        "one that is read without a system call, such as tsc".to_owned(),
        remedy,
    ))
}

fn connection_tracking(need: &Need, readings: &Readings) -> Option<Finding> {
    let (used, most) = readings.tracked?;
    let flows = FLOWS_PER_CALL * need.max_calls;
    // As many again for calls that have ended: an entry stays for two minutes after its last packet.
    let needed = used + 2 * flows;
    let fits = most >= needed;
    let remedy = format!(
        "`sysctl -w net.netfilter.nf_conntrack_max={needed}`, or exempt our ports from tracking (`CT --notrack` in the raw \
         table): a full table drops the first packets of new calls"
    );
    Some(finding(
        "connection tracking (net.netfilter.nf_conntrack_max)",
        if fits { Verdict::Ok } else { Verdict::Warning },
        format!("{most} entries, {used} in use"),
        format!("{needed}, if our packets are tracked"),
        if fits { String::new() } else { remedy },
    ))
}

fn finding(what: &'static str, verdict: Verdict, found: String, needed: String, remedy: String) -> Finding {
    Finding { what, verdict, found, needed, remedy }
}

/// Ports that both ranges have.
fn shared(a: (u16, u16), b: (u16, u16)) -> u64 {
    (u64::from(a.1.min(b.1)) + 1).saturating_sub(u64::from(a.0.max(b.0)))
}

fn limit(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
