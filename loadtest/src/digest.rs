//! Digest authentication as the challenger sees it (RFC 7616, RFC 8760; `qop=auth` only).
//!
//! Nonces are a function of the seed, the Call-ID and the round, so that nothing has to be remembered.

use std::fmt::Write as _;
use std::str;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::config::LineAuth;
use crate::random;

/// Hash of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 2617.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hex(self, text: &str) -> String {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::with_capacity(64), |mut s, b| {
                let _ = write!(s, "{b:02x}");
                s
            })
        };
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The nonce of one round of one call.
pub(crate) fn nonce(seed: u64, call_id: &[u8], round: u8) -> String {
    format!("{:016x}{round:02x}", random::hash(seed ^ 0x006e_6f6e_6365, call_id))
}

/// The header line that asks for credentials, with its line end.
pub(crate) fn challenge(auth: &LineAuth, nonce: &str, stale: bool) -> String {
    let name = if auth.challenge == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    format!(
        "{name}: Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{}\r\n",
        auth.realm,
        auth.algorithm.token(),
        if stale { ", stale=true" } else { "" },
    )
}

/// Whether an (Proxy-)Authorization value answers the challenge with this nonce for this request.
pub(crate) fn verify(auth: &LineAuth, nonce: &str, method: &str, uri: &str, value: &[u8]) -> bool {
    let Some(fields) = str::from_utf8(value).ok().and_then(Fields::parse) else { return false };
    let Some(nc) = fields.field("nc") else { return false };
    let expected = {
        let a1 = auth.algorithm.hex(&format!("{}:{}:{}", auth.user, auth.realm, auth.password));
        let a2 = auth.algorithm.hex(&format!("{method}:{uri}"));
        let cnonce = fields.field("cnonce").unwrap_or("");
        auth.algorithm.hex(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
    };
    fields.field("username") == Some(&auth.user)
        && fields.field("realm") == Some(&auth.realm)
        && fields.field("nonce") == Some(nonce)
        && fields.field("uri") == Some(uri)
        && fields.field("qop") == Some("auth")
        && fields.field("cnonce").is_some_and(|c| !c.is_empty())
        && fields.field("algorithm").map_or(auth.algorithm == Algorithm::Md5, |a| {
            a.eq_ignore_ascii_case(auth.algorithm.token())
        })
        // RFC 7616 section 3.4: eight hexadecimal digits; a nonce of ours is used once.
        && nc == "00000001"
        && fields.field("response") == Some(&expected)
}

/// The parameters of a Digest value, unquoted. Escapes inside quotes are not undone: we issue none.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

/// More parameters than any honest value has.
const FIELDS_MAX: usize = 24;

impl<'a> Fields<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (scheme, mut rest) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut fields = Vec::new();
        while !rest.trim().is_empty() && fields.len() < FIELDS_MAX {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let (value, tail) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            fields.push((key.trim(), value.trim()));
            rest = tail.trim_start().strip_prefix(',').unwrap_or("");
        }
        Some(Self(fields))
    }

    fn field(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| *v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 section 3.9.1: the same request with both hashes.
    fn example(algorithm: Algorithm, response: &str) -> bool {
        let auth = LineAuth {
            user: "Mufasa".into(),
            password: "Circle of Life".into(),
            realm: "http-auth@example.org".into(),
            algorithm,
            challenge: 401,
            stale: false,
        };
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={}, \
             nonce=\"{nonce}\", nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
            algorithm.token()
        );
        verify(&auth, nonce, "GET", "/dir/index.html", value.as_bytes())
    }

    #[test]
    fn the_examples_of_the_rfc_are_right() {
        assert!(example(Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"));
        assert!(example(
            Algorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        ));
    }

    #[test]
    fn a_wrong_response_is_not() {
        assert!(!example(Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbed"));
        assert!(!example(Algorithm::Sha256, "8ca523f5e9506fed4657c9700eebdbec"));
    }

    #[test]
    fn nonsense_is_refused_without_fuss() {
        for value in [
            "",
            "Digest",
            "Digest ",
            "Basic abc",
            "Digest a",
            "Digest a=\"",
            "Digest ,,=,=\"\"=",
            "Digest nc=\u{fe}",
        ] {
            assert!(!verify(
                &"a=127.0.0.1:1,auth=u:p:r".parse::<crate::LineConfig>().unwrap().auth.unwrap(),
                "n",
                "INVITE",
                "sip:x",
                value.as_bytes()
            ));
        }
    }
}
