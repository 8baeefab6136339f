//! Signatures of what we post, so that a server knows that it was us: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`,
//! `webhook-signature`), for which there are verifiers in every language.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The three header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The same for every try of one event.
    pub id: String,
    /// When it was signed, seconds since 1970.
    pub timestamp: String,
    /// `v1,` and the HMAC-SHA-256 of both and the body.
    pub signature: String,
}

/// Signs a body. `secret` is taken as it is; one that begins with `whsec_` is base64 behind it, as the specification writes secrets.
pub fn sign(secret: &str, id: &str, unix_s: u64, body: &str) -> Signature {
    let decoded = secret.strip_prefix("whsec_").and_then(|secret| STANDARD.decode(secret).ok());
    let key = decoded.as_deref().unwrap_or(secret.as_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{unix_s}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    Signature { id: id.to_owned(), timestamp: unix_s.to_string(), signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            body,
        );
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn another_body_or_secret_is_another_signature() {
        let of = |secret, body| sign(secret, "a", 1, body).signature;
        assert_ne!(of("s", "x"), of("s", "y"));
        assert_ne!(of("s", "x"), of("t", "x"));
        assert_eq!(of("s", "x"), of("s", "x"));
    }
}
