//! `/campaigns/{id}/variants`: which script does better, and how surely.

use axum::{Json as Answer, extract::State};
use common::{CampaignId, ScriptId};
use peal_core::{
    comparison,
    model::Goal,
    variant::{self, Arm},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ApiState, Problem, pages::Path};

/// How the variants of a campaign do.
#[derive(Serialize, ToSchema)]
pub(super) struct Variants {
    /// What counts as success; null when the campaign names none, so that only calls are counted.
    goal: Option<Goal>,
    /// In the order of the campaign.
    variants: Vec<VariantResult>,
    /// In a sentence: which is better, and how surely.
    verdict: String,
}

/// How a variant does.
#[derive(Serialize, ToSchema)]
struct VariantResult {
    /// Its name in records.
    name: String,
    script: ScriptId,
    /// Name and version of the script.
    script_name: String,
    script_version: u32,
    weight: u32,
    /// Answered calls.
    answered: u64,
    /// Those that reached the goal.
    successes: u64,
    /// What is known about it; absent without a goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
}

/// What is known about the rate of success of a variant, a uniform prior before the first call.
#[derive(Serialize, ToSchema)]
struct Standing {
    /// Successes an answered call.
    rate: f64,
    /// The rate is within these two with a probability of 95 %.
    low: f64,
    high: f64,
    /// The probability that this variant is the best of all.
    is_best: f64,
}

/// How the scripts of a campaign that compares several do
#[utoipa::path(get, path = "/campaigns/{id}/variants", operation_id = "get_campaign_variants", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Variants), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn variants(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Variants>, Problem> {
    let spec = state.store.campaign(state.tenant(), id).await?.spec;
    if spec.script.variants().is_empty() {
        return Err(Problem::conflict("conflict", format!("campaign {id} has one script and compares none")));
    }
    let counts = state.store.variant_counts(id).await?;
    let mut results = Vec::new();
    let mut arms = Vec::new();
    for variant in spec.script.variants() {
        let script = state.store.script(state.tenant(), variant.script).await?;
        let count = counts.get(&variant.script).copied().unwrap_or_default();
        arms.push(Arm { tries: count.tries, successes: count.successes, weight: variant.weight });
        results.push(VariantResult {
            name: variant.label(),
            script: variant.script,
            script_name: script.document.name,
            script_version: script.version,
            weight: variant.weight,
            answered: count.tries,
            successes: count.successes,
            standing: None,
        });
    }
    let Some(best) = spec.best else {
        let verdict = "The campaign names no goal: its variants are chosen by weight and not compared.";
        return Ok(Answer(Variants { goal: None, variants: results, verdict: verdict.to_owned() }));
    };
    let standings = variant::compare(&arms);
    let names: Vec<String> = results.iter().map(|result| result.name.clone()).collect();
    let verdict = comparison::verdict(&names, &arms, &standings, best.minimum.into());
    for (result, standing) in results.iter_mut().zip(standings) {
        let variant::Standing { rate, low, high, is_best } = standing;
        result.standing = Some(Standing { rate, low, high, is_best });
    }
    Ok(Answer(Variants { goal: Some(best.goal), variants: results, verdict }))
}
