//! A contact list as people send them: good numbers, bad ones, and some twice.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use common::entropy::Entropy;

/// What was written.
pub struct Written {
    /// The file.
    pub path: PathBuf,
}

/// Numbers that nobody can be called at, as they stand in lists.
const BAD: [&str; 6] = ["", "n/a", "12345", "+86 138 0013", "sip:100@example.com", "+861380013800013800"];

/// Of a hundred rows, so many cannot be used, and so many repeat an earlier number.
const BAD_PERCENT: u64 = 2;
const REPEATED_PERCENT: u64 = 2;

/// Writes `rows` rows. The same seed writes the same file.
pub fn write(path: &Path, rows: u32, seed: u64) -> Result<Written> {
    let mut random = Entropy::new(seed, 0);
    let mut text = String::from("number,name,city\n");
    let mut written: Vec<u64> = Vec::new();
    for row in 0..rows {
        let draw = random.draw() % 100;
        let number = if draw < BAD_PERCENT {
            BAD[random.draw() as usize % BAD.len()].to_owned()
        } else if draw < BAD_PERCENT + REPEATED_PERCENT && !written.is_empty() {
            format!("+{}", written[random.draw() as usize % written.len()])
        } else {
            // Mobile numbers of China: 86, then 13 to 19 and nine digits. Rows never meet: the row is in the number.
            let number =
                8_613_000_000_000 + (random.draw() % 9) * 100_000_000 + u64::from(row) * 97 % 100_000_000;
            written.push(number);
            format!("+{number}")
        };
        writeln!(text, "{number},\"Customer, {row}\",Shanghai").expect("a String takes everything");
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Written { path: path.to_owned() })
}
