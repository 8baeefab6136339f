//! An order comes in: everything that can be checked before it waits.

use std::time::{Duration, Instant};

use call::Tap;
use common::{AttemptId, Epoch, LineId, ScriptId, UnixMicros};
use jiff::tz::TimeZone;
use media::Latching;
use proto::v1::order::Tap as WireTap;
use proto::v1::refused::Reason;

use super::call_table::{Call, Stage};
use super::shard_table::Declined;
use super::{Dispatch, Phase};
use crate::assets::Lookup;
use crate::clock::Now;
use crate::line::Place;
use crate::refusal::Refusal;
use crate::seen::{Sight, TryKey};

/// Longest times that an order may ask for.
const MAX_RING: Duration = Duration::from_secs(600);
const MAX_CALL: Duration = Duration::from_secs(24 * 3_600);

impl Dispatch {
    pub(super) fn on_order(&mut self, now: Now, order: proto::v1::Order) {
        let Some(attempt) = AttemptId::from_slice(&order.attempt) else {
            // No name, so nobody to tell about.
            tracing::error!("an order whose attempt is not 16 bytes");
            return;
        };
        let (key, line) = ((attempt, order.route_try), LineId(order.line));
        if let Some(refusal) = self.refusal_by_history(&order, attempt) {
            return self.tell_refused(now, key, line, refusal);
        }
        self.seen.insert(key);
        let expires = match self.refusal_by_state(now, &order).map_or_else(|| check(now, &order), Err) {
            Ok(expires) => expires,
            Err(refusal) => return self.tell_refused(now, key, line, refusal),
        };
        let recording = order.recording.clone().into_boxed_str();
        let zone = zone(&order.time_zone);
        let stage = Stage::Parked(Box::new(order));
        let (declined_by, begun_at) = (Declined::default(), UnixMicros(0));
        let call = Call { line, stage, expires, declined_by, recording, zone, begun: None, begun_at };
        self.calls.insert(key, call);
        self.unpark_one(now, key);
    }

    /// Gives every parked order another look.
    pub(super) fn unpark(&mut self, now: Now) {
        for key in self.calls.parked_keys() {
            self.unpark_one(now, key);
        }
    }

    pub(super) fn unpark_one(&mut self, now: Now, key: (AttemptId, u32)) {
        let Some(Stage::Parked(order)) = self.calls.find(&key).map(|call| &call.stage) else { return };
        let order = order.clone();
        match self.make(now, key.0, &order) {
            Ok(Some(made)) => {
                self.calls.change(&key, |_| Stage::Waiting(Box::new(made)));
                let line = LineId(order.line);
                self.lines.get_mut(&line).expect("make found it").waiting.push_back(key);
                self.busy_lines.insert(line);
            }
            Ok(None) => {}
            Err(refusal) => self.refuse(now, key, refusal),
        }
    }

    fn refusal_by_history(&self, order: &proto::v1::Order, attempt: AttemptId) -> Option<Refusal> {
        match self.seen.look(&(attempt, order.route_try)) {
            Sight::New => None,
            Sight::Seen => Some(Refusal::new(Reason::SeenBefore, "")),
            Sight::TooOld => Some(Refusal::new(
                Reason::Expired,
                "the attempt is older than this node's memory, which may have forgotten it",
            )),
        }
    }

    fn refusal_by_state(&self, now: Now, order: &proto::v1::Order) -> Option<Refusal> {
        let epoch = Epoch(order.epoch);
        if !matches!(self.phase, Phase::Running) {
            return Some(Refusal::new(Reason::Draining, "the node is stopping"));
        }
        if epoch < self.lease.epoch {
            let detail = format!("epoch {epoch}, the lease is of {}", self.lease.epoch);
            return Some(Refusal::new(Reason::OldEpoch, detail));
        }
        if epoch > self.lease.epoch || !self.has_lease(now.at) {
            return Some(Refusal::new(Reason::NoLease, "no valid lease of the order's epoch"));
        }
        if !self.journal_usable {
            return Some(Refusal::new(Reason::JournalFull, "the journal takes nothing more"));
        }
        if order.tap() != WireTap::Nobody && !self.settings.listens {
            return Some(Refusal::new(Reason::BadOrder, "tap: this node has no listener"));
        }
        if order.record && self.recording_failed {
            return Some(Refusal::new(Reason::RecordingFailed, "recordings cannot be written"));
        }
        if self.calls.len() >= self.settings.max_calls {
            return Some(Refusal::new(Reason::Full, "the node carries all the calls that it may"));
        }
        None
    }

