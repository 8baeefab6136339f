//! `peal sql "…"`

use std::io::{IsTerminal, Write};

use anyhow::Result;
use clap::Args;
use futures_util::StreamExt;

use crate::api_client::Api;

/// Ask ClickHouse: one SELECT statement.
#[derive(Args)]
pub struct Sql {
    /// The statement, such as "SELECT outcome, count() FROM attempt_final GROUP BY outcome"
    statement: String,
    /// ClickHouse output format; PrettyCompact on a terminal and TSVWithNames elsewhere by default
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
}

impl Sql {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        let format = match &self.format {
            Some(format) => format.as_str(),
            None if json => "JSON",
            None if std::io::stdout().is_terminal() => "PrettyCompact",
            None => "TSVWithNames",
        };
        anyhow::ensure!(
            format.bytes().all(|b| b.is_ascii_alphanumeric()),
            "'{format}' is not the name of a format"
        );
        let answer = api.stream(&format!("/analytics/query?format={format}"), self.statement.clone()).await?;
        let mut body = answer.bytes_stream();
        let mut out = std::io::stdout().lock();
        while let Some(chunk) = body.next().await {
            out.write_all(&chunk?)?;
        }
        Ok(())
    }
}
