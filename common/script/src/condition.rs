//! Conditions: what a branch asks of the variables.
//!
//! A condition is written as an object, not as text in a language of its own: a schema can hold it, an editor can offer it, and
//! there is nothing to escape.

use serde::{Deserialize, Serialize};

/// What must hold: one of `all`, `any`, `not`, or `variable` with one of the tests below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// All of these. At most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub all: Option<Vec<Condition>>,
    /// At least one of these. At most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub any: Option<Vec<Condition>>,
    /// Not this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub not: Option<Box<Condition>>,
    /// The variable that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// It holds this text, upper and lower case told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// It holds one of these texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// It holds a number that is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It holds a number that is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// It holds something (`true`) or nothing (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_set: Option<bool>,
}

/// A condition that was checked, over variables known by their place.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// All of them.
    All(Box<[Test]>),
    /// At least one.
    Any(Box<[Test]>),
    /// Not this.
    Not(Box<Test>),
    /// The variable holds one of the texts.
    OneOf(usize, Box<[String]>),
    /// The variable holds a number within.
    Within(usize, f64, f64),
    /// Whether the variable holds anything.
    IsSet(usize, bool),
}

/// Conditions within conditions, at most.
const DEPTH_MAX: usize = 8;
const PARTS_MAX: usize = 20;

impl Condition {
    /// Checks it and finds its variables by `place`, which gives `None` for one that there is not. `fault` is told everything
    /// that is wrong, with the path of the field.
    pub(crate) fn resolve(
        &self,
        path: &str,
        place: &mut dyn FnMut(&str) -> Option<usize>,
        fault: &mut dyn FnMut(String, String),
    ) -> Option<Test> {
        self.resolve_within(path, DEPTH_MAX, place, fault)
    }

    fn resolve_within(
        &self,
        path: &str,
        depth: usize,
        place: &mut dyn FnMut(&str) -> Option<usize>,
        fault: &mut dyn FnMut(String, String),
    ) -> Option<Test> {
        let kinds = [self.all.is_some(), self.any.is_some(), self.not.is_some(), self.variable.is_some()];
        if kinds.iter().filter(|is| **is).count() != 1 {
            fault(path.to_owned(), "must have exactly one of `all`, `any`, `not` and `variable`".to_owned());
            return None;
        }
        let Some(deeper) = depth.checked_sub(1) else {
            fault(path.to_owned(), format!("conditions may lie {DEPTH_MAX} deep"));
            return None;
        };
        for (name, parts) in [("all", &self.all), ("any", &self.any)] {
            let Some(parts) = parts else { continue };
            if !(1..=PARTS_MAX).contains(&parts.len()) {
                let problem = format!("must have 1 to {PARTS_MAX} conditions, not {}", parts.len());
                fault(format!("{path}.{name}"), problem);
                return None;
            }
            let tests: Vec<_> = parts
                .iter()
                .enumerate()
                .map(|(n, part)| part.resolve_within(&format!("{path}.{name}[{n}]"), deeper, place, fault))
                .collect();
            let tests: Box<[Test]> = tests.into_iter().collect::<Option<Vec<_>>>()?.into();
            return Some(if name == "all" { Test::All(tests) } else { Test::Any(tests) });
        }
        if let Some(not) = &self.not {
            let test = not.resolve_within(&format!("{path}.not"), deeper, place, fault)?;
            return Some(Test::Not(Box::new(test)));
        }
        self.resolve_test(path, place, fault)
    }

