//! The embedded ClickHouse as a process, for the tests of this crate, which have no right to another crate's binary.

use clap::Parser;
use embedded_clickhouse::{Arguments, run_child};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let served = runtime.block_on(run_child(Options::parse().arguments));
    runtime.shutdown_background();
    served.expect("serves");
}
