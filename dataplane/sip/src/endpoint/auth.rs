//! Challenges that were answered, and whether one may be.

use std::sync::Arc;

use super::api::AuthRefusal;
use crate::digest::{Answer, Authorization, Challenge, ChallengeError, Credentials};
use crate::message::{HeaderName, Message, Uri, Writer};

/// What a call knows of its challengers: the far end (401) and a proxy (407) may both ask. Its requests are answered with what was asked last;
/// how often each was answered is [`Answers`].
#[derive(Debug, Default)]
pub(super) struct Auth {
    pub credentials: Option<Arc<Credentials>>,
    server: Held,
    proxy: Held,
}

/// The last challenge of one kind.
#[derive(Debug, Default)]
struct Held {
    challenge: Vec<u8>,
    nonce_count: u32,
    cnonce: u64,
}

/// How many challenges of either kind one request was answered, in all transactions that carried it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answers {
    server: u8,
    proxy: u8,
}

impl Auth {
    pub fn new(credentials: Option<Arc<Credentials>>) -> Self {
        Auth { credentials, ..Auth::default() }
    }

    /// Takes the challenges of a 401 or 407 to `request`, which was answered `answers` before. After `Ok`, [`write`](Auth::write) answers
    /// them, and the answers are as many as are given back. `line_only` says that the request went to the line's address and the response came from it.
    pub fn on_challenge(
        &mut self,
        request: &Message<'_>,
        response: &Message<'_>,
        answers: Answers,
        line_only: bool,
        cnonce: u64,
    ) -> Result<Answers, AuthRefusal> {
        let credentials = self.credentials.as_ref().ok_or(AuthRefusal::NoCredentials)?;
        if !line_only {
            return Err(AuthRefusal::ForeignPeer);
        }
        let mut answers = answers;
        let (held, count, asked, answered) = match response.status() {
            Some(401) => (
                &mut self.server,
                &mut answers.server,
                HeaderName::WwwAuthenticate,
                HeaderName::Authorization,
            ),
            _ => (
                &mut self.proxy,
                &mut answers.proxy,
                HeaderName::ProxyAuthenticate,
                HeaderName::ProxyAuthorization,
            ),
        };
        let (value, challenge) = strongest(response, asked, credentials, request)?;
        let carried = request.header(answered).and_then(Authorization::parse);
        let may_answer = match (*count, carried) {
            (0, None) => true,
            // It answered what an earlier request was asked, whose nonce may be used up: not all say that it is stale.
            (0, Some(carried)) => challenge.stale || carried.nonce != challenge.nonce,
            // RFC 7616 section 3.3: right, but too late.
            (1, _) => challenge.stale,
            _ => false,
        };
        if !may_answer {
            return Err(AuthRefusal::Rejected);
        }
        held.challenge.clear();
        held.challenge.extend_from_slice(value);
        held.nonce_count = 0;
        held.cnonce = cnonce;
        *count += 1;
        Ok(answers)
    }

    /// Writes the headers that answer every challenge held, for a request to the line's own address.
    pub fn write(&mut self, method: &[u8], uri: &[u8], writer: &mut Writer<'_>) {
        let Some(credentials) = &self.credentials else { return };
        for (name, held) in [("Authorization", &mut self.server), ("Proxy-Authorization", &mut self.proxy)] {
            let Ok(challenge) = Challenge::parse(&held.challenge) else { continue };
            held.nonce_count += 1;
            let answer = Answer {
                challenge,
                credentials,
                method,
                uri,
                cnonce: held.cnonce,
                nonce_count: held.nonce_count,
            };
            writer.raw(name.as_bytes()).raw(b": ");
            answer.write(writer);
            writer.raw(b"\r\n");
        }
    }
}

/// The strongest challenge in a realm that the credentials cover (RFC 7616 section 3.7 leaves the choice to us, RFC
/// 8760 section 2.4 puts the preferred first; the strongest of those we know is safer than either).
fn strongest<'a>(
    response: &Message<'a>,
    name: HeaderName,
    credentials: &Credentials,
    request: &Message<'_>,
) -> Result<(&'a [u8], Challenge<'a>), AuthRefusal> {
    let from = request.from().map(|from| from.uri).unwrap_or_default();
    let host = |uri| Uri::parse(uri).map(|uri| uri.host_text).unwrap_or_default();
    let hosts = [host(request.request_uri()), host(from)];
    let mut refusal = AuthRefusal::Malformed;
    let mut best: Option<(&[u8], Challenge<'_>)> = None;
    for value in response.headers(name) {
        match Challenge::parse(value) {
            Ok(challenge) if !credentials.covers(challenge.realm, hosts) => {
                refusal = AuthRefusal::ForeignRealm
            }
            Ok(challenge) => {
                if best.is_none_or(|(_, best)| challenge.algorithm > best.algorithm) {
                    best = Some((value, challenge));
                }
            }
            Err(ChallengeError::Unsupported) => refusal = AuthRefusal::Unsupported,
            Err(ChallengeError::Malformed) => {}
        }
    }
    best.ok_or(refusal)
}
