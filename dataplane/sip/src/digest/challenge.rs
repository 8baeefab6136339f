//! WWW-Authenticate and Authorization values.

use super::Credentials;
use super::algorithm::{Algorithm, HexHash};
use crate::message::{Values, Writer};

/// What a server asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The realm, without its quotes, escapes as they came.
    pub realm: &'a [u8],
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// To be given back.
    pub opaque: Option<&'a [u8]>,
    /// The hash.
    pub algorithm: Algorithm,
    /// The server offers `qop=auth`.
    pub qop_auth: bool,
    /// Our last answer was right but its nonce too old.
    pub stale: bool,
}

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeError {
    /// Another scheme, an unknown algorithm, or only `qop=auth-int`.
    Unsupported,
    /// It does not parse, or has no realm or no nonce.
    Malformed,
}

impl<'a> Challenge<'a> {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate header.
    ///
    /// # Errors
    /// Why it cannot be answered.
    pub fn parse(value: &'a [u8]) -> Result<Self, ChallengeError> {
        let mut challenge = Challenge {
            realm: b"",
            nonce: b"",
            opaque: None,
            algorithm: Algorithm::Md5,
            qop_auth: false,
            stale: false,
        };
        let (mut has_realm, mut has_qop) = (false, false);
        for field in fields(value)? {
            let (name, text) = field?;
            match_name(name, |lower| match lower {
                b"realm" => {
                    challenge.realm = text;
                    has_realm = true;
                }
                b"nonce" => challenge.nonce = text,
                b"opaque" => challenge.opaque = Some(text),
                b"stale" => challenge.stale = text.eq_ignore_ascii_case(b"true"),
                b"qop" => {
                    has_qop = true;
                    challenge.qop_auth = Values::new(text).any(|qop| qop.eq_ignore_ascii_case(b"auth"));
                }
                _ => {}
            });
            if name.eq_ignore_ascii_case(b"algorithm") {
                challenge.algorithm = Algorithm::of(text).ok_or(ChallengeError::Unsupported)?;
            }
        }
        if !has_realm || challenge.nonce.is_empty() {
            return Err(ChallengeError::Malformed);
        }
        if has_qop && !challenge.qop_auth {
            return Err(ChallengeError::Unsupported);
        }
        Ok(challenge)
    }
}

/// An answer to a challenge, for one request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The challenge.
    pub challenge: Challenge<'a>,
    /// The account.
    pub credentials: &'a Credentials,
    /// The request's method.
    pub method: &'a [u8],
    /// The request's URI.
    pub uri: &'a [u8],
    /// Our own nonce.
    pub cnonce: u64,
    /// How many requests have used the server's nonce, this one included.
    pub nonce_count: u32,
}

impl Answer<'_> {
    /// Writes the value of an Authorization or Proxy-Authorization header (RFC 7616 section 3.4: nc and qop stand
    /// without quotes, nc in eight hexadecimal digits).
    pub fn write(&self, writer: &mut Writer<'_>) {
        let Answer { challenge, credentials, .. } = self;
        let mut cnonce = [0; 16];
        Writer::new(&mut cnonce).hex_padded(self.cnonce, 16);
        let mut count = [0; 8];
        Writer::new(&mut count).hex_padded(u64::from(self.nonce_count), 8);
        let ha1 = challenge.algorithm.joined(&[
            credentials.username.as_bytes(),
            challenge.realm,
            credentials.password.as_bytes(),
        ]);
        let qop = challenge.qop_auth.then_some((count.as_slice(), cnonce.as_slice()));
        let response = response(challenge.algorithm, &ha1, challenge.nonce, qop, self.method, self.uri);

        writer.raw(b"Digest username=").quoted(credentials.username.as_bytes());
        // Realm, nonce and opaque go back as they came, escapes included.
        writer.raw(b", realm=\"").value(challenge.realm).raw(b"\", nonce=\"").value(challenge.nonce);
        writer.raw(b"\", uri=\"").value(self.uri).raw(b"\", response=\"").raw(response.as_bytes());
        writer.raw(b"\", algorithm=").raw(challenge.algorithm.as_str().as_bytes());
        if challenge.qop_auth {
            writer.raw(b", qop=auth, nc=").raw(&count).raw(b", cnonce=\"").raw(&cnonce).raw(b"\"");
        }
        if let Some(opaque) = challenge.opaque {
            writer.raw(b", opaque=\"").value(opaque).raw(b"\"");
        }
    }
}

