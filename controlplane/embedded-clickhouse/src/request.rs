//! What the URL and the headers of a request say.

use hyper::{HeaderMap, Method, header, http::request::Parts};

use crate::{Access, engine::Parameters, exception::Exception};

/// A request, its body aside.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// SQL of the URL; the body goes on where it ends.
    pub(crate) query: String,
    pub(crate) database: Option<String>,
    /// Output format for statements that name none; also the input format of bodies.
    pub(crate) default_format: Option<String>,
    /// The client's name for the query, or one of ours.
    pub(crate) query_id: String,
    /// Settings of this query, in the order of the URL.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) parameters: Parameters,
    /// The body comes in ClickHouse's compression frames.
    pub(crate) decompress: bool,
    /// The answer is wanted in them.
    pub(crate) compress: bool,
    /// Nothing is to be sent before the query has ended.
    pub(crate) wait_end: bool,
    /// Nothing may be changed (GET).
    pub(crate) read_only: bool,
    /// The body is an LZ4 frame of its own format (`Content-Encoding: lz4`).
    pub(crate) lz4_encoded: bool,
    /// Boundary of a multipart body, whose fields are as if they stood in the URL.
    pub(crate) boundary: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

impl Request {
    /// Reads the head of a request.
    pub(crate) fn read(parts: &Parts) -> Result<Self, Exception> {
        let mut request = Self { read_only: parts.method == Method::GET, ..Self::default() };
        let header = |name: &str| text(&parts.headers, name);
        request.user = header("x-clickhouse-user");
        request.password = header("x-clickhouse-key");
        request.database = header("x-clickhouse-database");
        request.default_format = header("x-clickhouse-format");
        if let Some(pair) = header(header::AUTHORIZATION.as_str()).and_then(|value| basic(&value)) {
            (request.user, request.password) = (Some(pair.0), Some(pair.1));
        }
        match header(header::CONTENT_ENCODING.as_str()).as_deref() {
            None | Some("identity") => {}
            Some("lz4") => request.lz4_encoded = true,
            Some(other) => {
                return Err(Exception::new(
                    Exception::NOT_IMPLEMENTED,
                    format!(
                        "Content-Encoding {other} is not supported by the embedded engine: use lz4 or none"
                    ),
                ));
            }
        }
        if let Some(kind) = header(header::CONTENT_TYPE.as_str()) {
            let boundary =
                kind.strip_prefix("multipart/form-data").and_then(|rest| rest.split_once("boundary="));
            request.boundary = boundary.map(|(_, boundary)| boundary.trim_matches('"').to_owned());
        }
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()) {
            request.field(&name, value.into_owned())?;
        }
        if request.query_id.is_empty() {
            request.query_id = uuid::Uuid::new_v4().to_string();
        }
        Ok(request)
    }

    /// Takes one field of the URL or of a form.
    pub(crate) fn field(&mut self, name: &str, value: String) -> Result<(), Exception> {
        if let Some(parameter) = name.strip_prefix("param_") {
            self.parameters.add(parameter.to_owned(), value);
            return Ok(());
        }
        match name {
            "query" => self.query = value,
            "database" => self.database = Some(value),
            "default_format" => self.default_format = Some(value),
            "query_id" => self.query_id = value,
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "decompress" => self.decompress = flag(&value),
            "compress" => self.compress = flag(&value),
            "wait_end_of_query" => self.wait_end = flag(&value),
            // Each request has a session of its own, which ends with it; the rest changes how a server writes its
            // answer in ways that a client must be able to do without.
            "session_id"
            | "session_timeout"
            | "session_check"
            | "close_session"
            | "quota_key"
            | "role"
            | "stacktrace"
            | "buffer_size"
            | "enable_http_compression"
            | "http_zlib_compression_level"
            | "client_protocol_version"
            | "send_progress_in_http_headers"
            | "http_headers_progress_interval_ms"
            | "log_comment" => {}
            setting => {
                if !is_setting(setting) {
                    return Err(Exception::new(Exception::BAD_ARGUMENTS, "a setting has an impossible name"));
                }
                self.settings.push((setting.to_owned(), value));
            }
        }
        Ok(())
    }

    /// The statements that give a fresh connection this request's settings and database. Names are checked, values
    /// quoted. `mark` finds the query again among the engine's running ones.
    pub(crate) fn preparation(&self, mark: &str) -> Vec<String> {
        let mut statements = Vec::new();
        if let Some(database) = self.database.as_deref().filter(|database| !database.is_empty()) {
            statements.push(format!("USE `{}`", escape(database, '`')));
        }
        let mut settings = format!("SET log_comment = '{mark}'");
        for (name, value) in &self.settings {
            settings += &format!(", {name} = '{}'", escape(value, '\''));
        }
        statements.push(settings);
        if self.read_only {
            // 2: queries may still carry settings of their own, as a server has it for GET.
            statements.push("SET readonly = 2".into());
        }
        statements
    }

    /// Whether the request carries the user and password that are asked for.
    pub(crate) fn may_enter(&self, access: Option<&Access>) -> bool {
        let Some(access) = access else { return true };
        let user = equal(self.user.as_deref().unwrap_or("default"), &access.user);
        let password = equal(self.password.as_deref().unwrap_or(""), &access.password);
        user & password
    }
}

