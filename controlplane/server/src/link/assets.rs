//! Scripts and prompts for nodes.

use common::{PromptId, ScriptId};
use proto::v1::{AssetRequest, PromptChunk, Script, ToNode, asset_request, to_node};
use store::{Store, StoreError};
use tokio::sync::mpsc;
use tonic::Status;

use super::wire;

/// Piece of a prompt: small beside gRPC's limit of 4 MiB, so that orders find their way in between.
const CHUNK: usize = 64 * 1_024;

/// Answers, in as many messages as it takes; waits while the node reads slowly.
pub(super) async fn answer(store: Store, queue: mpsc::Sender<Result<ToNode, Status>>, request: AssetRequest) {
    match request.asset {
        Some(asset_request::Asset::Script(id)) => {
            let script = script(&store, ScriptId(id)).await;
            send(&queue, to_node::Message::Script(script)).await;
        }
        Some(asset_request::Asset::Prompt(id)) => send_prompt(&store, &queue, PromptId(id)).await,
        None => {}
    }
}

async fn script(store: &Store, id: ScriptId) -> Script {
    match store.script_by_id(id).await {
        Ok(script) => wire::script(&script),
        Err(error) => Script { id: id.0, error: reason(&error), ..Script::default() },
    }
}

async fn send_prompt(store: &Store, queue: &mpsc::Sender<Result<ToNode, Status>>, id: PromptId) {
    let wav = match store.prompt_wav(id).await {
        Ok(wav) if !wav.is_empty() => wav,
        Ok(_) => return refuse_prompt(queue, id, "the prompt is empty".to_owned()).await,
        Err(error) => return refuse_prompt(queue, id, reason(&error)).await,
    };
    let pieces = wav.len().div_ceil(CHUNK);
    for (index, piece) in wav.chunks(CHUNK).enumerate() {
        let chunk = PromptChunk {
            prompt: id.0,
            wav: piece.to_vec(),
            last: index + 1 == pieces,
            error: String::new(),
        };
        if !send(queue, to_node::Message::PromptChunk(chunk)).await {
            return;
        }
    }
}

async fn refuse_prompt(queue: &mpsc::Sender<Result<ToNode, Status>>, id: PromptId, error: String) {
    let chunk = PromptChunk { prompt: id.0, wav: Vec::new(), last: true, error };
    send(queue, to_node::Message::PromptChunk(chunk)).await;
}

async fn send(queue: &mpsc::Sender<Result<ToNode, Status>>, message: to_node::Message) -> bool {
    queue.send(Ok(ToNode { message: Some(message) })).await.is_ok()
}

fn reason(error: &StoreError) -> String {
    tracing::warn!(%error, "a node asked for what cannot be read");
    error.to_string()
}