    /// The order as a shard needs it; `None` while its script or address is on its way, or another try of the attempt
    /// is not released.
    fn make(
        &mut self,
        now: Now,
        attempt: AttemptId,
        order: &proto::v1::Order,
    ) -> Result<Option<call::Order>, Refusal> {
        // A shard knows one call of an attempt: the try before must be released.
        let before = |key: &TryKey| key.1 < order.route_try;
        if self.calls.tries_of(attempt).iter().any(before) {
            return Ok(None);
        }
        let id = LineId(order.line);
        let Some(line) = self.lines.get(&id).filter(|line| line.listed) else {
            return Err(Refusal::new(Reason::LineUnknown, format!("line {id} is not in the table")));
        };
        let destination = match &line.place {
            Place::At(destination) if destination.is_ipv6() != self.settings.ipv6 => {
                let detail = "the line's address is not of the family of this node's sockets";
                return Err(Refusal::new(Reason::LineUnusable, detail));
            }
            Place::At(destination) => *destination,
            Place::Nowhere(why) => return Err(Refusal::new(Reason::LineUnusable, why.clone())),
            Place::Looking => return Ok(None),
        };
        let script = match self.assets.script(now.at, ScriptId(order.script)) {
            Lookup::Ready(script) => script,
            Lookup::Coming => return Ok(None),
            Lookup::Unusable(why) => return Err(Refusal::new(Reason::ScriptUnusable, why)),
        };
        let domain = &line.spec.domain;
        let to_uri = format!("sip:{}@{domain}", escaped(&order.dial));
        let from_uri = if order.caller_id.is_empty() {
            // RFC 3323 section 4.1.1.3.
            "sip:anonymous@anonymous.invalid".to_owned()
        } else {
            format!("sip:{}@{domain}", escaped(&order.caller_id))
        };
        Ok(Some(call::Order {
            attempt,
            route_try: order.route_try,
            line: id,
            destination,
            request_uri: to_uri.clone(),
            from_uri,
            to_uri,
            credentials: line.spec.credentials.clone(),
            codecs: line.spec.codecs.clone(),
            port_mode: line.spec.port_mode,
            latching: Latching::SameHost,
            script,
            contact: order.contact.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            record: order.record,
            tap: match order.tap() {
                WireTap::Nobody => Tap::Off,
                WireTap::Callee => Tap::Callee,
            },
            max_ring: millis(order.max_ring_ms),
            max_call: millis(order.max_call_ms),
            // Set when it gets its slot.
            send_at: now.at,
            send_by: now.at,
        }))
    }
}

/// A zone that this node does not know is no reason not to call.
fn zone(name: &str) -> TimeZone {
    match name {
        "" => TimeZone::system(),
        "UTC" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or_else(|error| {
            tracing::warn!(name, %error, "dates are understood in UTC, for want of the order's time zone");
            TimeZone::UTC
        }),
    }
}

/// Checks what depends on nothing but the order, and says until when it may wait.
fn check(now: Now, order: &proto::v1::Order) -> Result<Instant, Refusal> {
    let bad = |what: &str| Err(Refusal::new(Reason::BadOrder, what));
    if order.route_try == 0 {
        return bad("route_try is counted from 1");
    }
    if !is_user_part(&order.dial) || order.dial.is_empty() {
        return bad("dial is not the user part of a SIP URI");
    }
    if !is_user_part(&order.caller_id) {
        return bad("caller_id is not the user part of a SIP URI");
    }
    if order.max_ring_ms == 0 || millis(order.max_ring_ms) > MAX_RING {
        return bad("max_ring_ms must be 1 to 600000");
    }
    if order.max_call_ms == 0 || millis(order.max_call_ms) > MAX_CALL {
        return bad("max_call_ms must be 1 to 86400000");
    }
    if WireTap::try_from(order.tap).is_err() {
        return bad("tap is none of those that are known");
    }
    if order.record && !is_stem(&order.recording) {
        return bad("recording is not a file name");
    }
    now.instant_of(UnixMicros(order.expires_at_us))
        .ok_or_else(|| Refusal::new(Reason::Expired, "expired before it came"))
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

/// Letters, digits and the marks that RFC 3261 section 25.1 allows unescaped in a user part, and `#`, which
/// [`escaped`] escapes.
fn is_user_part(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,#".contains(&b))
}

fn escaped(user: &str) -> String {
    user.replace('#', "%23")
}

/// A file name without folder or extension that no file system minds.
fn is_stem(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_part_carries_nothing_else_into_a_uri() {
        for good in ["+8613800138000", "*31#123", "alice", "a.b-c_d"] {
            assert!(is_user_part(good), "{good}");
        }
        for bad in ["a@b", "a;b", "a>b", "a\r\nb", "a b", "a\"b", "a:b", "a?b", "é", "%41"] {
            assert!(!is_user_part(bad), "{bad}");
        }
        assert_eq!(escaped("*31#1"), "*31%231");
    }

    #[test]
    fn a_stem_stays_in_its_folder() {
        assert!(is_stem("0193-abc_1"));
        for bad in ["", "..", "a/b", "a.wav", "a\0"] {
            assert!(!is_stem(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_zone_is_named_or_is_utc() {
        let shanghai = zone("Asia/Shanghai");
        let evening = "2026-11-22T20:00:00Z".parse::<jiff::Timestamp>().expect("a time");
        assert_eq!(evening.to_zoned(shanghai).date(), jiff::civil::date(2026, 11, 23));
        assert_eq!([zone("UTC"), zone("Nowhere/Land")], [TimeZone::UTC, TimeZone::UTC]);
    }
}
