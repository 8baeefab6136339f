//! The scripts of a campaign: one, or several that are compared.

use std::fmt;

use common::ScriptId;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Invalid, check_name};

/// What the calls of a campaign do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Scripts {
    /// The same.
    One(ScriptId),
    /// One of these; 2 to 20. A contact stays with the one that it got.
    Variants(Vec<Variant>),
}

/// A script that is compared with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it is called in records; the id of its script when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the call does. Each variant has another.
    pub script: ScriptId,
    /// Its share of the contacts as long as weights decide: 0 to 1,000; 100 by default. One with 0 gets no new ones.
    #[serde(default = "default_weight")]
    #[cfg_attr(feature = "openapi", schema(maximum = 1000, default = 100))]
    pub weight: u32,
}

/// The variant that does best is preferred (Thompson sampling).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// What counts as success.
    pub goal: Goal,
    /// Share of the contacts that the first variant, the control, gets whatever comes: 0 to 90 percent; 10 by default.
    #[serde(default = "ten")]
    #[cfg_attr(feature = "openapi", schema(maximum = 90, default = 10))]
    pub control_percent: u8,
    /// Answered calls that each variant has had before any is preferred: 1 to 1,000,000; 100 by default.
    #[serde(default = "hundred")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000, default = 100))]
    pub minimum: u32,
}

/// What an answered call must come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The callee meant this at some time.
    Intent(String),
    /// The script ended so.
    Disposition(String),
}

fn default_weight() -> u32 {
    100
}
fn ten() -> u8 {
    10
}
fn hundred() -> u32 {
    100
}

impl Scripts {
    /// All of them, in their order.
    pub fn ids(&self) -> Vec<ScriptId> {
        match self {
            Self::One(script) => vec![*script],
            Self::Variants(variants) => variants.iter().map(|variant| variant.script).collect(),
        }
    }

    /// The variants; none when there is nothing to compare.
    pub fn variants(&self) -> &[Variant] {
        match self {
            Self::One(_) => &[],
            Self::Variants(variants) => variants,
        }
    }

    pub(super) fn check(&self, best: Option<&Best>) -> Result<(), Invalid> {
        let Self::Variants(variants) = self else {
            return match best {
                None => Ok(()),
                Some(_) => Err(Invalid::new("best", "needs a list of variants under 'script'")),
            };
        };
        if !(2..=20).contains(&variants.len()) {
            return Err(Invalid::new(
                "script",
                format!("must have 2 to 20 variants, not {}; write the id alone for one", variants.len()),
            ));
        }
        for (index, variant) in variants.iter().enumerate() {
            let at = |field: &str| format!("script[{index}].{field}");
            if let Some(name) = &variant.name {
                check_name(&at("name"), name)?;
            }
            if variant.weight > 1_000 {
                return Err(Invalid::new(at("weight"), format!("must be 0 to 1000, not {}", variant.weight)));
            }
            if variants[..index].iter().any(|other| other.script == variant.script) {
                return Err(Invalid::new(at("script"), "is another variant's already"));
            }
            if variants[..index].iter().any(|other| other.label() == variant.label()) {
                return Err(Invalid::new(at("name"), "is another variant's already"));
            }
        }
        if variants.iter().all(|variant| variant.weight == 0) {
            return Err(Invalid::new("script", "one of the variants must have a weight above 0"));
        }
        best.map_or(Ok(()), Best::check)
    }
}

impl Variant {
    /// Its name in records.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.script.to_string())
    }
}

impl Best {
    fn check(&self) -> Result<(), Invalid> {
        if self.control_percent > 90 {
            let problem = format!("must be 0 to 90, not {}", self.control_percent);
            return Err(Invalid::new("best.control_percent", problem));
        }
        if !(1..=1_000_000).contains(&self.minimum) {
            let problem = format!("must be 1 to 1000000, not {}", self.minimum);
            return Err(Invalid::new("best.minimum", problem));
        }
        let (Goal::Intent(goal) | Goal::Disposition(goal)) = &self.goal;
        if !(1..=64).contains(&goal.chars().count()) {
            return Err(Invalid::new("best.goal", "must have 1 to 64 characters"));
        }
        Ok(())
    }
}

impl Goal {
    /// Whether a call that ended with this disposition, and in which the callee meant these, came to it.
    pub fn is_reached<'a>(&self, disposition: &str, mut intents: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Intent(goal) => intents.any(|intent| intent == goal),
            Self::Disposition(goal) => disposition == goal,
        }
    }
}

impl<'de> Deserialize<'de> for Scripts {
    /// By hand, since serde says of an untagged enum only that nothing matched.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> de::Visitor<'de> for Either {
            type Value = Scripts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a script, or a list of variants")
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<Scripts, E> {
                Ok(Scripts::One(ScriptId(id)))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Scripts, E> {
                i64::try_from(id).map(|id| Scripts::One(ScriptId(id))).map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Scripts, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Scripts::Variants)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
