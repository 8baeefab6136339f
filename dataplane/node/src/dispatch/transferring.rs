//! Callees that are given to somebody else: how to reach those, and whether the line has a place and a slot for a second call.
//!
//! A number, and a `sip:` URI in the line's own domain, are reached over the line, within its limits. Any other `sip:` URI is
//! called where its host says, which is none of the line's business, if scripts may reach it at all; REFER leaves that to the carrier.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use call::{CallName, Leg, Mail, Target};
use common::{E164, LineId};
use script::TransferMode;
use sip::message::Uri;

use super::{Action, Dispatch, Phase};
use crate::clock::Now;
use crate::gate::GRACE;
use crate::line::{LineSpec, Place, literal, split_address};
use crate::side::BLOCKING_THREADS;

/// Callees whose new partner's host is being looked up, at once.
const WAITING_MAX: usize = 1_000;
/// Hosts that are looked up at once, and those of one line: a name server that does not answer holds a thread for each, and the callees of one
/// line shall not take all of them.
const LOOK_UPS_MAX: usize = BLOCKING_THREADS / 2;
const LOOK_UPS_MAX_A_LINE: usize = 4;

/// Second calls that shards have.
#[derive(Debug, Default)]
pub(super) struct Legs {
    all: u32,
    /// Those that take a place of a line.
    on_lines: BTreeMap<LineId, u32>,
}

impl Legs {
    fn enter(&mut self, line: Option<LineId>) {
        self.all += 1;
        line.into_iter().for_each(|line| *self.on_lines.entry(line).or_default() += 1);
    }

    fn leave(&mut self, line: Option<LineId>) {
        debug_assert!(self.all > 0, "each leg is given once");
        self.all = self.all.saturating_sub(1);
        let Some(line) = line else { return };
        if let Some(legs) = self.on_lines.get_mut(&line) {
            *legs = legs.saturating_sub(1);
            self.on_lines.retain(|_, legs| *legs > 0);
        }
    }

    pub(super) fn all(&self) -> u32 {
        self.all
    }

    /// As heartbeats tell it.
    pub(super) fn on_lines(&self) -> HashMap<i64, u32> {
        self.on_lines.iter().map(|(line, legs)| (line.0, *legs)).collect()
    }
}

/// A second call that waits for the address of its host.
#[derive(Debug)]
pub(super) struct Waiting {
    shard: u16,
    call: CallName,
    number: u32,
    uri: String,
    address: String,
}

impl Dispatch {
    pub(super) fn on_transfer(
        &mut self,
        now: Now,
        shard: u16,
        (call, number): (CallName, u32),
        to: &str,
        mode: TransferMode,
    ) {
        let target = match self.target(now, call, to, mode) {
            Ok(Found::Target(target)) => Ok(target),
            Ok(Found::Host { uri, address }) => match self.look_up_target(call.line, &address) {
                Ok(()) => return self.transfers.push(Waiting { shard, call, number, uri, address }),
                Err(obstacle) => Err(obstacle),
            },
            Err(obstacle) => Err(obstacle),
        };
        self.answer_transfer(shard, call, number, target);
    }

    /// Has a host looked up, unless somebody waits for it already.
    fn look_up_target(&mut self, line: LineId, address: &str) -> Result<(), Obstacle> {
        let of = |wanted: Option<LineId>| {
            let waiting = self.transfers.iter().filter(|it| wanted.is_none_or(|line| it.call.line == line));
            waiting.map(|it| it.address.as_str()).collect::<BTreeSet<_>>()
        };
        let hosts = of(None);
        let is_new = !hosts.contains(address);
        let is_full = hosts.len() >= LOOK_UPS_MAX || of(Some(line)).len() >= LOOK_UPS_MAX_A_LINE;
        if self.transfers.len() >= WAITING_MAX || is_new && is_full {
            return Err(Obstacle::LookUps);
        }
        if is_new {
            self.actions.push_back(Action::LookUp { line, address: address.to_owned() });
        }
        Ok(())
    }

    /// A host was looked up: for whoever waits for it.
    pub(super) fn on_target_looked_up(&mut self, now: Now, address: &str, found: Result<SocketAddr, &str>) {
        let (found_now, waiting) =
            self.transfers.drain(..).partition::<Vec<_>, _>(|waiting| waiting.address == address);
        self.transfers = waiting;
        let may_dial = self.may_dial(now);
        for Waiting { shard, call, number, uri, .. } in found_now {
            let leg = match found {
                Ok(_) if !may_dial => Err(Obstacle::Lease),
                Ok(destination) => self.leg_elsewhere(now, destination),
                Err(why) => {
                    tracing::warn!(address, why, "a callee cannot be transferred: the host does not resolve");
                    Err(Obstacle::Address)
                }
            };
            self.answer_transfer(shard, call, number, leg.map(|leg| Target { uri, leg: Some(leg) }));
        }
    }

    pub(super) fn on_leg_over(&mut self, call: CallName, on_line: bool) {
        self.legs.leave(on_line.then_some(call.line));
        if on_line && let Some(line) = self.lines.get_mut(&call.line) {
            line.gate.leave();
        }
    }

    fn may_dial(&self, now: Now) -> bool {
        matches!(self.phase, Phase::Running) && self.has_lease(now.at)
    }

