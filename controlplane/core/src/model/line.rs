//! Lines and line groups.

use common::{CallsPerSecond, LineGroupId, LineId, TenantId};
use serde::{Deserialize, Serialize};

use super::{Invalid, check_name};

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Line {
    /// Its id.
    pub id: LineId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What was configured.
    #[serde(flatten)]
    pub spec: LineSpec,
}

/// What an operator says about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LineSpec {
    /// Unique within the tenant.
    pub name: String,
    /// `host:port` or `host` (port 5060) of the carrier; resolved by the node.
    pub address: String,
    /// Host part of Request-URI, From and To; the address's host when empty.
    #[serde(default)]
    pub domain: String,
    /// How the carrier knows us.
    #[serde(default)]
    pub auth: LineAuth,
    /// Calls at once, from INVITE to the last message of the call: 1 to 100,000.
    pub max_calls: u32,
    /// New calls in any rolling second.
    pub max_cps: CallsPerSecond,
    /// Share of the calls among lines of a group that have room: 1 to 1,000, 100 by default.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Numbers shown to the callee, used in turn; at most 1,000. Empty means anonymous.
    #[serde(default)]
    pub caller_ids: Vec<String>,
    /// How the carrier wants numbers written.
    #[serde(default)]
    pub number_format: NumberFormat,
    /// Put before every dialled number (a tech prefix); digits, `*`, `#` and `+`, at most 16.
    #[serde(default)]
    pub prefix: String,
    /// Codecs in order of preference: `PCMU`, `PCMA`.
    #[serde(default = "default_codecs")]
    pub codecs: Vec<String>,
    /// Whether calls share RTP ports.
    #[serde(default)]
    pub media_ports: MediaPorts,
    /// A disabled line takes no new calls.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn default_weight() -> u32 {
    100
}

fn default_codecs() -> Vec<String> {
    vec!["PCMA".to_owned(), "PCMU".to_owned()]
}

fn enabled() -> bool {
    true
}

/// How the carrier knows us.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum LineAuth {
    /// By our address. In braces, because serde lets a unit variant pass with unknown keys.
    Ip {},
    /// By digest (RFC 3261 section 22).
    Digest {
        /// User name.
        username: String,
        /// Password. Kept in the store, shown by no API.
        password: String,
        /// The realm that may have the credentials; the line's domain when empty.
        #[serde(default)]
        realm: String,
    },
}

impl Default for LineAuth {
    fn default() -> Self {
        Self::Ip {}
    }
}

impl std::fmt::Debug for LineAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip {} => f.write_str("Ip"),
            Self::Digest { username, realm, .. } => f
                .debug_struct("Digest")
                .field("username", username)
                .field("realm", realm)
                .finish_non_exhaustive(),
        }
    }
}

/// How the carrier wants numbers written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// `+8613800138000`
    #[default]
    E164,
    /// `8613800138000`
    Digits,
}

/// Whether calls of a line share RTP ports (DESIGN: shared sockets cost less) or have one each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MediaPorts {
    /// Few ports, calls told apart by the far address.
    #[default]
    Shared,
    /// A port of its own for each call.
    Own,
}

/// Lines that stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineGroup {
    /// Its id.
    pub id: LineGroupId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What was configured.
    #[serde(flatten)]
    pub spec: LineGroupSpec,
}

/// What an operator says about a line group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LineGroupSpec {
    /// Unique within the tenant.
    pub name: String,
    /// Its lines, 1 to 100, each once.
    pub lines: Vec<LineId>,
}

