//! A script with all that it plays at hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use common::PromptId;
use media::Prompt;
use script::{Program, Sentence};

/// A script, shared by all calls that run it.
#[derive(Debug)]
pub struct Script {
    /// What is done.
    pub program: Arc<Program>,
    /// Every prompt that the program names.
    pub prompts: BTreeMap<PromptId, Arc<Prompt>>,
    /// Sentences that were spoken beforehand, as all that are the same in every call are. Others are asked for during the call.
    pub sentences: HashMap<Sentence, Arc<Prompt>>,
}
