//! An E.164 number as a line's carrier wants it written.

use common::E164;

use crate::model::{LineSpec, NumberFormat};

/// The user part of Request-URI and To for `number` on this line: the line's prefix, then the number in its format.
///
/// Personal data, as [`E164::expose`] is: for the order and the record, never for a log.
pub fn dial_string(line: &LineSpec, number: E164) -> String {
    let full = number.expose();
    let written = match line.number_format {
        NumberFormat::E164 => full.as_str(),
        NumberFormat::Digits => full.trim_start_matches('+'),
    };
    format!("{}{written}", line.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_format_are_the_lines() {
        let number = E164::parse("+8613800138000").expect("well formed");
        for (format, prefix, expected) in [
            (NumberFormat::E164, "", "+8613800138000"),
            (NumberFormat::Digits, "", "8613800138000"),
            (NumberFormat::Digits, "9*", "9*8613800138000"),
        ] {
            let line = LineSpec { number_format: format, prefix: prefix.into(), ..minimal() };
            assert_eq!(dial_string(&line, number), expected);
        }
    }

    fn minimal() -> LineSpec {
        serde_json::from_str(r#"{"name":"a","address":"127.0.0.1","max_calls":1,"max_cps":1}"#)
            .expect("minimal")
    }
}
