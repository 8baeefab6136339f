//! What a script may know of a contact: the other columns of its row.

use std::collections::HashMap;

use common::E164;

/// Columns that a script may use, in the order of their names; a call needs few, and an order carries all of them.
const COLUMNS_MAX: usize = 50;

/// Names and values together, bytes: an order stays small beside the link's messages.
pub(crate) const BYTES_MAX: usize = 4_096;

/// With `contact.` before it, a name still is one of a variable.
const NAME_MAX: usize = 56;

/// The variables of a contact by the name after `contact.`, from the JSON object that its row was kept as. Signs that no name
/// may have become `_`. A column that repeats the contact's own number is left out: a number leaves the control plane only to be
/// dialled.
pub fn variables(fields: &str, number: E164) -> HashMap<String, String> {
    let columns: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(fields).unwrap_or_default();
    let mut room = BYTES_MAX;
    let mut variables = HashMap::new();
    for (column, value) in columns {
        let serde_json::Value::String(value) = value else { continue };
        let name = variable(&column);
        let bytes = name.len() + value.len();
        if name.chars().count() > NAME_MAX || bytes > room || is_number(&value, number) {
            continue;
        }
        room -= bytes;
        variables.entry(name).or_insert(value);
        if variables.len() == COLUMNS_MAX {
            break;
        }
    }
    variables
}

fn variable(column: &str) -> String {
    column
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' })
        .collect()
}

/// Whether it is the number in some writing, with the country's code or without.
fn is_number(value: &str, number: E164) -> bool {
    if value.chars().any(|c| !(c.is_ascii_digit() || " +-.()/".contains(c))) {
        return false;
    }
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits.len() >= 6 && number.to_u64().to_string().ends_with(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> E164 {
        E164::from_u64(8_613_800_138_000).expect("a number")
    }

    #[test]
    fn columns_become_variables() {
        let fields = r#"{"name":"Ann","First name":"Ann","客户":"安","order.no":"17"}"#;
        let known = variables(fields, number());
        let mut names: Vec<_> = known.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["First_name", "name", "order.no", "客户"]);
        assert_eq!(known["order.no"], "17");
        assert!(variables("", number()).is_empty());
    }

    #[test]
    fn the_number_stays_behind() {
        let fields = r#"{"a":"+86 138-0013-8000","b":"13800138000","c":"0 138 0013 8000","d":"8000","e":"id 13800138000"}"#;
        let mut names: Vec<_> = variables(fields, number()).into_keys().collect();
        names.sort_unstable();
        assert_eq!(names, ["d", "e"]);
    }

    #[test]
    fn they_are_bounded() {
        let fields: serde_json::Map<_, _> =
            (0..80).map(|n| (format!("c{n:02}"), serde_json::Value::from("x".repeat(60)))).collect();
        assert_eq!(variables(&serde_json::Value::Object(fields).to_string(), number()).len(), 50);
        let fields: serde_json::Map<_, _> =
            (0..3).map(|n| (format!("c{n}"), serde_json::Value::from("x".repeat(2_000)))).collect();
        assert_eq!(variables(&serde_json::Value::Object(fields).to_string(), number()).len(), 2);
    }
}
