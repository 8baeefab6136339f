//! The configuration of a node: the `[node]` table of the configuration file.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use media::wav::WavFormat;
use serde::{Deserialize, Serialize};

use crate::voice::config::VoiceConfig;

/// Everything that can be set. Unknown keys are refused; every key has a default that works on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Name of this node, unique among the nodes of a control plane; letters, digits, `-`, `_`, `.`, at most 64. Default
    /// `node-1`. The control plane numbers a node's events by it: a changed name is another node.
    pub name: String,
    /// Address of this machine on which SIP and RTP sockets are bound. Default `127.0.0.1`, which reaches nobody but this
    /// machine: set the address that the carriers know.
    pub address: IpAddr,
    /// Address that carriers should use for us when it is not `address`: behind NAT. Default none.
    pub advertised: Option<IpAddr>,
    /// UDP port of the first shard's SIP socket; shard n has port + n. Default 5060.
    pub sip_port: u16,
    /// UDP ports for RTP and RTCP, split evenly among the shards: RTP on the even ones, RTCP on the odd one above each.
    /// Default 20000 to 23999. One that another program has stops the start. A port carries many calls, but at most one
    /// whose far address is not known yet, so each shard needs as many as it has calls ringing at once.
    pub rtp_ports: PortRange,
    /// Of the RTP ports, how many are kept for lines that ask for a port of their own for each call
    /// (`media_ports = "own"`), in all shards together. Default 200. Such a call holds its port for 30 s beyond its end.
    pub rtp_own_ports: u16,
    /// Shards: threads that carry calls, one core each. 1 to 64, default 1.
    pub shards: u16,
    /// Cores to pin the shards to, one for each. Default empty: the scheduler places them, which costs migrations.
    pub cores: Vec<usize>,
    /// Most calls at once, orders that wait for their sending slot included. Default 6,000: what one core carries. More
    /// are refused.
    pub max_calls: u32,
    /// Folder of the journal. Default `data/node`. Must survive a restart: it is what keeps a call from being made twice.
    pub data: PathBuf,
    /// Folder of the recordings. Default `data/recordings`.
    pub recordings: PathBuf,
    /// How recordings are stored. Default `pcm`.
    pub recording_format: RecordingFormat,
    /// Largest size of the journal, bytes; beyond it new orders are refused. Default 256 MiB: some
    /// 1,500,000 events, which also take about twice that in memory while nobody acknowledges them.
    pub journal_bytes_max: u64,
    /// `http://host:port` of the control plane's link service. Default `http://127.0.0.1:7400`.
    pub control_plane: String,
    /// Secret that the control plane asks nodes for. Default none.
    pub token: Secret,
    /// Address of the HTTP listener for `/metrics`, `/healthz` and `/readyz`. Default `127.0.0.1:9464`; port 0 lets the
    /// kernel choose. There is no authentication on it.
    pub metrics: SocketAddr,
    /// How long calls may go on after a request to stop before they are hung up, seconds. Default 300. 0 hangs up at once.
    pub drain_s: u32,
    /// Text of the User-Agent header. Default `Peal`.
    pub user_agent: String,
    /// Whether silence is sent while nothing is played. Default true: many carriers end a call in which no RTP comes. False
    /// saves half of the packets of a quiet call.
    pub send_silence: bool,
    /// An answered call in which nothing was heard for so long is hung up, seconds; 0 never does. Default 60.
    pub media_timeout_s: u32,
    /// How calls hear, speak and ask servers.
    pub voice: VoiceConfig,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            name: "node-1".to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised: None,
            sip_port: 5060,
            rtp_ports: PortRange { first: 20_000, last: 23_999 },
            rtp_own_ports: 200,
            shards: 1,
            cores: Vec::new(),
            max_calls: 6_000,
            data: PathBuf::from("data/node"),
            recordings: PathBuf::from("data/recordings"),
            recording_format: RecordingFormat::Pcm,
            journal_bytes_max: 256 << 20,
            control_plane: "http://127.0.0.1:7400".to_owned(),
            token: Secret::default(),
            metrics: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            drain_s: 300,
            user_agent: "Peal".to_owned(),
            send_silence: true,
            media_timeout_s: 60,
            voice: VoiceConfig::default(),
        }
    }
}

/// How the samples of recordings are stored, in stereo WAV files either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingFormat {
    /// 16-bit linear, 32 kB a second: every player and every library opens it.
    #[default]
    Pcm,
    /// As it was on the wire, 16 kB a second. Players, ffmpeg and sox open it, Python's `wave` does not.
    G711,
}

impl From<RecordingFormat> for WavFormat {
    fn from(format: RecordingFormat) -> WavFormat {
        match format {
            RecordingFormat::Pcm => WavFormat::Pcm16,
            RecordingFormat::G711 => WavFormat::G711,
        }
    }
}

