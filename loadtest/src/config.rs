//! What a carrier is told at start: its lines, its callees, its media, its ledger.
//!
//! Owns the configuration types and their textual forms (the values of the command line). Decides nothing.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::behaviour::{Mix, Rule};
use crate::cast::Cast;
use crate::digest::Algorithm;

/// Everything that [`Carrier::start`](crate::Carrier::start) needs.
#[derive(Debug, Clone)]
pub struct CarrierConfig {
    /// The addresses to answer at, at least one.
    pub lines: Vec<LineConfig>,
    /// How callees behave, by weight. Default: [`Mix::default`].
    pub mix: Mix,
    /// Numbers with a behaviour of their own; the first that matches wins over the mix.
    pub rules: Vec<Rule>,
    /// People who say things: whoever is a person by the rules and the mix is one of them. Their times are not scaled. Default: none.
    pub cast: Option<&'static Cast>,
    /// Folder for a stereo recording of every call that one of the cast answered. Costs up to 1 MB of memory a minute of each call.
    /// Default: none.
    pub cast_recordings: Option<PathBuf>,
    /// Decides, with the number dialled, what each callee does. The order of arrival has no part in it.
    pub seed: u64,
    /// Multiplies every human time (ringing, talking, thinking), 0.0 to 1000.0. Default 1.0. Protocol timers stay.
    pub time_scale: f64,
    /// Percent of calls (0 to 100) in which junk is sent to the caller as well. Default 0.
    pub garbage_percent: u8,
    /// Where calls get their far RTP addresses from.
    pub media: MediaMode,
    /// Where RTCP goes. Default: [`RtcpMode::Next`].
    pub rtcp: RtcpMode,
    /// Mean time between our reports of a call. Default 5 s (RFC 3550 section 6.2).
    pub rtcp_interval: Duration,
    /// A time in which all calls are measured. Default: none.
    pub measure: Option<MeasureConfig>,
    /// The core that the carrier's thread is pinned to. Default: none.
    pub core: Option<usize>,
    /// File of the ledger, created anew. Without one it is held in memory until the carrier stops: for short tests.
    pub ledger: Option<PathBuf>,
    /// File that [`CarrierHandle::stop`](crate::CarrierHandle::stop) writes the summary to, as JSON.
    pub summary: Option<PathBuf>,
    /// How many calls (Call-IDs) one number may get before the summary calls it doubled. Default 1: no retries.
    pub calls_per_number_max: u32,
    /// A call that nobody ends is ended by us after this. Default one hour.
    pub call_limit: Duration,
    /// How long [`CarrierHandle::stop`](crate::CarrierHandle::stop) waits for the answers to its last BYEs. Default 1 s.
    pub stop_grace: Duration,
}

impl CarrierConfig {
    /// A carrier with these lines and every other value at its default.
    pub fn new(lines: Vec<LineConfig>) -> Self {
        Self {
            lines,
            mix: Mix::default(),
            rules: Vec::new(),
            cast: None,
            cast_recordings: None,
            seed: 1,
            time_scale: 1.0,
            garbage_percent: 0,
            media: MediaMode::default(),
            rtcp: RtcpMode::default(),
            rtcp_interval: Duration::from_secs(5),
            measure: None,
            core: None,
            ledger: None,
            summary: None,
            calls_per_number_max: 1,
            call_limit: Duration::from_secs(3600),
            stop_grace: Duration::from_secs(1),
        }
    }
}

/// One address of the carrier, with the limits that it sells.
///
/// Text form: `NAME=IP:PORT[,max_calls=N][,max_cps=N][,auth=USER:PASSWORD:REALM][,algorithm=md5|sha-256]
/// [,challenge=401|407][,stale=true][,reject_over=true]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineConfig {
    /// Its name in the ledger.
    pub name: String,
    /// Where it listens (UDP); port 0 takes a free one.
    pub address: SocketAddrV4,
    /// Most calls at once, from INVITE to release. Judged in the summary.
    pub max_calls: Option<u32>,
    /// Most new calls in any rolling second. Judged in the summary.
    pub max_cps: Option<u32>,
    /// Digest credentials that every INVITE must show.
    pub auth: Option<LineAuth>,
    /// Answers 503 to a call over a limit, as many carriers do. Default: the call is served, and the ledger tells.
    pub reject_over: bool,
}

impl LineConfig {
    /// A line without limits or authentication.
    pub fn new(name: impl Into<String>, address: SocketAddrV4) -> Self {
        Self { name: name.into(), address, max_calls: None, max_cps: None, auth: None, reject_over: false }
    }
}

/// How a line challenges (RFC 3261 section 22, RFC 8760).
#[derive(Clone, PartialEq, Eq)]
pub struct LineAuth {
    /// User name expected.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The realm of the challenge.
    pub realm: String,
    /// Hash of the challenge. Default MD5.
    pub algorithm: Algorithm,
    /// 401 (WWW-Authenticate) or 407 (Proxy-Authenticate). Default 407.
    pub challenge: u16,
    /// Challenges the first right answer once more with `stale=true` and a new nonce.
    pub stale: bool,
}

impl std::fmt::Debug for LineAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineAuth")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Where the far RTP address of a call comes from.
///
/// A caller that tells calls of one local port apart by the far address needs a far address for each call: the
/// first two modes give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaMode {
    /// Every call gets a loopback address of its own (127.64.0.1 and up) on a few ports. Cheapest: eight sockets serve
    /// any number of calls. Lines must be on 127.0.0.0/8.
    #[default]
    Addresses,
    /// Every call gets one of this many ports, bound at the start: a file descriptor each.
    Ports(u16),
    /// All calls share one address and port and are told apart by the caller's RTP address.
    Shared,
}

