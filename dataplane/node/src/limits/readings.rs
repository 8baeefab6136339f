//! What the machine says about itself: `/proc`, `/sys`, the limits of the process, and a ring that is opened to see.

use rustix::process::{Resource, getrlimit};
use shard::{Shard, Sizes};

/// Where the texts of `/proc` and `/sys` come from: the machine, or a test.
pub trait Files {
    /// The contents; `None` when there is no such file or it may not be read.
    fn read(&self, path: &str) -> Option<String>;
}

/// This machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine;

impl Files for Machine {
    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// A limit of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What holds now; `u64::MAX` without a limit.
    pub soft: u64,
    /// How far the process may raise it; `u64::MAX` without a limit.
    pub hard: u64,
}

/// All readings. What a machine does not tell is `None` and judged as if it were right.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    /// Open files.
    pub files: Limit,
    /// Locked memory, bytes, as far as the kernel counts rings there and this process has not the right to ignore it.
    pub locked_memory: Option<Limit>,
    /// What opening a ring said, when it was refused.
    pub ring_refused: Option<String>,
    /// `net.core.rmem_max`, bytes.
    pub receive_queue_max: Option<u64>,
    /// `net.core.wmem_max`, bytes.
    pub send_queue_max: Option<u64>,
    /// Of `net.ipv4.udp_mem`, bytes for all UDP sockets together above which packets are dropped.
    pub udp_memory_max: Option<u64>,
    /// `net.ipv4.ip_local_port_range`: what the kernel chooses ports from, both ends included.
    pub chosen_ports: Option<(u16, u16)>,
    /// `net.ipv4.ip_local_reserved_ports`: what it does not choose.
    pub reserved_ports: Vec<(u16, u16)>,
    /// Cores that this process may run on.
    pub cores: Vec<usize>,
    /// Cores' worth of time that its control group may use.
    pub core_quota: Option<f64>,
    /// Memory that can be had now, bytes.
    pub memory_available: Option<u64>,
    /// Memory that can be had at all: the machine's, or what the control group allows, bytes.
    pub memory_total: Option<u64>,
    /// What the kernel tells the time by.
    pub clock_source: Option<String>,
    /// What it could tell it by.
    pub clock_sources: Vec<String>,
    /// Entries of the connection tracking table, when the module is loaded: in use, at most.
    pub tracked: Option<(u64, u64)>,
}

impl Readings {
    /// Reads everything.
    pub fn take(files: &impl Files) -> Self {
        let limit = |resource| {
            let limit = getrlimit(resource);
            Limit { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
        };
        let ring_refused = Shard::try_ring(&Sizes::default()).err().map(|refused| refused.to_string());
        Self::from_files(files, limit(Resource::Nofile), limit(Resource::Memlock), ring_refused)
    }

    /// Reads the files; the rest is given.
    pub fn from_files(
        from: &impl Files,
        files: Limit,
        locked_memory: Limit,
        ring_refused: Option<String>,
    ) -> Self {
        let number = |path: &str| from.read(path)?.trim().parse::<u64>().ok();
        let status = from.read("/proc/self/status").unwrap_or_default();
        let meminfo = from.read("/proc/meminfo").unwrap_or_default();
        let kib = |name| field(&meminfo, name)?.strip_suffix("kB")?.trim().parse::<u64>().ok();
        let memory = |name| kib(name).map(|kib| kib * 1_024);
        let counted = counts_rings(&from.read("/proc/sys/kernel/osrelease").unwrap_or_default())
            && !may_lock_all(&status);
        let groups = Groups::of(from);
        let conntrack = |name| number(&format!("/proc/sys/net/netfilter/nf_conntrack_{name}"));
        let clock = |name: &str| from.read(&format!("/sys/devices/system/clocksource/clocksource0/{name}"));
        Self {
            files,
            locked_memory: counted.then_some(locked_memory),
            ring_refused,
            receive_queue_max: number("/proc/sys/net/core/rmem_max"),
            send_queue_max: number("/proc/sys/net/core/wmem_max"),
            udp_memory_max: from
                .read("/proc/sys/net/ipv4/udp_mem")
                .and_then(|text| text.split_whitespace().nth(2)?.parse::<u64>().ok())
                .map(|pages| pages * rustix::param::page_size() as u64),
            chosen_ports: from.read("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| {
                let mut ports = text.split_whitespace().map_while(|port| port.parse().ok());
                Some((ports.next()?, ports.next()?))
            }),
            reserved_ports: ranges(
                &from.read("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default(),
            ),
            cores: ranges(field(&status, "Cpus_allowed_list").unwrap_or_default())
                .into_iter()
                .flat_map(|(first, last)| usize::from(first)..=usize::from(last))
                .collect(),
            core_quota: groups.core_quota(),
            memory_available: memory("MemAvailable"),
            memory_total: [memory("MemTotal"), groups.memory_limit()].into_iter().flatten().min(),
            clock_source: clock("current_clocksource").map(|text| text.trim().to_owned()),
            clock_sources: clock("available_clocksource")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            tracked: conntrack("count").zip(conntrack("max")),
        }
    }
}

/// A line of `/proc/self/status` or `/proc/meminfo`.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// `0-3,8` as the kernel writes sets of cores and ports.
fn ranges(text: &str) -> Vec<(u16, u16)> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.trim().split(',').filter_map(range).collect()
}

