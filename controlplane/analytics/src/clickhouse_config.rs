//! Which ClickHouse, as it stands in the configuration.

use std::{fmt, net::SocketAddr};

/// The ClickHouse that keeps the attempts. Both kinds get the same client, the same DDL and the same SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClickHouse {
    /// A server or cluster of the operator's.
    Url {
        /// `http://host:8123` or `https://host:8443`.
        url: String,
        /// User; `default` on a fresh server.
        user: String,
        /// Password.
        password: Secret,
        /// Database of our tables; made if missing.
        database: String,
    },
    /// The engine that `peal up` runs as a child.
    Embedded {
        /// Where the child listens.
        address: SocketAddr,
        /// The user that it knows.
        user: String,
        /// The password that it was started with.
        password: Secret,
    },
}

impl ClickHouse {
    /// The server at `url`, from the value of `CLICKHOUSE_URL`: user, password and database may be part of it
    /// (`http://user:password@host:8123/database`); `default`, none and `peal` if they are not.
    pub fn from_url(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.split_once("://").ok_or("a ClickHouse URL begins with http:// or https://")?;
        if !matches!(scheme, "http" | "https") {
            return Err(format!("{scheme}:// is not ClickHouse's HTTP interface: use http:// or https://"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        if host.is_empty() {
            return Err("the ClickHouse URL names no host".into());
        }
        let database = path.split(['?', '#']).next().unwrap_or("").trim_matches('/');
        let or = |text: &str, default: &str| {
            if text.is_empty() { default.to_owned() } else { percent_decoded(text) }
        };
        let database = or(database, DATABASE);
        if !database.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("the database's name may hold letters, digits and _ only".into());
        }
        Ok(Self::Url {
            url: format!("{scheme}://{host}"),
            user: or(user, "default"),
            password: Secret::new(percent_decoded(password)),
            database,
        })
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Url { url, .. } => url.clone(),
            Self::Embedded { address, .. } => format!("http://{address}"),
        }
    }

    pub(crate) fn user(&self) -> &str {
        match self {
            Self::Url { user, .. } | Self::Embedded { user, .. } => user,
        }
    }

    pub(crate) fn password(&self) -> &str {
        match self {
            Self::Url { password, .. } | Self::Embedded { password, .. } => password.reveal(),
        }
    }

    /// Database of our tables.
    pub fn database(&self) -> &str {
        match self {
            Self::Url { database, .. } => database,
            Self::Embedded { .. } => DATABASE,
        }
    }
}

/// Database of our tables where nothing else is said.
const DATABASE: &str = "peal";

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A password. Shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_password_and_database_may_be_part_of_the_url() {
        let full =
            ClickHouse::from_url("https://calls:p%40ss@ch.example:8443/dialler?x=1").expect("a good URL");
        assert_eq!(
            full,
            ClickHouse::Url {
                url: "https://ch.example:8443".into(),
                user: "calls".into(),
                password: Secret::new("p@ss"),
                database: "dialler".into(),
            }
        );
        let short = ClickHouse::from_url("http://localhost:8123").expect("a good URL");
        assert_eq!((short.user(), short.password(), short.database()), ("default", "", "peal"));
        assert!(!format!("{full:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_no_url_of_clickhouse_is_refused() {
        for text in ["", "localhost:8123", "clickhouse://h:9000", "http://", "http://h/a`b"] {
            assert!(ClickHouse::from_url(text).is_err(), "{text}");
        }
    }
}