    fn answer_transfer(&mut self, shard: u16, call: CallName, number: u32, target: Result<Target, Obstacle>) {
        if let Ok(Target { leg: Some(leg), .. }) = &target {
            self.legs.enter(leg.on_line.then_some(call.line));
        }
        let result = match &target {
            Ok(Target { leg: Some(_), .. }) => "bridge",
            Ok(Target { leg: None, .. }) => "refer",
            Err(obstacle) => obstacle.as_str(),
        };
        self.metrics.dialogues().transfer(result);
        self.actions
            .push_back(Action::Mail { shard, mail: Mail::Transfer { call, number, target: target.ok() } });
    }

    fn target(&mut self, now: Now, call: CallName, to: &str, mode: TransferMode) -> Result<Found, Obstacle> {
        let may_dial = self.may_dial(now);
        let ipv6 = self.settings.ipv6;
        let line = self.lines.get_mut(&call.line).filter(|line| line.listed).ok_or(Obstacle::Line)?;
        let (uri, elsewhere) = uri(&line.spec, to).ok_or(Obstacle::Address)?;
        if mode == TransferMode::Refer {
            return Ok(Found::Target(Target { uri, leg: None }));
        }
        if !may_dial {
            return Err(Obstacle::Lease);
        }
        if let Some(address) = elsewhere {
            return match literal(&address) {
                Some(destination) => {
                    let leg = Some(self.leg_elsewhere(now, destination)?);
                    Ok(Found::Target(Target { uri, leg }))
                }
                None => Ok(Found::Host { uri, address }),
            };
        }
        let Place::At(destination) = line.place else { return Err(Obstacle::Line) };
        if destination.is_ipv6() != ipv6 {
            return Err(Obstacle::Address);
        }
        if !line.gate.enter() {
            return Err(Obstacle::Busy);
        }
        let slot = line.gate.reserve(now.at);
        let leg = Leg {
            on_line: true,
            destination,
            credentials: line.spec.credentials.clone(),
            send_at: slot.send_at,
            send_by: slot.send_by,
        };
        Ok(Found::Target(Target { uri, leg: Some(leg) }))
    }

    fn leg_elsewhere(&self, now: Now, destination: SocketAddr) -> Result<Leg, Obstacle> {
        if destination.is_ipv6() != self.settings.ipv6 {
            return Err(Obstacle::Address);
        }
        if !self.settings.reach.allows(destination.ip()) {
            return Err(Obstacle::Forbidden);
        }
        let (send_at, send_by) = (now.at, now.at + 5 * GRACE);
        Ok(Leg { on_line: false, destination, credentials: None, send_at, send_by })
    }
}

enum Found {
    Target(Target),
    /// The address must be looked up first.
    Host {
        uri: String,
        address: String,
    },
}

/// Why a callee is not given away.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    /// The line was taken away, or its address is unknown.
    Line,
    /// The line has no place left.
    Busy,
    /// Too many hosts are being looked up.
    LookUps,
    /// The node may start no calls.
    Lease,
    /// It is no number and no URI of an address that can be reached.
    Address,
    /// It is an address that scripts must not reach.
    Forbidden,
}

impl Obstacle {
    fn as_str(self) -> &'static str {
        match self {
            Self::Line => "no_line",
            Self::Busy => "line_full",
            Self::LookUps => "look_ups_full",
            Self::Lease => "no_lease",
            Self::Address => "bad_address",
            Self::Forbidden => "forbidden_address",
        }
    }
}

/// The URI of a number or of itself, and the `host:port` to be called if that is not the line's.
fn uri(line: &LineSpec, to: &str) -> Option<(String, Option<String>)> {
    if !to.starts_with("sip:") {
        let number = E164::parse(to).ok()?;
        let user = line.dial(number.expose().as_str()).replace('#', "%23");
        return Some((format!("sip:{user}@{}", line.domain), None));
    }
    Uri::parse(to.as_bytes())?;
    let after_user = to.rsplit_once('@').map_or(&to[4..], |(_, rest)| rest);
    let address = after_user.split([';', '?']).next().unwrap_or_default().to_ascii_lowercase();
    split_address(&address)?;
    let is_lines = address.eq_ignore_ascii_case(&line.domain) || address.eq_ignore_ascii_case(&line.address);
    Some((to.to_owned(), (!is_lines).then_some(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_the_lines_own_domain_go_over_the_line() {
        let line = proto::v1::Line {
            address: "10.0.0.2:5070".into(),
            domain: "carrier.example".into(),
            max_cps: 5,
            max_calls: 1,
            prefix: "9#".into(),
            digits_only: true,
            ..Default::default()
        };
        let line = LineSpec::read(line).expect("well formed");
        for (to, expected) in [
            ("+8613900139000", Some(("sip:9%238613900139000@carrier.example", None))),
            ("sip:ann@CARRIER.example", Some(("sip:ann@CARRIER.example", None))),
            ("sip:ann@10.0.0.2:5070", Some(("sip:ann@10.0.0.2:5070", None))),
            ("sip:ann@PBX.Example", Some(("sip:ann@PBX.Example", Some("pbx.example")))),
            ("sip:ann@10.0.0.2:5072", Some(("sip:ann@10.0.0.2:5072", Some("10.0.0.2:5072")))),
            (
                "sip:ann@pbx.example;transport=udp",
                Some(("sip:ann@pbx.example;transport=udp", Some("pbx.example"))),
            ),
            ("sip:pbx.example:5062", Some(("sip:pbx.example:5062", Some("pbx.example:5062")))),
            ("8613900139000", None),
            ("sip:", None),
            ("sip:a@b:0", None),
        ] {
            let found = uri(&line, to);
            let found = found.as_ref().map(|(uri, address)| (uri.as_str(), address.as_deref()));
            assert_eq!(found, expected, "{to}");
        }
    }
}
