//! Scripts and prompts.

use common::{PromptId, ScriptId, TenantId};
use script::Document;
use serde::{Deserialize, Serialize};

/// One version of a script. A change makes a new version with a new id; what was used stays as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Script {
    /// Its id, one for each version.
    pub id: ScriptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Counted from 1 within the name.
    pub version: u32,
    /// What was written.
    #[serde(flatten)]
    pub document: Document,
}

/// A recorded prompt, kept as the WAV file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// Length of the audio, milliseconds.
    pub duration_ms: u64,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}
