//! A machine's limits are read and judged: each that is too low is named with the command that raises it.

use std::collections::HashMap;

use peal_node::limits::{Files, Finding, Limit, Readings, Verdict, judge, judge_load};
use peal_node::voice::config::{RecogniserConfig, RecogniserProtocol};
use peal_node::{NodeConfig, PortRange, Secret, capacity::Load};

/// `/proc` and `/sys` of a machine that is made up.
#[derive(Clone)]
struct Fake(HashMap<&'static str, &'static str>);

impl Files for Fake {
    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).map(|text| (*text).to_owned())
    }
}

impl Fake {
    /// Everything as it should be.
    fn good() -> Self {
        Self(HashMap::from([
            ("/proc/sys/kernel/osrelease", "6.18.4-amd64\n"),
            ("/proc/self/status", "Name:\tpeal\nCapEff:\t0000000000000000\nCpus_allowed_list:\t0-3\n"),
            ("/proc/meminfo", "MemTotal:        8000000 kB\nMemAvailable:    7000000 kB\n"),
            ("/proc/self/cgroup", "0::/system.slice/peal.service\n"),
            ("/proc/sys/net/core/rmem_max", "4194304\n"),
            ("/proc/sys/net/core/wmem_max", "4194304\n"),
            ("/proc/sys/net/ipv4/udp_mem", "300000\t400000\t600000\n"),
            ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
            ("/proc/sys/net/ipv4/ip_local_reserved_ports", "\n"),
            ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
            ("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm \n"),
        ]))
    }

    fn with(mut self, path: &'static str, text: &'static str) -> Self {
        self.0.insert(path, text);
        self
    }

    fn readings(&self) -> Readings {
        Readings::from_files(self, both(1_048_576), both(8 << 20), None)
    }
}

fn both(limit: u64) -> Limit {
    Limit { soft: limit, hard: limit }
}

/// What is not ok.
fn complaints(config: &NodeConfig, readings: &Readings) -> Vec<Finding> {
    judge(config, readings).into_iter().filter(|finding| finding.verdict != Verdict::Ok).collect()
}

