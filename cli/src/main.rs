//! The `peal` command.

fn main() {}
