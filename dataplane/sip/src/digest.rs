//! Digest authentication (RFC 7616, RFC 8760; RFC 2617 for servers without qop): reading challenges, answering them,
//! and checking answers.
//!
//! Owns the arithmetic and the syntax. Whether a challenge deserves an answer at all is for
//! [`Credentials::covers`] and for the endpoint, which knows who asked.

mod algorithm;
mod challenge;

pub use algorithm::Algorithm;
pub use challenge::{Answer, Authorization, Challenge, ChallengeError};

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

impl Credentials {
    /// They may be used in this realm, for a request to and from these hosts.
    pub fn covers(&self, realm: &[u8], hosts: [&[u8]; 2]) -> bool {
        match &self.realm {
            Some(own) => own.as_bytes() == realm,
            None => hosts.iter().any(|host| !host.is_empty() && host.eq_ignore_ascii_case(realm)),
        }
    }
}
