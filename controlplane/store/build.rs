//! A new migration file means a new program.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
