//! Digest authentication (RFC 7616, RFC 8760, RFC 2617): reading challenges and answering them.

/// A line's account.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password. Never shown by `Debug`.
    pub password: String,
    /// The only realm that may be answered. `None`: the host of the Request-URI or of the From URI.
    pub realm: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("realm", &self.realm).finish_non_exhaustive()
    }
}
