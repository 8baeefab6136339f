//! `/prompts`

use axum::{
    Json as Answer,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use common::PromptId;
use peal_core::model::Prompt;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    pages::{Page, PageQuery, Path, Query},
};

/// Largest WAV file: 50 MiB, which is 27 minutes of 16 kHz mono.
pub(crate) const WAV_MAX: usize = 50 << 20;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, page))
        .routes(routes!(one, delete))
        .routes(routes!(audio))
        .layer(DefaultBodyLimit::max(WAV_MAX))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// Name of the prompt, unique.
    name: String,
}

/// Add a prompt: the body is a WAV file
#[utoipa::path(post, path = "/prompts", operation_id = "create_prompt", tag = "scripts", params(Named),
    request_body(content = Vec<u8>, content_type = "audio/wav"),
    responses((status = 201, body = Prompt), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Query(Named { name }): Query<Named>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Answer<Prompt>), Problem> {
    let wav = body.map_err(|rejection| Problem::body(&rejection, "50 MiB"))?;
    let bytes = wav.clone();
    // Reading and resampling some minutes of audio takes long enough to keep it off the threads that answer.
    let read = tokio::task::spawn_blocking(move || media::Prompt::from_wav(&bytes)).await;
    let prompt = read.map_err(|panic| Problem::internal(&panic))?;
    let prompt = prompt.map_err(|error| Problem::invalid("body", error.to_string()))?;
    let duration_ms = u64::try_from(prompt.duration().as_millis()).unwrap_or(u64::MAX);
    let prompt = state.store.create_prompt(state.tenant(), &name, &wav, duration_ms).await?;
    Ok((StatusCode::CREATED, Answer(prompt)))
}

/// All prompts, by id
#[utoipa::path(get, path = "/prompts", operation_id = "list_prompts", tag = "scripts", params(PageQuery),
    responses((status = 200, body = Page<Prompt>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<Prompt>>, Problem> {
    let page = state.store.prompts(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |prompt| prompt)))
}

/// One prompt
#[utoipa::path(get, path = "/prompts/{id}", operation_id = "get_prompt", tag = "scripts", params(("id" = i64, Path)),
    responses((status = 200, body = Prompt), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<PromptId>) -> Result<Answer<Prompt>, Problem> {
    Ok(Answer(state.store.prompt(state.tenant(), id).await?))
}

/// The WAV file of a prompt
#[utoipa::path(get, path = "/prompts/{id}/audio", operation_id = "get_prompt_audio", tag = "scripts", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "audio/wav"), (status = 404, body = Problem)))]
async fn audio(
    State(state): State<ApiState>,
    Path(id): Path<PromptId>,
) -> Result<impl IntoResponse, Problem> {
    // The look-up by tenant first: bytes are kept by id alone.
    let prompt = state.store.prompt(state.tenant(), id).await?;
    Ok(([(CONTENT_TYPE, "audio/wav")], state.store.prompt_wav(prompt.id).await?))
}

/// Remove a prompt that no script plays
#[utoipa::path(delete, path = "/prompts/{id}", operation_id = "delete_prompt", tag = "scripts", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<PromptId>) -> Result<StatusCode, Problem> {
    state.store.delete_prompt(state.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
