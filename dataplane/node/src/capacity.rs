//! What a number of calls needs: cores, memory, ports, descriptors, packets and bits a second, room on disk.
//!
//! Pure arithmetic over prices that were measured; each says where it comes from and what would change it. It plans for
//! the mean of a busy hour and leaves the spare that admission keeps anyway; it never looks at a machine, which is what
//! [`limits`](crate::limits) does. The long story, and a table of figures that a test holds to this model, are in
//! `docs/capacity.md`.

mod price;

use call::admission::{ANSWERED_MIN, SET_UPS, SHARE_MAX};
use serde::Serialize;

pub(crate) use self::price::SPARE_DESCRIPTORS;
use self::price::*;

/// The calls that are to be carried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Answered calls at once.
    pub calls: u32,
    /// New calls a second; as many as keep `calls` answered ones up when absent.
    pub cps: Option<f64>,
    /// Share of the calls that are answered, above 0 to 1.
    pub answer_rate: f64,
    /// Mean time from INVITE to the answer or its absence, seconds.
    pub ring_s: f64,
    /// Mean length of an answered call, seconds. Above 0.
    pub talk_s: f64,
    /// Whether carriers send audio before the answer, to which each call that rings then listens.
    pub early_media: bool,
    /// Whether answered calls are recorded.
    pub record: bool,
    /// Whether the audio of answered calls is handed to a side thread.
    pub tap: bool,
    /// Whether answered calls listen to their callees by a recogniser, or lend them to a bot, and speak.
    pub hear: bool,
    /// Whether each call has an RTP port of its own (`media_ports = "own"`).
    pub own_ports: bool,
    /// CPU microseconds of one second of one answered call that is neither recorded nor tapped and hears nobody, as `peal dial` prints it.
    pub call_us: f64,
    /// Cores of one node.
    pub node_cores: u32,
}

impl Load {
    /// `calls` answered calls of a notification campaign on nodes of 16 cores.
    pub fn new(calls: u32) -> Self {
        Self {
            calls,
            cps: None,
            answer_rate: 0.3,
            ring_s: 20.0,
            talk_s: 60.0,
            early_media: false,
            record: false,
            tap: false,
            hear: false,
            own_ports: false,
            call_us: CALL_US,
            node_cores: 16,
        }
    }

    fn rate(&self) -> f64 {
        self.cps.unwrap_or(f64::from(self.calls) / (self.talk_s * self.answer_rate))
    }
}

/// What it takes, in all nodes together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// Answered calls at once.
    pub calls: u32,
    /// New calls a second.
    pub cps: f64,
    /// Calls at once that are being set up, at the peak.
    pub setting_up: u32,
    /// `node.max_calls`, of all nodes together: answered calls and those being set up.
    pub max_calls: u32,
    /// Machines, each with its own address.
    pub nodes: u32,
    /// Cores' worth of work that the shards do.
    pub busy: f64,
    /// Cores' worth of work that the voice threads do, one for each shard.
    pub voice_busy: f64,
    /// Shards, one core each, of which admission leaves a part free for bursts.
    pub shards: u32,
    /// Cores, those of the side threads and of the voice threads included.
    pub cores: u32,
    /// RTP ports that calls share: one for each call that is being set up.
    pub shared_rtp_ports: u32,
    /// RTP ports of calls that have one each, and those that rest after a call.
    pub own_rtp_ports: u32,
    /// Sockets: RTP, RTCP, and a signalling socket for each shard.
    pub sockets: u32,
    /// File descriptors.
    pub descriptors: u32,
    /// Memory.
    pub memory: Memory,
    /// Locked memory, counted since Linux 6.14 (`ulimit -l`), bytes.
    pub locked_bytes: u64,
    /// Packets a second in each direction.
    pub packets_per_s: f64,
    /// Bits a second in each direction on Ethernet, with everything that occupies the wire.
    pub bits_per_s: f64,
    /// Bits a second of audio to recognisers that take 16 kHz, beside those.
    pub heard_bits_per_s: f64,
    /// Bytes a second written to disk.
    pub disk_bytes_per_s: f64,
}

/// Memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Of the processes without a call.
    pub idle: u64,
    /// Of calls that are up or being set up.
    pub calls: u64,
    /// Of SIP transactions that linger after their call.
    pub lingering: u64,
    /// Of recordings.
    pub recordings: u64,
    /// Of calls that hear, beside what every call takes.
    pub hearing: u64,
    /// Of sockets and rings, in the kernel.
    pub kernel: u64,
    /// Of packets that wait in the kernel while a shard is held up for 0.1 s.
    pub kernel_queues: u64,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.idle
            + self.calls
            + self.lingering
            + self.recordings
            + self.hearing
            + self.kernel
            + self.kernel_queues
    }
}

impl Capacity {
    /// What `load` takes.
    pub fn of(load: &Load) -> Self {
        let (calls, cps) = (f64::from(load.calls), load.rate());
        let setting_up = peak(cps * (load.ring_s + SETTLE_S));
        let listening = if load.early_media { setting_up } else { 0.0 };

        let share = |is_asked: bool, share| if is_asked { share } else { 0.0 };
        let extras =
            share(load.record, RECORD_SHARE) + share(load.tap, TAP_SHARE) + share(load.hear, HEAR_SHARE);
        let busy = (calls * (1.0 + extras) + listening) * load.call_us * 1e-6 + cps * SET_UP_US * 1e-6;
        let hearing = if load.hear { calls } else { 0.0 };
        let voice_busy = hearing * VOICE_SHARE * load.call_us * 1e-6;
        // A voice thread needs room for bursts as a shard does, and each has its shard.
        let voice_cores = voice_busy / f64::from(SHARE_MAX);
        let shards = shards(load, busy).max(voice_cores.ceil());
        let side_cores = cps * SIDE_CORES_PER_CPS + voice_cores;

        let resting = if load.own_ports { cps * REST_S } else { 0.0 };
        let own = if load.own_ports { (calls + setting_up + resting).ceil() } else { 0.0 };
        let shared = if load.own_ports { shards } else { setting_up.max(shards) };

        let by_cores = ((shards + side_cores) / f64::from(load.node_cores.max(1))).ceil();
        let by_ports = ((shared + own) / RTP_PORTS_OF_ADDRESS).ceil();
        let by_shards = (shards / SHARDS_OF_NODE).ceil();
        let nodes = by_cores.max(by_ports).max(by_shards).max(1.0);
        // Each node rounds its side threads up to a core.
        let cores = shards + (side_cores / nodes).ceil() * nodes;

        let sockets = 2.0 * (shared + own) + shards;
        let recordings = if load.record { calls } else { 0.0 };
        let connections = hearing * CONNECTIONS_OF_HEARING;
        let packets = (calls + listening) * (RTP_PER_S + RTCP_PER_S) + cps * SIP_PER_CALL;
        let bytes = (calls + listening) * (RTP_PER_S * RTP_WIRE_BYTES + RTCP_PER_S * RTCP_WIRE_BYTES)
            + cps * SIP_PER_CALL * SIP_WIRE_BYTES;
        let sockets_of_shard = (sockets / shards).ceil() as usize;
        let locked = shard::Shard::locked_bytes(&shard::Sizes::default(), sockets_of_shard);
        Self {
            calls: load.calls,
            cps,
            setting_up: setting_up as u32,
            max_calls: (calls + setting_up) as u32,
            nodes: nodes as u32,
            busy,
            voice_busy,
            shards: shards as u32,
            cores: cores as u32,
            shared_rtp_ports: shared as u32,
            own_rtp_ports: own as u32,
            sockets: sockets as u32,
            descriptors: (sockets + recordings + connections + nodes * SPARE_DESCRIPTORS as f64) as u32,
            memory: Memory {
                idle: (nodes * PROCESS_BYTES + shards * SHARD_BYTES) as u64,
                calls: ((calls + setting_up) * CALL_BYTES) as u64,
                lingering: (cps * LINGER_S * LINGERING_BYTES) as u64,
                recordings: (recordings * RECORDING_BYTES) as u64,
                hearing: (hearing * HEARING_BYTES) as u64,
                kernel: ((sockets + connections) * SOCKET_BYTES) as u64 + shards as u64 * locked,
                kernel_queues: (packets * STALL_S * PACKET_BYTES) as u64,
            },
            locked_bytes: shards as u64 * locked + nodes as u64 * locked_beside_shards(),
            packets_per_s: packets,
            bits_per_s: bytes * 8.0,
            heard_bits_per_s: hearing * HEARD_BYTES_PER_S * 8.0,
            disk_bytes_per_s: recordings * RECORDED_BYTES_PER_S + cps * JOURNAL_BYTES_PER_CALL,
        }
    }
}

