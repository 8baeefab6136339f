//! Reading a script that somebody wrote, in JSON or YAML.

use crate::Document;

/// Longest script, in bytes.
pub(crate) const BYTES_MAX: usize = 1 << 20;

/// Why a text is no script.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Longer than a script may be.
    #[error("the script has {bytes} bytes; at most {BYTES_MAX} are taken")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// JSON that is none, or has another shape.
    #[error("{path}: {problem}")]
    Json {
        /// The field, such as `steps[3]`; `.` for the whole.
        path: String,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// YAML that is none, or has another shape.
    #[error("{0}")]
    Yaml(String),
}

/// Reads a script. What begins with `{` is JSON, everything else YAML.
pub fn read(text: &str) -> Result<Document, ReadError> {
    if text.len() > BYTES_MAX {
        return Err(ReadError::TooLong { bytes: text.len() });
    }
    if text.trim_start().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(text);
        let document = serde_path_to_error::deserialize(&mut json).map_err(|error| ReadError::Json {
            path: error.path().to_string(),
            problem: error.inner().to_string(),
        })?;
        json.end().map_err(|error| ReadError::Json { path: ".".to_owned(), problem: error.to_string() })?;
        return Ok(document);
    }
    // YAML 1.2: `yes` and `no` are words, and here the commonest names of intents.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| ReadError::Yaml(error.to_string()))
}

/// The text of a JSON value at a pointer (RFC 6901); `None` where there is none, or one that is no text, number or truth value.
pub fn value_at(answer: &serde_json::Value, pointer: &str) -> Option<String> {
    match answer.pointer(pointer)? {
        serde_json::Value::String(text) => Some(text.clone()),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same_script() {
        let json = r#"{"name":"a","steps":[{"do":"say","id":"x","text":"Hi","barge_in":"any"},{"do":"hang_up","disposition":"done"}]}"#;
        let yaml = "name: a\nsteps:\n- {do: say, id: x, text: Hi, barge_in: any}\n- do: hang_up\n  disposition: done\n";
        assert_eq!(read(json).expect("JSON"), read(yaml).expect("YAML"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = r#"{"name":"a","steps":[{"id":"x","next":"y","do":"listen","intents":{"yes":"y"}},{"id":"y","do":"play","prompt":7}]}"#;
        let document = read(text).expect("a script");
        let written = serde_json::to_string(&document).expect("it is plain data");
        assert_eq!(read(&written).expect("what was written"), document);
    }

    #[test]
    fn errors_name_the_place_and_the_word() {
        let error = |text: &str| read(text).expect_err("no script").to_string();
        let unknown = error(r#"{"name":"a","steps":[{"do":"wait","ms":1},{"do":"wait","ms":1,"secs":2}]}"#);
        assert!(unknown.contains("steps[1]") && unknown.contains("secs"), "{unknown}");
        let verb = error(r#"{"name":"a","steps":[{"do":"sing"}]}"#);
        assert!(verb.contains("sing") && verb.contains("hang_up"), "{verb}");
        let none = error(r#"{"name":"a","steps":[{"id":"x"}]}"#);
        assert!(none.contains("`do` is missing"), "{none}");
        let yaml = error("name: a\nsteps:\n- do: wait\n  ms: soon\n");
        assert!(yaml.contains("ms") || yaml.contains("soon"), "{yaml}");
        assert!(error(&format!("name: {}", "a".repeat(BYTES_MAX))).contains("bytes"));
        // Aliases that would grow without bound.
        let bomb = format!(
            "a0: &a0 [x]\n{}",
            (1..40)
                .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")))
                .collect::<String>()
        );
        read(&bomb).expect_err("a bomb");
    }
}