/// UDP ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortRange {
    /// The first. 0 lets the kernel choose `last` + 1 RTP ports, odd ones too, and as many for RTCP.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl PortRange {
    /// The ports for calls that share them, and those for calls that have one each.
    ///
    /// Only even ones (RFC 3550 section 11) below another: RTCP has the odd one above.
    pub(crate) fn split(&self, own: u16) -> (Vec<u16>, Vec<u16>) {
        let usable = |port: &u16| self.first == 0 || (port.is_multiple_of(2) && *port < self.last);
        let mut shared: Vec<u16> = (self.first..=self.last).filter(usable).collect();
        let own = shared.split_off(shared.len().saturating_sub(usize::from(own)));
        let chosen = |ports: Vec<u16>| if self.first == 0 { vec![0; ports.len()] } else { ports };
        (chosen(shared), chosen(own))
    }
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "***" })
    }
}

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node.{field}: {what}")]
pub struct InvalidConfig {
    /// The key.
    pub field: &'static str,
    /// The rule that it breaks.
    pub what: String,
}

impl NodeConfig {
    /// Checks every value that can be checked without touching the machine.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let refuse = |field, what: String| Err(InvalidConfig { field, what });
        let name_sign = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(name_sign) {
            return refuse("name", "must be 1 to 64 letters, digits, '-', '_' or '.'".to_owned());
        }
        if self.address.is_unspecified() && self.advertised.is_none() {
            return refuse(
                "advertised",
                "is needed when address is a wildcard: SDP names one address".to_owned(),
            );
        }
        if self.advertised.is_some_and(|a| a.is_unspecified() || a.is_ipv4() != self.address.is_ipv4()) {
            return refuse("advertised", "must be one address of the same family as address".to_owned());
        }
        if !(1..=64).contains(&self.shards) {
            return refuse("shards", format!("must be 1 to 64, not {}", self.shards));
        }
        if self.sip_port != 0 && self.sip_port.checked_add(self.shards - 1).is_none() {
            return refuse("sip_port", format!("leaves no room for {} shards below 65536", self.shards));
        }
        if self.rtp_ports.last < self.rtp_ports.first {
            return refuse("rtp_ports", "last must not be below first".to_owned());
        }
        let shards = usize::from(self.shards);
        let (shared, _) = self.rtp_ports.split(self.rtp_own_ports);
        if shared.len() / shards == 0 {
            return refuse("rtp_ports", format!("leaves no shared port for each of {shards} shards"));
        }
        let sip_last = self.sip_port.saturating_add(self.shards - 1);
        if self.sip_port != 0 && self.sip_port <= self.rtp_ports.last && self.rtp_ports.first <= sip_last {
            return refuse("rtp_ports", "overlaps the SIP ports".to_owned());
        }
        if !self.cores.is_empty() && self.cores.len() != shards {
            return refuse("cores", format!("must name {shards} cores, one for each shard, or none"));
        }
        if !(1..=1_000_000).contains(&self.max_calls) {
            return refuse("max_calls", format!("must be 1 to 1000000, not {}", self.max_calls));
        }
        if self.journal_bytes_max < 1 << 20 {
            return refuse("journal_bytes_max", "must be at least 1048576".to_owned());
        }
        if !self.control_plane.starts_with("http://") {
            return refuse("control_plane", "must be http://host:port".to_owned());
        }
        self.voice.check()?;
        if self.user_agent.len() > 128 || self.user_agent.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return refuse("user_agent", "must be at most 128 ASCII characters, none of control".to_owned());
        }
        Ok(())
    }

    /// Sockets for media, in all shards together.
    pub(crate) fn media_sockets(&self) -> usize {
        let (shared, own) = self.rtp_ports.split(self.rtp_own_ports);
        2 * (shared.len() + own.len())
    }

    /// The longest that a drain lets calls go on.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(u64::from(self.drain_s))
    }

    /// The address that carriers see.
    pub fn public_address(&self) -> IpAddr {
        self.advertised.unwrap_or(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_its_text() {
        let config = NodeConfig::default();
        assert_eq!(config.check(), Ok(()));
        let text = toml::to_string(&config).expect("plain values");
        assert_eq!(toml::from_str::<NodeConfig>(&text).expect("own text"), config);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = toml::from_str::<NodeConfig>("max_cals = 5").expect_err("no such key");
        assert!(error.to_string().contains("max_cals"), "{error}");
    }

    #[test]
    fn each_wrong_value_is_named() {
        type Spoil = fn(&mut NodeConfig);
        let cases: [(&str, Spoil); 12] = [
            ("name", |c| c.name = "a b".to_owned()),
            ("advertised", |c| c.address = "0.0.0.0".parse().expect("an address")),
            ("advertised", |c| c.advertised = Some("::1".parse().expect("an address"))),
            ("shards", |c| c.shards = 0),
            ("sip_port", |c| (c.sip_port, c.shards) = (65_535, 2)),
            ("rtp_ports", |c| c.rtp_ports = PortRange { first: 9, last: 8 }),
            ("rtp_ports", |c| c.rtp_own_ports = 2_000),
            ("rtp_ports", |c| c.sip_port = 20_501),
            ("cores", |c| c.cores = vec![0, 1]),
            ("max_calls", |c| c.max_calls = 0),
            ("control_plane", |c| c.control_plane = "host:1".to_owned()),
            ("user_agent", |c| c.user_agent = "a\r\nb".to_owned()),
        ];
        for (field, spoil) in cases {
            let mut config = NodeConfig::default();
            spoil(&mut config);
            assert_eq!(config.check().expect_err(field).field, field);
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let config = NodeConfig { token: Secret("hunter2".to_owned()), ..NodeConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
