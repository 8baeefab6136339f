//! What the demo sets up through the API: lines, a script, a list in two halves, two campaigns.

use std::path::Path;

use anyhow::{Context, Result};
use loadtest::CarrierHandle;
use serde_json::{Value, json};

use super::{id_of, prompt};
use crate::{admin, api_client::Api};

/// Attempts at a contact, and the INVITEs that they can become: each may fail over to the two other lines.
const ATTEMPTS_MAX: u32 = 3;
/// The most calls to one number that are no mistake.
pub const CALLS_PER_NUMBER_MAX: u32 = ATTEMPTS_MAX * 3;

/// What was set up.
pub struct Scene {
    /// The campaigns.
    pub ids: Vec<i64>,
    /// Contacts.
    pub imported: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// Rows that repeated a number.
    pub duplicates: u64,
}

/// Sets everything up; nothing is started yet.
pub async fn set_up(
    api: &Api,
    carrier: &CarrierHandle,
    lines: &[(&str, u32, u32, u32)],
    dir: &Path,
    contacts: &Path,
    show_progress: bool,
) -> Result<Scene> {
    let mut line_ids = Vec::new();
    for &(name, max_calls, max_cps, weight) in lines {
        let address = carrier.address_of(name).context("the carrier has this line")?;
        let line = json!({
            "name": name, "address": address.to_string(), "max_calls": max_calls, "max_cps": max_cps, "weight": weight,
            "caller_ids": ["+862161234567"],
        });
        line_ids.push(id_of(&api.post("/lines", &line).await?)?);
    }
    let group = id_of(&api.post("/line-groups", &json!({"name": "demo", "lines": line_ids})).await?)?;
    let wav = prompt::wav();
    std::fs::write(dir.join("prompt.wav"), &wav)?;
    let prompt = id_of(&admin::add_prompt(api, "greeting", wav).await?)?;
    let script = json!({"name": "survey", "steps": [
        {"do": "play", "prompt": prompt, "barge_in": true},
        {"do": "collect", "max_digits": 1, "first_digit_timeout_ms": 1500},
        {"do": "hang_up"},
    ]});
    let script = id_of(&api.post("/scripts", &script).await?)?;

    let (first, second) = halves(contacts, dir)?;
    let mut scene = Scene { ids: Vec::new(), imported: 0, rejected: 0, duplicates: 0 };
    for (name, file, priority) in [("urgent", first, 1), ("routine", second, 4)] {
        let report = admin::import(api, name, &file, None, show_progress).await?;
        let count = |field: &str| report[field].as_u64().unwrap_or(0);
        scene.imported += count("imported");
        scene.rejected += count("rejected");
        scene.duplicates += count("duplicates");
        let list = api.all("/lists").await?.into_iter().find(|list| list["name"] == name);
        let list = id_of(&list.unwrap_or(Value::Null))?;
        let campaign = json!({
            "name": name, "lists": [list], "line_group": group, "script": script, "priority": priority,
            "max_ring_ms": 5_000, "max_call_ms": 20_000, "record": true,
            "retry": {"max_attempts": ATTEMPTS_MAX, "rules": {
                "busy": {"delay_s": 10, "max": 1},
                "carrier_congested": {"delay_s": 10, "max": 1},
            }},
        });
        scene.ids.push(id_of(&api.post("/campaigns", &campaign).await?)?);
    }
    Ok(scene)
}

/// The list cut in two, each with the header. A number in both halves is the same person on two lists.
fn halves(contacts: &Path, dir: &Path) -> Result<(std::path::PathBuf, std::path::PathBuf)> {
    let text = std::fs::read_to_string(contacts)?;
    let (header, rows) = text.split_once('\n').context("the list has a header")?;
    let middle = rows.lines().count() / 2;
    let write = |name: &str, rows: Vec<&str>| -> Result<_> {
        let path = dir.join(name);
        std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n")))?;
        Ok(path)
    };
    let first = write("contacts-urgent.csv", rows.lines().take(middle).collect())?;
    let second = write("contacts-routine.csv", rows.lines().skip(middle).collect())?;
    Ok((first, second))
}