/// The fewest shards that carry `busy` cores' worth of work and take all new calls: admission counts in what those will
/// cost that ring, as far as not as many end meanwhile.
fn shards(load: &Load, busy: f64) -> f64 {
    let calls = f64::from(load.calls).max(1.0);
    let mut shards = (busy / f64::from(SHARE_MAX)).ceil().max(1.0);
    while busy * (1.0 + promised(load, shards) / calls) > shards * f64::from(SHARE_MAX) {
        shards += 1.0;
    }
    shards
}

/// Calls for which admission keeps room beside those that are up, in all shards together: of each shard's ringing ones, at
/// the peak, those that will be answered, less those that end while so many ring as do on the mean; both by means over so
/// few set-ups that they swing, for which two deviations are added.
fn promised(load: &Load, shards: f64) -> f64 {
    let cps = load.rate();
    let ringing = cps * load.ring_s / shards;
    let answered = peak(ringing) * load.answer_rate.max(f64::from(ANSWERED_MIN));
    let ended = (f64::from(load.calls) / load.talk_s / cps).min(load.answer_rate);
    let swing = 2.0 * (load.answer_rate / f64::from(SET_UPS)).sqrt();
    ((answered - ringing * (ended - swing)) * shards).max(0.0)
}

/// What so many calls that hear take beside what every call does, bytes.
pub(crate) fn of_hearing(calls: u64) -> u64 {
    (calls as f64 * (HEARING_BYTES + CONNECTIONS_OF_HEARING * SOCKET_BYTES)) as u64
}

/// Memory of a node that is as full as its configuration allows, recordings and hearing apart, bytes.
pub(crate) fn of_config(sockets: u64, shards: u64, max_calls: u64, locked_bytes: u64) -> u64 {
    let calls = max_calls as f64 * CALL_BYTES;
    let idle = PROCESS_BYTES + shards as f64 * SHARD_BYTES;
    (idle + calls + sockets as f64 * SOCKET_BYTES) as u64 + locked_bytes + queued_bytes(max_calls)
}

/// Locked memory of a node beside its shards, bytes: the disk's rings, and two that were opened to see whether it may be
/// done, whose memory the kernel gives back some time after they are closed.
pub(crate) fn locked_beside_shards() -> u64 {
    DISK_LOCKED_BYTES + 2 * shard::Shard::locked_bytes(&shard::Sizes::default(), 0)
}

/// What so many calls put into kernel queues while a shard is held up, bytes.
pub(crate) fn queued_bytes(calls: u64) -> u64 {
    (calls as f64 * RTP_PER_S * STALL_S * PACKET_BYTES) as u64
}

/// A number that chance keeps near `mean`, as it is when it is high: calls end their ringing independently of each other,
/// so the number that rings is spread as Poisson's, and three deviations are passed once in a thousand looks.
fn peak(mean: f64) -> f64 {
    (mean + 3.0 * mean.sqrt()).ceil()
}
