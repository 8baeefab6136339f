//! Progress bars on long work: on a terminal only, and never with `--json`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over a number of bytes.
pub fn bytes(total: u64, what: &'static str, shown: bool) -> ProgressBar {
    bar(total, what, shown, "{msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

/// A bar over a number of things.
pub fn count(total: u64, what: &'static str, shown: bool) -> ProgressBar {
    bar(total, what, shown, "{msg} [{bar:40}] {pos}/{len} {per_sec} {eta}")
}

fn bar(total: u64, what: &'static str, shown: bool, template: &str) -> ProgressBar {
    // Standard error hides itself when it is not a terminal.
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style =
        ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(what)
}
