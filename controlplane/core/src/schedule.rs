//! Whether a campaign may dial now, and when that changes.
//!
//! Windows are read on the wall clock of the schedule's zone, so a clock that is set back opens a window twice for the
//! hour that comes twice, and a window inside the hour that is skipped does not open that day. `start` and `stop` are
//! instants: a local time that comes twice means its first coming, one that is skipped means the moment of the jump
//! plus what it lies inside the gap.

use common::UnixMicros;
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

use crate::model::{Schedule, Window};

/// How far ahead a change is looked for: two weeks hold every weekly window twice, so that one which falls into a
/// skipped hour is still found.
const HORIZON_DAYS: i32 = 15;

/// A schedule with its zone resolved.
#[derive(Clone, Debug)]
pub struct OpenTimes {
    zone: TimeZone,
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
    windows: Vec<Window>,
}

impl OpenTimes {
    /// Resolves the zone and the local times; the error says what cannot be resolved.
    pub fn new(schedule: &Schedule) -> Result<Self, String> {
        let zone = schedule.zone()?;
        let instant = |local: Option<civil::DateTime>| {
            local
                .map(|local| zone.to_timestamp(local))
                .transpose()
                .map_err(|_| "start and stop must lie in the years -9999 to 9999".to_owned())
        };
        let (start, stop) = (instant(schedule.start)?, instant(schedule.stop)?);
        Ok(Self { start, stop, windows: schedule.windows.clone(), zone })
    }

    /// Whether dialling is allowed at `now`. A clock outside the calendar's years is never open.
    pub fn is_open(&self, now: UnixMicros) -> bool {
        Timestamp::from_microsecond(now.0).is_ok_and(|now| self.is_open_at(now))
    }

    /// The next instant after `now` at which [`OpenTimes::is_open`] gives another answer; `None` when there is none
    /// within two weeks (counted from the start, if that is still to come).
    pub fn next_change(&self, now: UnixMicros) -> Option<UnixMicros> {
        let now = Timestamp::from_microsecond(now.0).ok()?;
        let open = self.is_open_at(now);
        let from = self.start.map_or(now, |start| start.max(now));
        let mut edges: Vec<Timestamp> = [self.start, self.stop].into_iter().flatten().collect();
        self.collect_window_edges(from, &mut edges);
        edges.retain(|&edge| edge > now);
        edges.sort_unstable();
        let change = edges.into_iter().find(|&edge| self.is_open_at(edge) != open)?;
        Some(UnixMicros(change.as_microsecond()))
    }

    fn is_open_at(&self, now: Timestamp) -> bool {
        if self.start.is_some_and(|start| now < start) || self.stop.is_some_and(|stop| now >= stop) {
            return false;
        }
        if self.windows.is_empty() {
            return true;
        }
        let local = self.zone.to_datetime(now);
        let (day, time) = (local.weekday().to_monday_one_offset() as u8, local.time());
        self.windows.iter().any(|window| {
            (window.days.is_empty() || window.days.contains(&day)) && window.from <= time && time < window.to
        })
    }

