//! What each thing costs. "Here" is a shared 2-core virtual machine (AMD EPYC, Linux 6.18), Peal and the far end on one core
//! each, over loopback; `docs/capacity.md` says what that hides.

/// CPU microseconds of a second of an answered call: prompt, source check, RTCP, quality, voice activity, keys. Here 220 to 300,
/// that is 1.1 to 1.2 times the bare exchange of the packets, which costs 200 to 250 here and 86 to 105 on a faster
/// machine: measure yours with `peal dial`.
pub(super) const CALL_US: f64 = 250.0;

/// What stereo recording adds to it: 3 to 47 % here, mostly 15 to 30 (`docs/decisions/0007`). What a tap adds at most: the bound that
/// `make bench-density` is held to.
pub(super) const RECORD_SHARE: f64 = 0.20;
pub(super) const TAP_SHARE: f64 = 0.30;

/// What hearing adds to it on the shard (the tap, speech that begins and ends, what is said), and what the voice thread takes beside (the
/// gate, the recogniser's connection, the dialogue), as shares of it. Of 717 µs that a call which asks, hears and answers took here, when a
/// plain one took 250, some 350 were the shard's.
pub(super) const HEAR_SHARE: f64 = 0.4;
pub(super) const VOICE_SHARE: f64 = 1.5;

/// CPU microseconds of setting a call up and tearing it down, on the shard. 72 here (`make bench-cps`).
pub(super) const SET_UP_US: f64 = 72.0;

/// Cores of dispatcher, journal and link for each new call a second: 0.1 to 0.2 for 1,000 here.
pub(super) const SIDE_CORES_PER_CPS: f64 = 0.2e-3;

/// Shards of a node at most ([`NodeConfig::shards`](crate::NodeConfig::shards)).
pub(super) const SHARDS_OF_NODE: f64 = 64.0;

/// From the answer to the first packet that proves the far address, seconds; until then the call's port takes no other call.
pub(super) const SETTLE_S: f64 = 1.0;

/// How long a port that one call had for itself rests after it, seconds (`media`'s `REST`).
pub(super) const REST_S: f64 = 30.0;

/// RTP ports, an RTCP port beside each, between 1,024 and 32,767, where Linux begins to choose ports for others.
pub(super) const RTP_PORTS_OF_ADDRESS: f64 = 15_872.0;

/// Descriptors beside sockets and recordings: rings, bells, log, journal, link, scrapes. A node uses some 30.
pub(crate) const SPARE_DESCRIPTORS: u64 = 128;

/// Resident memory of a process, and of each of its shards, without a call, bytes. 13 MiB for a process with one shard;
/// a shard's receive buffers come into play with the load, 4.4 MiB of them unless somebody sends long datagrams.
pub(super) const PROCESS_BYTES: f64 = 14.0 * 1_048_576.0;
pub(super) const SHARD_BYTES: f64 = 6.0 * 1_048_576.0;

/// Memory of a call, its SIP dialog included, bytes. 4.6 to 6.3 kB here, between 200 and 1,500 calls of `peal dial`.
pub(super) const CALL_BYTES: f64 = 6_400.0;

/// What a call that hears takes beside, bytes: connection, dialogue, what was said and is not understood yet. 104 to 126 kB here, between 500 and
/// 2,000 calls.
pub(super) const HEARING_BYTES: f64 = 120_000.0;

/// Connections of a call that hears: to its recogniser or bot, and to the model, the voice or the server that it asks.
pub(super) const CONNECTIONS_OF_HEARING: f64 = 2.0;

/// Bytes a second to the recogniser of a call, of 16 bits at 16 kHz: half the time, pre-roll and the end's silence included, is speech. 51 to 54 %
/// here, with callees who are asked all the time.
pub(super) const HEARD_BYTES_PER_S: f64 = 0.53 * 32_000.0;

/// What SIP keeps of a call that has ended, bytes, and for how long, seconds: 64 × T1 (RFC 3261 section 17).
pub(super) const LINGERING_BYTES: f64 = 4_800.0;
pub(super) const LINGER_S: f64 = 32.0;

/// A recording's buffer and its share of blocks that are on their way to the disk: a buffer is full after 0.8 s and written
/// within less, so hardly two.
pub(super) const RECORDING_BYTES: f64 = 2.0 * 8_704.0;

/// A UDP socket with its file, its inode and the receive that waits on it, bytes. The kernel's slabs grew by 2.7 kB a socket
/// here, and the waiting receive adds less than 1 kB.
pub(super) const SOCKET_BYTES: f64 = 3_700.0;

/// What the kernel charges for a G.711 packet in a queue, bytes.
pub(super) const PACKET_BYTES: f64 = 832.0;

/// How long a shard may be held up before packets must be lost, seconds: what the default queues of RTP sockets, 4 MiB, bear.
pub(super) const STALL_S: f64 = 0.1;

/// RTP packets of a call a second in each direction: one for each 20 ms.
pub(super) const RTP_PER_S: f64 = 50.0;

/// Reports of a call a second in each direction (RFC 3550 section 6.2: one in 5 s).
pub(super) const RTCP_PER_S: f64 = 0.2;

/// SIP messages of a call in each direction: INVITE, ACK, BYE or CANCEL against 100, 180, 200, 200.
pub(super) const SIP_PER_CALL: f64 = 4.0;

/// What a packet occupies on Ethernet, bytes: preamble 8, header 14, IPv4 20, UDP 8, checksum 4, gap 12, and its contents:
/// 12 + 160 of RTP with G.711, some 72 of a report, some 700 of a SIP message.
const FRAME_BYTES: f64 = 8.0 + 14.0 + 20.0 + 8.0 + 4.0 + 12.0;
pub(super) const RTP_WIRE_BYTES: f64 = FRAME_BYTES + 172.0;
pub(super) const RTCP_WIRE_BYTES: f64 = FRAME_BYTES + 72.0;
pub(super) const SIP_WIRE_BYTES: f64 = FRAME_BYTES + 700.0;

/// A recording on disk: two sides of 16 bits at 8 kHz.
pub(super) const RECORDED_BYTES_PER_S: f64 = 32_000.0;

/// The journal's events of a call: some eight of 180 bytes.
pub(super) const JOURNAL_BYTES_PER_CALL: f64 = 1_500.0;

/// Locked memory of the two rings of journal and recordings, 512 entries each: 32 KiB of submissions, 20 of completions.
pub(super) const DISK_LOCKED_BYTES: u64 = 2 * 52 * 1_024;