/// Where RTCP of a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtcpMode {
    /// `a=rtcp-mux` is answered with the same where it is offered; elsewhere as [`RtcpMode::Next`].
    Mux,
    /// To the port after that of RTP, whatever is offered: what most gateways do.
    #[default]
    Next,
    /// Nowhere: none is sent, and what comes finds no socket.
    Off,
}

impl FromStr for RtcpMode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "mux" => Ok(Self::Mux),
            "next" => Ok(Self::Next),
            "off" => Ok(Self::Off),
            _ => Err(ParseError::new("RTCP mode", text, "expected mux, next or off")),
        }
    }
}

/// A measuring window: it begins when that many calls have been up for a while, and covers the calls that are up then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureConfig {
    /// Calls that have to be up, that is answered and confirmed.
    pub calls: u32,
    /// How long they have to be up first: what set-up leaves behind must not be measured.
    pub settle: Duration,
    /// How long the window is, 600 s at most: every packet in it is noted.
    pub length: Duration,
    /// File that gets a line `begins UNIX_US` and one `ends UNIX_US`, each when it happens.
    pub marks: Option<PathBuf>,
}

/// A value of the command line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?}: {remedy}")]
pub struct ParseError {
    pub(crate) what: &'static str,
    pub(crate) value: String,
    pub(crate) remedy: &'static str,
}

impl ParseError {
    pub(crate) fn new(what: &'static str, value: &str, remedy: &'static str) -> Self {
        Self { what, value: value.to_owned(), remedy }
    }
}

impl FromStr for MediaMode {
    type Err = ParseError;

    /// `addresses`, `shared`, `own` (2,500 ports) or `own=N`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError::new("media mode", text, "expected addresses, shared, own or own=PORTS");
        match text.split_once('=') {
            None if text == "addresses" => Ok(Self::Addresses),
            None if text == "shared" => Ok(Self::Shared),
            None if text == "own" => Ok(Self::Ports(2_500)),
            Some(("own", ports)) => match ports.parse() {
                Ok(ports) if ports > 0 => Ok(Self::Ports(ports)),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

impl FromStr for LineConfig {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shape = "expected NAME=IP:PORT[,max_calls=N][,max_cps=N][,auth=USER:PASSWORD:REALM][,algorithm=md5|sha-256]\
                     [,challenge=401|407][,stale=true][,reject_over=true]";
        let bad = |value: &str| ParseError::new("line", value, shape);

        let mut parts = text.split(',');
        let (name, address) = parts.next().and_then(|p| p.split_once('=')).ok_or_else(|| bad(text))?;
        if name.is_empty() {
            return Err(bad(text));
        }
        let mut line = Self::new(name, address.parse().map_err(|_| bad(address))?);
        let (mut algorithm, mut challenge, mut stale) = (None, None, None);
        for part in parts {
            let (key, value) = part.split_once('=').ok_or_else(|| bad(part))?;
            match (key, value) {
                ("max_calls", n) => line.max_calls = Some(n.parse().map_err(|_| bad(part))?),
                ("max_cps", n) => line.max_cps = Some(n.parse().map_err(|_| bad(part))?),
                ("auth", value) => {
                    let mut fields = value.splitn(3, ':').map(str::to_owned);
                    let (Some(user), Some(password), Some(realm)) =
                        (fields.next(), fields.next(), fields.next())
                    else {
                        return Err(bad(part));
                    };
                    let algorithm = Algorithm::Md5;
                    line.auth =
                        Some(LineAuth { user, password, realm, algorithm, challenge: 407, stale: false });
                }
                ("algorithm", "md5") => algorithm = Some(Algorithm::Md5),
                ("algorithm", "sha-256") => algorithm = Some(Algorithm::Sha256),
                ("challenge", "401") => challenge = Some(401),
                ("challenge", "407") => challenge = Some(407),
                ("stale", flag) => stale = Some(flag.parse().map_err(|_| bad(part))?),
                ("reject_over", flag) => line.reject_over = flag.parse().map_err(|_| bad(part))?,
                _ => return Err(bad(part)),
            }
        }
        match &mut line.auth {
            Some(auth) => {
                auth.algorithm = algorithm.unwrap_or(auth.algorithm);
                auth.challenge = challenge.unwrap_or(auth.challenge);
                auth.stale = stale.unwrap_or(auth.stale);
            }
            None if algorithm.is_some() || challenge.is_some() || stale.is_some() => {
                return Err(ParseError::new("line", text, "algorithm, challenge and stale need auth"));
            }
            None => {}
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_all_its_options() {
        let line: LineConfig =
            "a=127.0.0.1:5070,max_calls=10,max_cps=2,auth=u:p:example.net,algorithm=sha-256,challenge=401,reject_over=true"
                .parse()
                .unwrap();
        assert_eq!((line.max_calls, line.max_cps, line.reject_over), (Some(10), Some(2), true));
        let auth = line.auth.unwrap();
        assert_eq!((auth.realm.as_str(), auth.challenge), ("example.net", 401));
        assert_eq!(auth.algorithm, Algorithm::Sha256);
    }

    #[test]
    fn a_line_with_an_unknown_option_is_refused() {
        for text in
            ["", "a", "=127.0.0.1:1", "a=localhost", "a=127.0.0.1:1,colour=red", "a=127.0.0.1:1,stale=true"]
        {
            assert!(text.parse::<LineConfig>().is_err(), "{text}");
        }
    }

    #[test]
    fn media_modes_read() {
        assert_eq!("own=9".parse(), Ok(MediaMode::Ports(9)));
        assert_eq!("own".parse(), Ok(MediaMode::Ports(2_500)));
        assert!("own=0".parse::<MediaMode>().is_err());
        assert!("none".parse::<MediaMode>().is_err());
    }
}
