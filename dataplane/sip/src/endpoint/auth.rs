//! Challenges that were answered, and whether one may be.

use std::sync::Arc;

use super::api::AuthRefusal;
use crate::digest::{Answer, Challenge, ChallengeError, Credentials};
use crate::message::{HeaderName, Message, Uri, Writer};

/// Answers to the challenges of one kind while one request is sent: two, of which the second is for a nonce that had gone stale (RFC 7616
/// section 3.3), for each of two dialogs that forking has made.
const ANSWERS_MAX: u8 = 4;

/// What a call knows of its challengers: the far end (401) and a proxy (407) may both ask.
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
    /// For the request that is being sent.
    answers: u8,
}

impl Auth {
    pub fn new(credentials: Option<Arc<Credentials>>) -> Self {
        Auth { credentials, ..Auth::default() }
    }

    /// Another request begins, with answers to the challenges that are held.
    pub fn begin(&mut self) {
        (self.server.answers, self.proxy.answers) = (0, 0);
    }

    /// Takes the challenges of a 401 or 407 to `request`. After `Ok`, [`write`](Auth::write) answers them.
    /// `line_only` says that the request went to the line's address and the response came from it.
    pub fn on_challenge(
        &mut self,
        request: &Message<'_>,
        response: &Message<'_>,
        line_only: bool,
        cnonce: u64,
    ) -> Result<(), AuthRefusal> {
        let credentials = self.credentials.as_ref().ok_or(AuthRefusal::NoCredentials)?;
        if !line_only {
            return Err(AuthRefusal::ForeignPeer);
        }
        let (held, asked, answered) = match response.status() {
            Some(401) => (&mut self.server, HeaderName::WwwAuthenticate, HeaderName::Authorization),
            _ => (&mut self.proxy, HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
        };
        let (value, challenge) = strongest(response, asked, credentials, request)?;
        let was_answered = request.has(answered);
        let may_retry = match held.answers {
            // It carried the answer to the challenge of a request before it, whose nonce may be used up: not all say that it is stale.
            0 => {
                challenge.stale
                    || Challenge::parse(&held.challenge).is_ok_and(|before| before.nonce != challenge.nonce)
            }
            1 => challenge.stale,
            _ => false,
        };
        if (was_answered && !may_retry) || held.answers >= ANSWERS_MAX {
            return Err(AuthRefusal::Rejected);
        }
        held.challenge.clear();
        held.challenge.extend_from_slice(value);
        held.nonce_count = 0;
        held.cnonce = cnonce;
        held.answers += 1;
        Ok(())
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