/// What a client answered. For programs that play the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The account it claims.
    pub username: &'a [u8],
    /// The realm it answers for.
    pub realm: &'a [u8],
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// The URI it signed.
    pub uri: &'a [u8],
    /// The hash it used.
    pub algorithm: Algorithm,
    /// nc and cnonce, with qop=auth.
    pub qop: Option<(&'a [u8], &'a [u8])>,
    response: &'a [u8],
}

impl<'a> Authorization<'a> {
    /// Reads the value of an Authorization or Proxy-Authorization header. `None` if it is not a digest that parses.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut read = Authorization {
            username: b"",
            realm: b"",
            nonce: b"",
            uri: b"",
            algorithm: Algorithm::Md5,
            qop: None,
            response: b"",
        };
        let (mut has_qop, mut count, mut cnonce) = (false, b"".as_slice(), b"".as_slice());
        for field in fields(value).ok()? {
            let (name, text) = field.ok()?;
            match_name(name, |lower| match lower {
                b"username" => read.username = text,
                b"realm" => read.realm = text,
                b"nonce" => read.nonce = text,
                b"uri" => read.uri = text,
                b"response" => read.response = text,
                b"qop" => has_qop = text.eq_ignore_ascii_case(b"auth"),
                b"nc" => count = text,
                b"cnonce" => cnonce = text,
                _ => {}
            });
            if name.eq_ignore_ascii_case(b"algorithm") {
                read.algorithm = Algorithm::of(text)?;
            }
        }
        read.qop = has_qop.then_some((count, cnonce));
        (!read.response.is_empty()).then_some(read)
    }

    /// The response is what this password gives.
    pub fn verify(&self, password: &str, method: &[u8]) -> bool {
        let ha1 = self.algorithm.joined(&[self.username, self.realm, password.as_bytes()]);
        response(self.algorithm, &ha1, self.nonce, self.qop, method, self.uri).as_bytes() == self.response
    }
}

fn response(
    algorithm: Algorithm,
    ha1: &HexHash,
    nonce: &[u8],
    qop: Option<(&[u8], &[u8])>,
    method: &[u8],
    uri: &[u8],
) -> HexHash {
    let ha2 = algorithm.joined(&[method, uri]);
    match qop {
        Some((count, cnonce)) => {
            algorithm.joined(&[ha1.as_bytes(), nonce, count, cnonce, b"auth", ha2.as_bytes()])
        }
        None => algorithm.joined(&[ha1.as_bytes(), nonce, ha2.as_bytes()]),
    }
}

type Field<'a> = Result<(&'a [u8], &'a [u8]), ChallengeError>;

/// The `name=value` fields behind the word `Digest`, values without their quotes.
fn fields(value: &[u8]) -> Result<impl Iterator<Item = Field<'_>>, ChallengeError> {
    let value = value.trim_ascii();
    let scheme_len = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme_len);
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return Err(ChallengeError::Unsupported);
    }
    Ok(Values::new(rest).map(|field| {
        let equals = field.iter().position(|byte| *byte == b'=').ok_or(ChallengeError::Malformed)?;
        let (name, text) = (field[..equals].trim_ascii(), field[equals + 1..].trim_ascii());
        let text = match text.strip_prefix(b"\"") {
            Some(quoted) => quoted.strip_suffix(b"\"").ok_or(ChallengeError::Malformed)?,
            None => text,
        };
        if name.is_empty() { Err(ChallengeError::Malformed) } else { Ok((name, text)) }
    }))
}

