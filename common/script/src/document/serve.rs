//! Steps that need somebody else: a server, another telephone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Header fields of a request, each a template. At most 20.
pub type Headers = BTreeMap<String, String>;

/// How a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// For something that is only looked up; may be kept.
    #[default]
    Get,
    /// For something that is done; never kept, and not repeated.
    Post,
    /// For something that may be done twice.
    Put,
}

/// Ask a server for something, or tell it something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where: a template of an `http` or `https` URL, at most 2,000 characters. What a variable puts in is escaped, and never
    /// changes the host, nor the path as `..` would: the request fails then.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub url: String,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Header fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// A template of the body, JSON unless a header says otherwise, at most 20,000 characters. Variables are escaped: between the quotes of a
    /// JSON string, or as a whole JSON value; as in a form with `content-type: application/x-www-form-urlencoded`. Bodies of other types
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 20000))]
    pub body: Option<String>,
    /// How long the whole may take: 100 to 30,000.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 30000, default = 2000))]
    pub timeout_ms: u32,
    /// How long an answer to a GET is kept for all calls: 0 to 86,400.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 86400, default = 0))]
    pub keep_s: u32,
    /// Each variable, and the JSON pointer (RFC 6901) of its value in the answer. At most 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, String>,
    /// The step to go to when there was no usable answer; when absent, the step's `next`, and variables of `save` keep what they
    /// held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Tell a server how far the call is, and do the steps that it answers with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where the event is posted: an `http` or `https` URL, no template, so that no callee can choose it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub url: String,
    /// How long one try may take: 100 to 10,000.
    #[serde(default = "two_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 10000, default = 2000))]
    pub timeout_ms: u32,
    /// Further tries: 0 to 3. Each carries the same `id` of the event, by which the server knows it.
    #[serde(default = "one")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 3, default = 1))]
    pub retries: u32,
    /// The step to go to when no try gave usable steps, or they play a prompt that the script does not; the call ends when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// How a callee is given to somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferMode {
    /// The carrier does it (RFC 3515); the call is then over for us.
    #[default]
    Refer,
    /// We call and join both; the line carries two calls.
    Bridge,
}

/// Give the callee to somebody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// To whom: a number in E.164, constant or one variable of the contact's (`{{contact.agent}}`) and nothing beside it; or a `sip:` URI,
    /// whose user may have variables of the contact's. At most 200 characters. No other variables: nothing that a callee says or presses
    /// chooses whom we pay to call.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub to: String,
    /// How.
    #[serde(default)]
    pub mode: TransferMode,
    /// How long it may take until somebody answers: 1,000 to 120,000.
    #[serde(default = "thirty_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1000, maximum = 120000, default = 30000))]
    pub timeout_ms: u32,
    /// The step to go to when nobody answered; the step's `next` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

fn one() -> u32 {
    1
}
fn two_seconds() -> u32 {
    2_000
}
fn thirty_seconds() -> u32 {
    30_000
}