/// Equality in a time that depends on the lengths only.
fn equal(given: &str, wanted: &str) -> bool {
    let (given, wanted) = (given.as_bytes(), wanted.as_bytes());
    let mut difference = given.len() ^ wanted.len();
    for (at, &byte) in wanted.iter().enumerate() {
        difference |= usize::from(byte ^ given.get(at).copied().unwrap_or(!byte));
    }
    std::hint::black_box(difference) == 0
}

fn flag(value: &str) -> bool {
    matches!(value, "1" | "true")
}

fn is_setting(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn escape(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character == quote || character == '\\' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// User and password of `Basic …` (RFC 7617).
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(base64(encoded.trim())?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Base64 of RFC 4648 section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::with_capacity(text.len() * 3 / 4));
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// The fields of a `multipart/form-data` body (RFC 7578): names and values, in order.
pub(crate) fn form_fields(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, Exception> {
    let broken = || Exception::new(Exception::BAD_ARGUMENTS, "the multipart body is broken");
    let body = std::str::from_utf8(body).map_err(|_| broken())?;
    let delimiter = format!("--{boundary}");
    let (_, mut rest) = body.split_once(delimiter.as_str()).ok_or_else(broken)?;
    let delimiter = format!("\r\n{delimiter}");
    let mut fields = Vec::new();
    while !rest.starts_with("--") {
        let (part, next) = rest.split_once(delimiter.as_str()).ok_or_else(broken)?;
        let (head, value) = part.split_once("\r\n\r\n").ok_or_else(broken)?;
        let (_, name) = head.split_once("name=\"").ok_or_else(broken)?;
        let (name, _) = name.split_once('"').ok_or_else(broken)?;
        fields.push((name.to_owned(), value.to_owned()));
        rest = next;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = hyper::Request::post(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (parts, ()) = builder.body(()).expect("a good request").into_parts();
        Request::read(&parts).expect("reads")
    }

    #[test]
    fn settings_are_quoted() {
        let request = request("/?database=a%60b&insert_deduplication_token=x'%5C%2C%20readonly%3D0", &[]);
        assert_eq!(
            request.preparation("m"),
            [r"USE `a\`b`", r"SET log_comment = 'm', insert_deduplication_token = 'x\'\\, readonly=0'",]
        );
    }

    #[test]
    fn a_setting_with_an_impossible_name_is_refused() {
        let (parts, ()) =
            hyper::Request::post("/?max_threads%3D1%2Cx=1").body(()).expect("a request").into_parts();
        assert!(Request::read(&parts).is_err());
    }

    #[test]
    fn the_password_is_taken_from_headers_basic_and_url() {
        let access = Access { user: "peal".into(), password: "s:cret".into() };
        let enters = |request: Request| request.may_enter(Some(&access));
        assert!(enters(request("/", &[("X-ClickHouse-User", "peal"), ("X-ClickHouse-Key", "s:cret")])));
        assert!(enters(request("/", &[("Authorization", "Basic cGVhbDpzOmNyZXQ=")])));
        assert!(enters(request("/?user=peal&password=s%3Acret", &[])));
        assert!(!enters(request("/?user=peal&password=s%3Acre", &[])));
        assert!(!enters(request("/?user=peal&password=s%3Acrett", &[])));
        assert!(!enters(request("/", &[])));
    }

    #[test]
    fn a_form_is_read() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"param_x\"\r\n\r\n\r\n--b--\r\n";
        let fields = form_fields(body.as_bytes(), "b").expect("a good form");
        assert_eq!(fields, [("query".into(), "SELECT\r\n1".into()), ("param_x".into(), String::new())]);
        for end in 0..body.len() - 4 {
            assert!(form_fields(&body.as_bytes()[..end], "b").is_err(), "cut at {end}");
        }
    }
}
