//! One line of the table: what the control plane says about it, its gate, and the orders on their way through it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use common::{CallsPerSecond, LineId};
use media::{Codec, PortMode};
use sip::Credentials;

use crate::gate::LineGate;
use crate::seen::TryKey;

/// The port of a line's address that names none (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

/// What the control plane says about a line, made usable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineSpec {
    pub(crate) name: String,
    /// As configured: `host` or `host:port`.
    pub(crate) address: String,
    /// Host part of the URIs.
    pub(crate) domain: String,
    pub(crate) credentials: Option<Arc<Credentials>>,
    pub(crate) max_calls: u32,
    pub(crate) rate: CallsPerSecond,
    pub(crate) codecs: Arc<[Codec]>,
    pub(crate) port_mode: PortMode,
    /// Before each number.
    pub(crate) prefix: String,
    /// Numbers have no plus.
    pub(crate) digits_only: bool,
}

impl LineSpec {
    /// Reads a line of the wire, or says what is wrong with it.
    pub(crate) fn read(line: proto::v1::Line) -> Result<Self, String> {
        let (host, _) = split_address(&line.address)
            .ok_or_else(|| format!("the address '{}' is not host or host:port", line.address))?;
        let domain = if line.domain.is_empty() { host.to_owned() } else { line.domain };
        let rate = CallsPerSecond::try_from(line.max_cps)?;
        let mut codecs = Vec::new();
        for name in &line.codecs {
            codecs.push(codec(name).ok_or_else(|| format!("the codec '{name}' is unknown"))?);
        }
        if codecs.is_empty() {
            codecs = vec![Codec::Pcma, Codec::Pcmu];
        }
        let port_mode = match line.media_ports.as_str() {
            "" | "shared" => PortMode::Shared,
            "own" => PortMode::Own,
            other => return Err(format!("media_ports '{other}' is neither shared nor own")),
        };
        let credentials = (!line.username.is_empty()).then(|| {
            let realm = if line.realm.is_empty() { None } else { Some(line.realm) };
            Arc::new(Credentials { username: line.username, password: line.password, realm })
        });
        Ok(Self {
            name: line.name,
            address: line.address,
            domain,
            credentials,
            max_calls: line.max_calls,
            rate,
            codecs: codecs.into(),
            port_mode,
            prefix: line.prefix,
            digits_only: line.digits_only,
        })
    }

    /// A number in E.164 as the user part of a URI on this line.
    pub(crate) fn dial(&self, number: &str) -> String {
        let written = if self.digits_only { number.trim_start_matches('+') } else { number };
        format!("{}{written}", self.prefix)
    }
}

fn codec(name: &str) -> Option<Codec> {
    match name {
        "PCMU" => Some(Codec::Pcmu),
        "PCMA" => Some(Codec::Pcma),
        _ => None,
    }
}

/// The name of a codec in records.
pub(crate) fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
    }
}

/// Host (an IPv6 address keeps its brackets) and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (address, SIP_PORT),
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let well_formed = match bracketed {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let host_sign = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            !host.is_empty() && host.len() <= 253 && host.bytes().all(host_sign)
        }
    };
    well_formed.then_some((host, port))
}

/// The socket address that an address names by itself, without a look-up.
pub(crate) fn literal(address: &str) -> Option<SocketAddr> {
    let (host, port) = split_address(address)?;
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

/// What is known about where a line's INVITEs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Asked for, no answer yet.
    Looking,
    /// Found; kept when a later look-up fails.
    At(SocketAddr),
    /// Never found so far, and why.
    Nowhere(String),
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: LineId,
    pub(crate) spec: LineSpec,
    /// False once the control plane no longer names it: it takes no orders, but its calls still count.
    pub(crate) listed: bool,
    pub(crate) gate: LineGate,
    pub(crate) place: Place,
    /// When the address is to be looked up again; `None` for literal ones.
    pub(crate) look_up_at: Option<Instant>,
    /// Orders that hold nothing yet, in order of arrival. A key whose call has gone, or is elsewhere, is passed over.
    pub(crate) waiting: VecDeque<TryKey>,
    /// Orders whose `Begun` is on its way to the disk.
    pub(crate) journalling: usize,
    /// Orders whose `Begun` is durable and which need a slot. As `waiting`, may hold stale keys.
    pub(crate) ready: VecDeque<TryKey>,
}

impl Line {
    pub(crate) fn new(now: Instant, id: LineId, spec: LineSpec) -> Self {
        let gate = LineGate::new(now, spec.max_calls, spec.rate);
        let mut line = Self {
            id,
            spec,
            listed: true,
            gate,
            place: Place::Looking,
            look_up_at: None,
            waiting: VecDeque::new(),
            journalling: 0,
            ready: VecDeque::new(),
        };
        line.look_anew(now);
        line
    }

    /// Takes what the control plane says now. The gate lives on, whatever changes.
    pub(crate) fn update(&mut self, now: Instant, spec: LineSpec) {
        self.gate.set_limits(now, spec.max_calls, spec.rate);
        let moved = self.spec.address != spec.address;
        self.spec = spec;
        self.listed = true;
        if moved {
            self.place = Place::Looking;
            self.look_anew(now);
        }
    }

    fn look_anew(&mut self, now: Instant) {
        match literal(&self.spec.address) {
            Some(address) => (self.place, self.look_up_at) = (Place::At(address), None),
            None => self.look_up_at = Some(now),
        }
    }

    /// Nothing of it is left: no call counts, no order is under way.
    pub(crate) fn is_over(&self) -> bool {
        !self.listed && self.gate.holders() == 0 && self.waiting.is_empty() && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_and_checked() {
        for (text, expected) in [
            ("carrier.example", Some(("carrier.example", 5060))),
            ("127.0.0.1:5070", Some(("127.0.0.1", 5070))),
            ("[::1]", Some(("[::1]", 5060))),
            ("[::1]:5070", Some(("[::1]", 5070))),
            ("::1", None),
            ("host:0", None),
            ("host:70000", None),
            ("", None),
            ("a b", None),
            ("x>\r\nVia: y", None),
        ] {
            assert_eq!(split_address(text), expected, "{text}");
        }
        assert_eq!(literal("[::1]:5070"), "[::1]:5070".parse().ok());
        assert_eq!(literal("carrier.example"), None);
    }

    #[test]
    fn a_line_of_the_wire_is_checked() {
        let line = proto::v1::Line { address: "h:5".into(), max_cps: 5, max_calls: 1, ..Default::default() };
        let spec = LineSpec::read(line.clone()).expect("well formed");
        assert_eq!((spec.domain.as_str(), spec.codecs.len(), spec.credentials), ("h", 2, None));
        for spoil in [
            (|l| l.address = "h:".into()) as fn(&mut proto::v1::Line),
            |l| l.max_cps = 0,
            |l| l.codecs = vec!["G729".into()],
            |l| l.media_ports = "none".into(),
        ] {
            let mut line = line.clone();
            spoil(&mut line);
            assert!(LineSpec::read(line).is_err());
        }
    }
}