/// Calls `then` with the name in lower case; names of parameters that matter are short.
fn match_name(name: &[u8], then: impl FnOnce(&[u8])) {
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..name.len()) else { return };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    then(lower);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 2617 section 3.5.
    #[test]
    fn the_example_of_rfc_2617() {
        let value = br#"Digest username="Mufasa", realm="testrealm@host.com",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001,
            cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1",
            opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let authorization = Authorization::parse(value).expect("a digest");
        assert!(authorization.verify("Circle Of Life", b"GET"));
        assert!(!authorization.verify("Circle Of Death", b"GET"));
        assert!(!authorization.verify("Circle Of Life", b"PUT"));
    }

    /// The SHA-256 example of RFC 7616 section 3.9.1.
    #[test]
    fn the_example_of_rfc_7616() {
        let value = br#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
            algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,
            response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1""#;
        assert!(Authorization::parse(value).expect("a digest").verify("Circle of Life", b"GET"));
    }

    #[test]
    fn an_answer_is_accepted_for_every_algorithm_with_and_without_qop() {
        let credentials =
            Credentials { username: "a \"b\"".into(), password: "p:w".into(), realm: Some("r".into()) };
        for challenge in [
            r#"Digest realm="r", nonce="n""#,
            r#"Digest realm="r",nonce="n",qop="auth-int,auth",algorithm=MD5,opaque="o""#,
            r#"digest  realm="r", nonce="n", algorithm=SHA-256, qop="auth""#,
            r#"Digest realm="r", nonce="n", algorithm=SHA-512-256, qop=auth, stale=TRUE"#,
        ] {
            let challenge = Challenge::parse(challenge.as_bytes()).expect("a challenge");
            let answer = Answer {
                challenge,
                credentials: &credentials,
                method: b"INVITE",
                uri: b"sip:x@y",
                cnonce: 7,
                nonce_count: 10,
            };
            let mut out = [0; 512];
            let mut writer = Writer::new(&mut out);
            answer.write(&mut writer);
            let len = writer.finish().expect("fits");
            let text = std::str::from_utf8(&out[..len]).expect("text");
            assert_eq!(text.contains("nc=0000000a"), challenge.qop_auth, "{text}");
            // The user name stands escaped in the header and plain in the hash.
            let read = Authorization::parse(&out[..len]).expect("a digest");
            let read = Authorization { username: b"a \"b\"", ..read };
            assert!(read.verify("p:w", b"INVITE"), "{text}");
        }
    }

    #[test]
    fn challenges_that_are_refused() {
        use ChallengeError::*;
        for (value, error) in [
            ("Basic realm=\"x\"", Unsupported),
            ("Digest realm=\"x\", nonce=\"n\", algorithm=MD5-sess", Unsupported),
            ("Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"", Unsupported),
            ("Digest", Malformed),
            ("Digest u", Malformed),
            ("Digest realm=\"x", Malformed),
            ("Digest realm=,,,,=", Malformed),
            ("Digest nonce=\"n\"", Malformed),
        ] {
            assert_eq!(Challenge::parse(value.as_bytes()), Err(error), "{value}");
        }
    }

    #[test]
    fn credentials_cover_their_own_realm_or_host_only() {
        let named = Credentials { username: "u".into(), password: "p".into(), realm: Some("Carrier".into()) };
        assert!(named.covers(b"Carrier", [b"x", b"y"]));
        assert!(!named.covers(b"carrier", [b"carrier", b"y"]));
        let unnamed = Credentials { realm: None, ..named };
        assert!(unnamed.covers(b"SIP.example.com", [b"sip.example.com", b"y"]));
        assert!(!unnamed.covers(b"", [b"", b"y"]));
        assert!(!unnamed.covers(b"demo", [b"sip.example.com", b"y"]));
        assert!(!format!("{unnamed:?}").contains("\"p\""));
    }
}
