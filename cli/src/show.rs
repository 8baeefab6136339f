//! How results are shown: tables for people, JSON for programs.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde_json::Value;

/// Whether output may be coloured: on a terminal, unless `NO_COLOR` is set (no-color.org).
pub fn coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints JSON, or the given columns of each row as a table. A column is a heading and a path into the row
/// (`contacts/total`).
pub fn rows(json: bool, rows: &[Value], columns: &[(&str, &str)]) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(rows)?);
    }
    if rows.is_empty() {
        return print("none");
    }
    let mut table = table();
    table.set_header(columns.iter().map(|(heading, _)| heading_cell(heading)));
    for row in rows {
        table.add_row(columns.iter().map(|(_, path)| text(at(row, path))));
    }
    print(&table.to_string())
}

/// Prints one object: JSON, or a line for each field.
pub fn object(json: bool, value: &Value) -> Result<()> {
    match value {
        Value::Object(fields) if !json => {
            let mut table = table();
            for (name, value) in fields {
                table.add_row([heading_cell(name), Cell::new(text(value))]);
            }
            print(&table.to_string())
        }
        _ => print(&serde_json::to_string_pretty(value)?),
    }
}

/// A line of text.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(())
}

/// An empty table in our style.
pub fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !coloured() {
        table.force_no_tty();
    }
    table
}

/// A heading.
pub fn heading_cell(text: &str) -> Cell {
    let cell = Cell::new(text);
    if coloured() { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn at<'v>(row: &'v Value, path: &str) -> &'v Value {
    path.split('/').fold(row, |value, key| &value[key])
}

/// A value as people read it.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