/// The one complaint about `readings` under the default configuration.
#[track_caller]
fn complaint(readings: &Readings) -> Finding {
    let mut all = complaints(&NodeConfig::default(), readings);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn a_good_machine_is_let_in() {
    assert_eq!(complaints(&NodeConfig::default(), &Fake::good().readings()), []);
    assert_eq!(judge(&NodeConfig::default(), &Fake::good().readings()).len(), 10);
}

#[test]
fn a_machine_that_tells_nothing_is_let_in() {
    let silent = Fake(HashMap::new()).readings();
    assert_eq!(complaints(&NodeConfig::default(), &silent), []);
}

#[test]
fn open_files() {
    let mut readings = Fake::good().readings();
    readings.files = Limit { soft: 1_024, hard: 524_288 };
    assert_eq!(complaints(&NodeConfig::default(), &readings), [], "the node raises it by itself");
    // 4,000 sockets of 2,000 pairs, one for SIP, 128 to spare; 6,000 recordings, and 32 for espeak-ng.
    readings.files = both(4_128);
    let refusal = complaint(&readings);
    assert_eq!(refusal.verdict, Verdict::Refusal);
    assert!(refusal.needed.contains("4129"), "{refusal}");
    assert!(refusal.remedy.contains("`ulimit -n 10161`"), "{refusal}");
    readings.files = both(4_129);
    assert_eq!(complaint(&readings).verdict, Verdict::Warning);
    readings.files = both(10_161);
    assert_eq!(complaints(&NodeConfig::default(), &readings), []);
}

#[test]
fn locked_memory() {
    let small = |files: &Fake| Readings::from_files(files, both(1_048_576), both(64 << 10), None);
    let refusal = complaint(&small(&Fake::good()));
    assert_eq!(refusal.verdict, Verdict::Refusal);
    assert!(refusal.remedy.contains("`ulimit -l ") && refusal.remedy.contains("LimitMEMLOCK="), "{refusal}");
    // Kernels before 6.14 do not count rings, and CAP_IPC_LOCK knows no limit.
    let older = Fake::good().with("/proc/sys/kernel/osrelease", "6.1.0-30-amd64\n");
    assert_eq!(complaints(&NodeConfig::default(), &small(&older)), []);
    let status = "CapEff:\t0000000000004000\nCpus_allowed_list:\t0-3\n";
    let privileged = Fake::good().with("/proc/self/status", status);
    assert_eq!(complaints(&NodeConfig::default(), &small(&privileged)), []);
}

#[test]
fn a_refused_ring_keeps_its_sentence() {
    let mut readings = Fake::good().readings();
    readings.ring_refused = Some("io_uring is switched off on this machine".to_owned());
    let refusal = complaint(&readings);
    assert_eq!(refusal.verdict, Verdict::Refusal);
    assert!(refusal.to_string().contains("switched off"), "{refusal}");
}

#[test]
fn cores() {
    let readings = Fake::good().readings();
    let config = NodeConfig { shards: 5, ..NodeConfig::default() };
    let all = complaints(&config, &readings);
    assert!(all.len() == 1 && all[0].verdict == Verdict::Refusal, "{all:?}");
    assert!(all[0].remedy.contains("node.shards = 4"), "{}", all[0]);
    let config = NodeConfig { shards: 2, cores: vec![3, 7], ..NodeConfig::default() };
    let all = complaints(&config, &readings);
    assert!(all.len() == 1 && all[0].needed.contains("core 7"), "{all:?}");
}

#[test]
fn what_the_control_group_allows() {
    // The group above binds too; a container sees its own group as the root.
    for folder in ["/sys/fs/cgroup/system.slice/peal.service/cpu.max", "/sys/fs/cgroup/cpu.max"] {
        let warning = complaint(&Fake::good().with(folder, "50000 100000\n").readings());
        assert_eq!(warning.verdict, Verdict::Warning);
        assert!(warning.found.contains("0.50"), "{warning}");
    }
    let free = Fake::good().with("/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_eq!(complaints(&NodeConfig::default(), &free.readings()), []);
    let version_1 = Fake::good()
        .with("/proc/self/cgroup", "4:memory:/docker/ab\n2:cpu,cpuacct:/docker/ab\n")
        .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "25000\n")
        .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
        .with("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "33554432\n");
    let all = complaints(&NodeConfig::default(), &version_1.readings());
    assert!(all.iter().any(|f| f.what == "time of the control group" && f.found.contains("0.25")), "{all:?}");
    assert!(all.iter().any(|f| f.what == "memory" && f.verdict == Verdict::Refusal), "{all:?}");
}

#[test]
fn memory() {
    let short = Fake::good().with("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 40000 kB\n");
    assert_eq!(complaint(&short.readings()).verdict, Verdict::Warning);
    let small = Fake::good().with("/proc/meminfo", "MemTotal: 64000 kB\nMemAvailable: 60000 kB\n");
    assert_eq!(complaint(&small.readings()).verdict, Verdict::Refusal);
}

#[test]
fn calls_that_hear_need_memory_and_descriptors() {
    let mut config = NodeConfig::default();
    let recogniser = RecogniserConfig {
        protocol: RecogniserProtocol::Vosk,
        url: "ws://127.0.0.1:2700".to_owned(),
        sessions_max: 4_000,
        model: String::new(),
        authorization: Secret::default(),
        audio: None,
    };
    config.voice.recognisers.insert("far".to_owned(), recogniser.clone());
    let mut readings = Fake::good().readings();
    readings.files = both(10_161);
    let complaints_of = |config: &NodeConfig| complaints(config, &readings);
    let warning = &complaints_of(&config)[..];
    assert!(warning.len() == 1 && warning[0].verdict == Verdict::Warning, "{warning:?}");
    assert!(warning[0].remedy.contains("`ulimit -n 14161`"), "{}", warning[0]);

    // 4,000 × 127 kB; of 6,000 calls no more than 6,000 hear, however many sessions there are.
    let needed = |config: &NodeConfig| {
        let all = judge(config, &Fake::good().readings());
        let memory = all.iter().find(|finding| finding.what == "memory").expect("it is judged");
        memory.needed.split(' ').next().and_then(|mib| mib.parse::<u64>().ok()).expect("MiB")
    };
    let without = needed(&NodeConfig::default());
    assert!((485..=488).contains(&(needed(&config) - without)), "{} and {without}", needed(&config));
    config
        .voice
        .recognisers
        .insert("near".to_owned(), RecogniserConfig { sessions_max: 100_000, ..recogniser });
    assert!((728..=731).contains(&(needed(&config) - without)), "{} and {without}", needed(&config));
}

#[test]
fn memory_for_calls_that_hear_is_no_reason_to_refuse() {
    let mut config = NodeConfig::default();
    let recogniser = RecogniserConfig {
        protocol: RecogniserProtocol::Vosk,
        url: "ws://127.0.0.1:2700".to_owned(),
        sessions_max: 4_000,
        model: String::new(),
        authorization: Secret::default(),
        audio: None,
    };
    config.voice.recognisers.insert("far".to_owned(), recogniser);
    let small = Fake::good().with("/proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 500000 kB\n");
    assert_eq!(complaints(&NodeConfig::default(), &small.readings()), []);
    let all = complaints(&config, &small.readings());
    assert!(all.len() == 1 && all[0].verdict == Verdict::Warning, "{all:?}");
    assert!(all[0].needed.contains("4000 hear") && all[0].remedy.contains("sessions_max"), "{}", all[0]);

    let sessions = |calls| {
        let findings = judge_load(&config, &Load { hear: true, ..Load::new(calls) });
        findings.into_iter().find(|finding| finding.what == "sessions of node.voice").expect("judged").verdict
    };
    assert_eq!((sessions(4_000), sessions(4_001)), (Verdict::Ok, Verdict::Refusal));
}

#[test]
fn ports_that_others_may_be_given() {
    let range = "/proc/sys/net/ipv4/ip_local_port_range";
    let reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    let wide = Fake::good().with(range, "1024\t65535\n").with(reserved, "8080,9000-9010\n");
    let warning = complaint(&wide.readings());
    assert_eq!(warning.verdict, Verdict::Warning);
    let remedy = "sysctl -w net.ipv4.ip_local_reserved_ports=8080-8080,9000-9010,20000-23999,5060-5060";
    let remedy = remedy.replace("8080-8080", "8080").replace("5060-5060", "5060");
    assert!(warning.remedy.contains(&remedy), "{warning}");
    let set = wide.with(reserved, "5060,8080,20000-23999\n");
    assert_eq!(complaints(&NodeConfig::default(), &set.readings()), []);
    // Ports that the kernel chooses must be there to choose from.
    let chosen = NodeConfig {
        sip_port: 0,
        rtp_ports: PortRange { first: 0, last: 999 },
        rtp_own_ports: 0,
        ..NodeConfig::default()
    };
    assert_eq!(complaints(&chosen, &Fake::good().readings()), []);
    let narrow = Fake::good().with(range, "40000\t41999\n").readings();
    let all = complaints(&chosen, &narrow);
    assert!(all.len() == 1 && all[0].verdict == Verdict::Refusal, "{all:?}");
}

#[test]
fn what_only_costs_quality_is_a_warning() {
    let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    for (path, text, remedy) in [
        ("/proc/sys/net/core/rmem_max", "212992\n", "sysctl -w net.core.rmem_max=4194304"),
        ("/proc/sys/net/core/wmem_max", "212992\n", "sysctl -w net.core.wmem_max=4194304"),
        ("/proc/sys/net/ipv4/udp_mem", "100 200 300\n", "sysctl -w net.ipv4.udp_mem="),
        (clock, "hpet\n", "echo tsc > /sys/devices"),
    ] {
        let warning = complaint(&Fake::good().with(path, text).readings());
        assert_eq!(warning.verdict, Verdict::Warning, "{warning}");
        assert!(warning.remedy.contains(remedy), "{warning}");
    }
    let tracked = Fake::good()
        .with("/proc/sys/net/netfilter/nf_conntrack_count", "100\n")
        .with("/proc/sys/net/netfilter/nf_conntrack_max", "16384\n");
    let warning = complaint(&tracked.readings());
    assert!(warning.remedy.contains("sysctl -w net.netfilter.nf_conntrack_max=24100"), "{warning}");
}

#[test]
fn a_configuration_without_room_for_the_load() {
    let findings = judge_load(&NodeConfig::default(), &Load::new(1_000));
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:?}");
    let findings = judge_load(&NodeConfig::default(), &Load::new(20_000));
    let refused = |what| findings.iter().any(|f| f.what == what && f.verdict == Verdict::Refusal);
    assert!(refused("node.max_calls") && refused("node.shards"), "{findings:?}");
    assert!(refused("shared ports in node.rtp_ports"), "{findings:?}");
}