    /// Every instant at which a window may open or shut: its edges on each day, both comings of an edge that comes
    /// twice, and the zone's own jumps.
    fn collect_window_edges(&self, from: Timestamp, edges: &mut Vec<Timestamp>) {
        let first_day = self.zone.to_datetime(from).date();
        for offset in 0..=HORIZON_DAYS {
            let Ok(day) = first_day.checked_add(offset.days()) else { break };
            for time in self.windows.iter().flat_map(|window| [window.from, window.to]) {
                let edge = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
                edges.extend(edge.earlier().ok());
                edges.extend(edge.later().ok());
            }
        }
        if !self.windows.is_empty() {
            // Zones change their offset at most a few times within the horizon.
            edges.extend(self.zone.following(from).take(4).map(|transition| transition.timestamp()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(zone: &str, start: &str, stop: &str, windows: &[(&[u8], &str, &str)]) -> OpenTimes {
        let local = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a local time"));
        OpenTimes::new(&Schedule {
            time_zone: zone.into(),
            start: local(start),
            stop: local(stop),
            windows: windows
                .iter()
                .map(|(days, from, to)| Window {
                    days: days.to_vec(),
                    from: from.parse().expect("a time"),
                    to: to.parse().expect("a time"),
                })
                .collect(),
        })
        .expect("a zone")
    }

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<Timestamp>().expect("an instant").as_microsecond())
    }

    /// The changes after `from`, as text.
    fn changes(times: &OpenTimes, from: &str, count: usize) -> Vec<String> {
        let mut now = at(from);
        let mut changes = Vec::new();
        while let Some(next) = times.next_change(now).filter(|_| changes.len() < count) {
            assert_ne!(
                times.is_open(UnixMicros(next.0 - 1)),
                times.is_open(next),
                "an edge changes the answer"
            );
            let text = Timestamp::from_microsecond(next.0).expect("in range");
            changes.push(format!("{text} {}", if times.is_open(next) { "open" } else { "shut" }));
            now = next;
        }
        changes
    }

    #[test]
    fn without_anything_it_is_always_open() {
        let always = times("", "", "", &[]);
        assert!(always.is_open(at("2026-11-22T03:00:00Z")));
        assert_eq!(always.next_change(at("2026-11-22T03:00:00Z")), None);
        assert!(!always.is_open(UnixMicros(i64::MAX)), "no such year");
    }

    #[test]
    fn windows_hold_from_their_first_to_before_their_last_microsecond() {
        let office = times("Asia/Shanghai", "", "", &[(&[1, 2, 3, 4, 5], "09:00", "20:00")]);
        // Friday 27 November 2026, then Monday.
        assert_eq!(
            changes(&office, "2026-11-27T00:59:59.999999Z", 4),
            [
                "2026-11-27T01:00:00Z open",
                "2026-11-27T12:00:00Z shut",
                "2026-11-30T01:00:00Z open",
                "2026-11-30T12:00:00Z shut",
            ]
        );
    }

    #[test]
    fn windows_that_touch_make_one() {
        let touching = times("", "", "", &[(&[], "09:00", "12:00"), (&[], "12:00", "13:00")]);
        assert_eq!(
            changes(&touching, "2026-11-27T08:00:00Z", 2),
            ["2026-11-27T09:00:00Z open", "2026-11-27T13:00:00Z shut"]
        );
    }

    #[test]
    fn start_and_stop_bound_the_windows() {
        let campaign =
            times("Asia/Shanghai", "2026-12-01T10:00", "2026-12-02T10:00", &[(&[], "09:00", "20:00")]);
        assert_eq!(
            changes(&campaign, "2026-01-01T00:00:00Z", 9),
            [
                "2026-12-01T02:00:00Z open",
                "2026-12-01T12:00:00Z shut",
                "2026-12-02T01:00:00Z open",
                "2026-12-02T02:00:00Z shut",
            ]
        );
    }

    #[test]
    fn a_window_over_a_skipped_hour_is_cut() {
        // New York jumps from 02:00 to 03:00 on 8 March 2026.
        let window = times("America/New_York", "", "", &[(&[7], "01:30", "02:30")]);
        assert_eq!(
            changes(&window, "2026-03-08T00:00:00Z", 3),
            ["2026-03-08T06:30:00Z open", "2026-03-08T07:00:00Z shut", "2026-03-15T05:30:00Z open"]
        );
    }

    #[test]
    fn a_window_inside_a_skipped_hour_waits_for_the_next_week() {
        let window = times("America/New_York", "", "", &[(&[7], "02:10", "02:50")]);
        assert_eq!(
            changes(&window, "2026-03-07T00:00:00Z", 2),
            ["2026-03-15T06:10:00Z open", "2026-03-15T06:50:00Z shut"]
        );
    }

    #[test]
    fn a_window_in_an_hour_that_comes_twice_opens_twice() {
        // New York is set back from 02:00 to 01:00 on 1 November 2026.
        let window = times("America/New_York", "", "", &[(&[7], "00:30", "01:30")]);
        assert_eq!(
            changes(&window, "2026-11-01T00:00:00Z", 4),
            [
                "2026-11-01T04:30:00Z open",
                "2026-11-01T05:30:00Z shut",
                "2026-11-01T06:00:00Z open",
                "2026-11-01T06:30:00Z shut",
            ]
        );
    }

    #[test]
    fn a_start_in_an_hour_that_comes_twice_means_the_first() {
        let campaign = times("America/New_York", "2026-11-01T01:30", "", &[]);
        assert_eq!(changes(&campaign, "2026-10-01T00:00:00Z", 2), ["2026-11-01T05:30:00Z open"]);
    }
}
