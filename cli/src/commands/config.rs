//! `peal config`: what can be configured.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{config, show};

/// Print the configuration with every default, and what each key does
#[derive(Args)]
pub struct ConfigArgs {
    /// Check this file instead, and print nothing but what is wrong with it
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Prints or checks.
pub fn run(args: &ConfigArgs) -> Result<()> {
    match &args.check {
        None => show::print(config::DOCUMENTED.trim_end()),
        Some(file) => {
            config::load(Some(file))?;
            show::print(&format!("{} is right", file.display()))
        }
    }
}