/// Whether this kernel counts a ring's queues as locked memory: since 6.14, whose rings are made of regions.
fn counts_rings(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0_u32));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next()) >= (6, 14)
}

/// CAP_IPC_LOCK.
fn may_lock_all(status: &str) -> bool {
    const IPC_LOCK: u32 = 14;
    let effective = field(status, "CapEff").and_then(|set| u64::from_str_radix(set, 16).ok());
    effective.is_some_and(|set| set >> IPC_LOCK & 1 == 1)
}

/// The control groups of this process. A group is bound by those above it too, and a container may see none but its own
/// as the root, so every folder on the way up is asked.
struct Groups<'a, F> {
    from: &'a F,
    /// Version 2, and the controllers `cpu` and `memory` of version 1: where to begin.
    paths: [Vec<String>; 3],
}

impl<'a, F: Files> Groups<'a, F> {
    fn of(from: &'a F) -> Self {
        let text = from.read("/proc/self/cgroup").unwrap_or_default();
        let path = |wanted: &str| {
            text.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let (controllers, path) = (parts.next()?, parts.next()?);
                controllers.split(',').any(|controller| controller == wanted).then_some(path)
            })
        };
        let all = |root: &str, wanted: &str| {
            let mut folders = Vec::new();
            let mut path = path(wanted).unwrap_or("/").trim_end_matches('/');
            loop {
                folders.push(format!("{root}{path}"));
                match path.rfind('/') {
                    Some(at) => path = &path[..at],
                    None => break folders,
                }
            }
        };
        let paths = [
            all("/sys/fs/cgroup", ""),
            all("/sys/fs/cgroup/cpu", "cpu"),
            all("/sys/fs/cgroup/memory", "memory"),
        ];
        Self { from, paths }
    }

    fn core_quota(&self) -> Option<f64> {
        let [unified, cpu, _] = &self.paths;
        let unified = unified.iter().filter_map(|folder| {
            let text = self.from.read(&format!("{folder}/cpu.max"))?;
            quota(text.split_whitespace())
        });
        let split = cpu.iter().filter_map(|folder| {
            let [quota_us, period_us] =
                ["quota", "period"].map(|what| self.from.read(&format!("{folder}/cpu.cfs_{what}_us")));
            quota([quota_us?.trim(), period_us?.trim()].into_iter())
        });
        unified.chain(split).min_by(f64::total_cmp)
    }

    fn memory_limit(&self) -> Option<u64> {
        let [unified, _, memory] = &self.paths;
        let unified = unified.iter().map(|folder| format!("{folder}/memory.max"));
        let split = memory.iter().map(|folder| format!("{folder}/memory.limit_in_bytes"));
        unified.chain(split).filter_map(|path| self.from.read(&path)?.trim().parse().ok()).min()
    }
}

/// Cores' worth of a quota and its period; `max` and -1 are none.
fn quota<'t>(mut parts: impl Iterator<Item = &'t str>) -> Option<f64> {
    let (quota, period) = (parts.next()?.parse::<f64>().ok()?, parts.next()?.parse::<f64>().ok()?);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}