    fn resolve_test(
        &self,
        path: &str,
        place: &mut dyn FnMut(&str) -> Option<usize>,
        fault: &mut dyn FnMut(String, String),
    ) -> Option<Test> {
        let variable = self.variable.as_deref().unwrap_or_default();
        let Some(slot) = place(variable) else {
            fault(format!("{path}.variable"), unknown_variable(variable));
            return None;
        };
        let range = self.at_least.is_some() || self.at_most.is_some();
        let tests = [self.is.is_some(), self.one_of.is_some(), range, self.is_set.is_some()];
        if tests.iter().filter(|is| **is).count() != 1 {
            let problem =
                "must have exactly one of `is`, `one_of`, `is_set`, and `at_least` or `at_most` or both";
            fault(path.to_owned(), problem.to_owned());
            return None;
        }
        if let Some(text) = &self.is {
            return Some(Test::OneOf(slot, [text.clone()].into()));
        }
        if let Some(texts) = &self.one_of {
            return Some(Test::OneOf(slot, texts.clone().into()));
        }
        if let Some(is_set) = self.is_set {
            return Some(Test::IsSet(slot, is_set));
        }
        let (least, most) =
            (self.at_least.unwrap_or(f64::NEG_INFINITY), self.at_most.unwrap_or(f64::INFINITY));
        Some(Test::Within(slot, least, most))
    }
}

/// What is said of a variable that there is not.
pub(crate) fn unknown_variable(name: &str) -> String {
    format!(
        "there is no variable `{name}`: declare it under `variables`, save into it in a step, or take one of the contact's, which \
         begin with `contact.`"
    )
}

impl Test {
    /// Whether it holds, where `value` gives what a variable holds; nothing is the empty text.
    pub fn holds<'a>(&self, value: &dyn Fn(usize) -> &'a str) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(value)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(value)),
            Self::Not(test) => !test.holds(value),
            Self::OneOf(slot, texts) => texts.iter().any(|text| text == value(*slot)),
            Self::Within(slot, least, most) => {
                value(*slot).trim().parse::<f64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Self::IsSet(slot, is_set) => value(*slot).is_empty() != *is_set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables `a` and `b` hold these.
    fn judge(json: &str, a: &str, b: &str) -> Result<bool, Vec<(String, String)>> {
        let condition: Condition = serde_json::from_str(json).expect("a condition");
        let mut faults = Vec::new();
        let test = condition.resolve(
            "when",
            &mut |name| ["a", "b"].iter().position(|known| *known == name),
            &mut |path, problem| faults.push((path, problem)),
        );
        match test {
            Some(test) => Ok(test.holds(&|slot| [a, b][slot])),
            None => Err(faults),
        }
    }

    #[test]
    fn texts_numbers_and_presence_are_told() {
        assert_eq!(judge(r#"{"variable":"a","is":"gold"}"#, "gold", ""), Ok(true));
        assert_eq!(judge(r#"{"variable":"a","is":"gold"}"#, "Gold", ""), Ok(false));
        assert_eq!(judge(r#"{"variable":"a","one_of":["x","y"]}"#, "y", ""), Ok(true));
        assert_eq!(judge(r#"{"variable":"b","at_least":18,"at_most":65}"#, "", " 18 "), Ok(true));
        assert_eq!(judge(r#"{"variable":"b","at_least":18}"#, "", "17.9"), Ok(false));
        assert_eq!(
            judge(r#"{"variable":"b","at_most":0}"#, "", "many"),
            Ok(false),
            "no number is in no range"
        );
        assert_eq!(judge(r#"{"variable":"b","is_set":false}"#, "", ""), Ok(true));
    }

    #[test]
    fn conditions_combine() {
        let json = r#"{"any":[{"variable":"a","is":"x"},{"all":[{"variable":"b","is_set":true},{"not":{"variable":"a","is":"z"}}]}]}"#;
        assert_eq!(judge(json, "x", ""), Ok(true));
        assert_eq!(judge(json, "y", "1"), Ok(true));
        assert_eq!(judge(json, "z", "1"), Ok(false));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let faults = |json| judge(json, "", "").expect_err("not a good one");
        assert_eq!(faults(r#"{"all":[{"variable":"c","is":"x"}]}"#)[0].0, "when.all[0].variable");
        assert_eq!(faults(r#"{"variable":"a"}"#)[0].0, "when");
        assert_eq!(faults(r#"{"variable":"a","is":"x","at_most":1}"#)[0].0, "when");
        assert_eq!(faults(r#"{"any":[]}"#)[0].0, "when.any");
        assert_eq!(faults("{}")[0].0, "when");
    }
}