impl LineSpec {
    /// Checks every field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        check_address(&self.address)?;
        if !self.domain.is_empty() && !is_host(&self.domain) {
            return Err(Invalid::new("domain", "must be a host name or address, without port"));
        }
        if let LineAuth::Digest { username, password, realm } = &self.auth {
            for (field, text, needed) in [
                ("auth.username", username, true),
                ("auth.password", password, true),
                ("auth.realm", realm, false),
            ] {
                if (needed && text.is_empty())
                    || text.len() > 128
                    || text.chars().any(|c| c.is_control() || c == '"')
                {
                    return Err(Invalid::new(
                        field,
                        "must have 1 to 128 characters, no quotes or control characters",
                    ));
                }
            }
        }
        if !(1..=100_000).contains(&self.max_calls) {
            return Err(Invalid::new("max_calls", format!("must be 1 to 100000, not {}", self.max_calls)));
        }
        if !(1..=1_000).contains(&self.weight) {
            return Err(Invalid::new("weight", format!("must be 1 to 1000, not {}", self.weight)));
        }
        if self.caller_ids.len() > 1_000 {
            return Err(Invalid::new("caller_ids", "at most 1000 caller ids"));
        }
        for (index, caller_id) in self.caller_ids.iter().enumerate() {
            if !is_dial_string(caller_id, 32) {
                return Err(Invalid::new(
                    format!("caller_ids[{index}]"),
                    "must be 1 to 32 of 0-9 * # with an optional leading +",
                ));
            }
        }
        if !self.prefix.is_empty() && !is_dial_string(&self.prefix, 16) {
            return Err(Invalid::new("prefix", "must be at most 16 of 0-9 * # with an optional leading +"));
        }
        if self.codecs.is_empty() {
            return Err(Invalid::new("codecs", "must name at least one of PCMA, PCMU"));
        }
        for (index, codec) in self.codecs.iter().enumerate() {
            if !["PCMA", "PCMU"].contains(&codec.as_str()) || self.codecs[..index].contains(codec) {
                return Err(Invalid::new(format!("codecs[{index}]"), "must be PCMA or PCMU, each once"));
            }
        }
        Ok(())
    }
}

impl LineGroupSpec {
    /// Checks every field; whether the lines exist is the store's to say.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        if !(1..=100).contains(&self.lines.len()) {
            return Err(Invalid::new("lines", format!("must name 1 to 100 lines, not {}", self.lines.len())));
        }
        for (index, line) in self.lines.iter().enumerate() {
            if self.lines[..index].contains(line) {
                return Err(Invalid::new(format!("lines[{index}]"), format!("line {line} is named twice")));
            }
        }
        Ok(())
    }
}

fn is_dial_string(text: &str, max: usize) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    !rest.is_empty()
        && text.len() <= max
        && rest.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text.len() <= 253
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_')
        }
    }
}

fn check_address(address: &str) -> Result<(), Invalid> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && !host.is_empty() => (host, Some(port)),
        _ => (address, None),
    };
    if !is_host(host) {
        return Err(Invalid::new("address", "must be host, host:port, or [ipv6]:port"));
    }
    if port.is_some_and(|p| p.parse::<u16>().map_or(true, |p| p == 0)) {
        return Err(Invalid::new("address", "the port must be 1 to 65535"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> LineSpec {
        serde_json::from_str(r#"{"name":"a","address":"127.0.0.1:5070","max_calls":10,"max_cps":5}"#)
            .expect("minimal")
    }

    #[test]
    fn a_minimal_line_is_valid() {
        assert_eq!(spec().check(), Ok(()));
        assert_eq!(spec().weight, 100);
    }

    #[test]
    fn each_field_is_checked_by_name() {
        type Spoil = fn(&mut LineSpec);
        let cases: [(&str, Spoil); 8] = [
            ("name", |s| s.name = "a\n".to_owned()),
            ("address", |s| s.address = "host:0".to_owned()),
            ("address", |s| s.address = "a b".to_owned()),
            ("domain", |s| s.domain = "x>\r\nVia: y".to_owned()),
            ("max_calls", |s| s.max_calls = 0),
            ("caller_ids[0]", |s| s.caller_ids = vec!["1\r\n".to_owned()]),
            ("codecs[1]", |s| s.codecs = vec!["PCMA".to_owned(), "PCMA".to_owned()]),
            ("prefix", |s| s.prefix = "9;x".to_owned()),
        ];
        for (field, spoil) in cases {
            let mut spec = spec();
            spoil(&mut spec);
            assert_eq!(spec.check().expect_err(field).field, field);
        }
    }

    #[test]
    fn a_password_is_never_debugged() {
        let auth =
            LineAuth::Digest { username: "u".into(), password: "hunter2".into(), realm: String::new() };
        assert!(!format!("{auth:?}").contains("hunter2"));
    }
}
