//! The table of lines: what the control plane says about them, and where their names lead.

use std::net::SocketAddr;
use std::time::Duration;

use common::{Epoch, LineId};
use proto::v1::refused;

use super::{Action, Dispatch};
use crate::clock::Now;
use crate::line::{Line, LineSpec, Place};
use crate::refusal::Refusal;

/// How often a line's name is looked up again.
const LOOK_UP_EVERY: Duration = Duration::from_secs(60);
/// How soon a line's name that was never found is looked up again.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(5);

impl Dispatch {
    pub(super) fn on_lines(&mut self, now: Now, lines: proto::v1::Lines) {
        let epoch = Epoch(lines.epoch);
        if epoch < self.lines_epoch {
            return;
        }
        self.lines_epoch = epoch;
        for line in self.lines.values_mut() {
            line.listed = false;
        }
        for line in lines.lines {
            let id = LineId(line.id);
            match (LineSpec::read(line), self.lines.get_mut(&id)) {
                (Ok(spec), Some(known)) => known.update(now.at, spec),
                (Ok(spec), None) => drop(self.lines.insert(id, Line::new(now.at, id, spec))),
                (Err(why), _) => tracing::error!(line = %id, why, "a line cannot be used"),
            }
        }
        let gone: Vec<LineId> = self.lines.values().filter(|line| !line.listed).map(|line| line.id).collect();
        for id in gone {
            let refusal = Refusal::new(refused::Reason::LineUnknown, "the line was taken away");
            for key in self.calls.unsent_on(id) {
                self.refuse(now, key, refusal.clone());
            }
        }
        self.lines.retain(|_, line| !line.is_over());
        self.look_up(now);
        self.unpark(now);
    }

    pub(super) fn look_up(&mut self, now: Now) {
        for line in self.lines.values_mut() {
            if line.look_up_at.is_some_and(|at| now.at >= at) {
                // The next one, should no answer come.
                line.look_up_at = Some(now.at + LOOK_UP_EVERY);
                let address = line.spec.address.clone();
                self.actions.push_back(Action::LookUp { line: line.id, address });
            }
        }
    }

    pub(super) fn on_looked_up(
        &mut self,
        now: Now,
        id: LineId,
        address: &str,
        found: Result<SocketAddr, String>,
    ) {
        self.on_target_looked_up(now, address, found.as_ref().copied().map_err(String::as_str));
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.spec.address == address) else { return };
        match found {
            Ok(found) => {
                line.place = Place::At(found);
                line.look_up_at = Some(now.at + LOOK_UP_EVERY);
            }
            Err(why) => {
                line.look_up_at = Some(now.at + LOOK_UP_AGAIN);
                match &line.place {
                    Place::At(_) => tracing::debug!(line = %id, why, "keeping the last good address"),
                    Place::Nowhere(before) if *before == why => {}
                    Place::Nowhere(_) | Place::Looking => {
                        tracing::warn!(line = %line.spec.name, why, "the line's address does not resolve");
                        line.place = Place::Nowhere(why);
                    }
                }
            }
        }
        self.unpark(now);
    }
}
