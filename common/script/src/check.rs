//! What is wrong with a script, in the words of the one who wrote it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct Fault {
    /// Where: `steps[3]`, or the name and the number of a step that has one.
    pub place: String,
    /// The field within, as it is written; empty for the whole step.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Fault {
    /// Where, as a path into the document: `steps[3].ms`.
    pub fn path(&self) -> String {
        let place = self.place.split(" (").next().unwrap_or_default();
        let dot = if place.is_empty() || self.field.is_empty() { "" } else { "." };
        format!("{place}{dot}{}", self.field)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.place.is_empty() || self.field.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}: {}", self.place, self.field, self.problem)
    }
}

/// Collects faults, and knows which step is looked at.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    place: String,
}

/// Faults that are told of one script; more of them help nobody.
const FAULTS_MAX: usize = 100;

impl Faults {
    /// What follows is about this step, or about the whole for an empty text.
    pub(crate) fn at(&mut self, place: String) {
        self.place = place;
    }

    pub(crate) fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        if self.found.len() < FAULTS_MAX {
            self.found.push(Fault {
                place: self.place.clone(),
                field: field.into(),
                problem: problem.into(),
            });
        }
    }

    /// A fault unless `value` is within.
    pub(crate) fn range(&mut self, field: &str, value: usize, range: std::ops::RangeInclusive<usize>) {
        if !range.contains(&value) {
            self.add(field, format!("must be {} to {}, not {value}", range.start(), range.end()));
        }
    }

    /// A fault unless there are as many as allowed.
    pub(crate) fn count(&mut self, field: &str, count: usize, range: std::ops::RangeInclusive<usize>) {
        if !range.contains(&count) {
            self.add(field, format!("must have {} to {} entries, not {count}", range.start(), range.end()));
        }
    }

    /// A fault if the text is empty or longer than `max` characters.
    pub(crate) fn text(&mut self, field: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if text.trim().is_empty() {
            self.add(field, "must not be empty");
        } else if length > max {
            self.add(field, format!("must have at most {max} characters, not {length}"));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn into_found(self) -> Vec<Fault> {
        self.found
    }
}
