//! What does the bare exchange of N calls' packets cost, in each shape, and what does the engine cost beside it?
//!
//! Each shape runs in turn against a far end on another core, `--rounds` times; the cheapest round of each counts. One
//! JSON object on standard output; progress on standard error.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use peal_benches::far::{self, FarEnd};
use peal_benches::system::{Bare, Engine, System};
use peal_benches::usage::Usage;
use serde_json::{Value, json};

/// Measures the bare exchange of RTP packets and the engine beside it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    far: Option<Far>,
    /// Calls: each has 50 packets of 172 bytes a second each way.
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
    /// Seconds measured for each shape and round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds; the cheapest of each shape counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Core of the system side.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Core of the far end.
    #[arg(long, default_value_t = 1)]
    far_core: usize,
    /// Shapes to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Shape::Uring, Shape::Mmsg, Shape::Engine])]
    shapes: Vec<Shape>,
    /// Wake-ups in 20 ms of the bare shapes; must divide 20.
    #[arg(long, value_delimiter = ',', default_values_t = [20, 4])]
    wakes: Vec<usize>,
    /// Shared sockets of the engine.
    #[arg(long, default_value_t = 1)]
    sockets: usize,
    /// Sockets of the far end. Default: one a call, as real peers have. Fewer make delivery cheaper, and lose the check
    /// of each call's sequence.
    #[arg(long)]
    far_sockets: Option<usize>,
}

#[derive(Subcommand)]
enum Far {
    /// The far end's process; started by the program itself.
    Far {
        #[arg(long)]
        calls: usize,
        #[arg(long)]
        sockets: usize,
        #[arg(long)]
        core: usize,
        system: Vec<SocketAddr>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// Bare, one shared socket, io_uring.
    Uring,
    /// Bare, one shared socket, sendmmsg and recvmmsg.
    Mmsg,
    /// The shard with a machine that streams.
    Engine,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Far::Far { calls, sockets, core, system }) = &arguments.far {
        return far::run(*calls, *sockets, *core, system);
    }
    ensure!(arguments.wakes.iter().all(|wakes| *wakes > 0 && 20 % wakes == 0), "--wakes must divide 20");
    let mut variants: Vec<(Shape, usize)> = Vec::new();
    for shape in &arguments.shapes {
        match shape {
            Shape::Engine => variants.push((*shape, 20)),
            Shape::Uring | Shape::Mmsg => {
                variants.extend(arguments.wakes.iter().map(|wakes| (*shape, *wakes)))
            }
        }
    }
    let mut best: Vec<Option<Row>> = variants.iter().map(|_| None).collect();
    for round in 0..arguments.rounds {
        for ((shape, wakes), best) in variants.iter().zip(&mut best) {
            let row = match measure(&arguments, *shape, *wakes)? {
                Ok(row) => row,
                Err(shortfall) => {
                    eprintln!("round {round}: {shape:?}/{wakes}: not counted, {shortfall}");
                    continue;
                }
            };
            eprintln!("round {round}: {shape:?}/{wakes}: {:.1} us a call-second", row.us_per_call_s);
            if best.as_ref().is_none_or(|best| row.us_per_call_s < best.us_per_call_s) {
                *best = Some(row);
            }
        }
    }
    let rows: Vec<Row> = best.into_iter().flatten().collect();
    ensure!(
        !rows.is_empty(),
        "no round carried its packets; the machine is too busy, or --calls is too high"
    );
    let floor = rows
        .iter()
        .filter(|row| !matches!(row.shape, Shape::Engine))
        .map(|row| row.us_per_call_s)
        .fold(f64::INFINITY, f64::min);
    let rows: Vec<Value> = rows.iter().map(|row| row.to_json(floor)).collect();
    let floor = floor.is_finite().then_some(floor);
    println!(
        "{:#}",
        json!({ "calls": arguments.calls, "seconds": arguments.seconds, "floor_us": floor, "rows": rows })
    );
    Ok(())
}

/// One measurement.
struct Row {
    shape: Shape,
    wakes: usize,
    us_per_call_s: f64,
    user_us: f64,
    sys_us: f64,
    sleeps_per_s: f64,
    syscalls_per_s: f64,
    sent: u64,
    received: u64,
    received_there: u64,
    lost_there: Option<u64>,
}

impl Row {
    fn to_json(&self, floor: f64) -> Value {
        json!({
            "shape": format!("{:?}", self.shape).to_lowercase(),
            "wakes_a_tick": self.wakes,
            "us_per_call_s": round(self.us_per_call_s),
            "user_us": round(self.user_us),
            "sys_us": round(self.sys_us),
            "ratio": floor.is_finite().then(|| (self.us_per_call_s / floor * 100.0).round() / 100.0),
            "sleeps_per_s": round(self.sleeps_per_s),
            "syscalls_per_s": round(self.syscalls_per_s),
            "packets_sent": self.sent,
            "packets_received": self.received,
            "received_at_far_end": self.received_there,
            "sequence_gaps_at_far_end": self.lost_there,
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// One round of one shape; the inner error says why it does not count.
fn measure(arguments: &Arguments, shape: Shape, wakes: usize) -> Result<Result<Row, String>> {
    let mut system: Box<dyn System> = match shape {
        Shape::Uring => Box::new(Bare::uring(arguments.core, wakes)?),
        Shape::Mmsg => Box::new(Bare::mmsg(arguments.core, wakes)?),
        Shape::Engine => Box::new(Engine::start(arguments.core, arguments.sockets)?),
    };
    let far_sockets = arguments.far_sockets.unwrap_or(arguments.calls).min(arguments.calls);
    let mut far = FarEnd::start(arguments.calls, far_sockets, arguments.far_core, &system.addresses())?;
    system.begin(&far.addresses)?;
    far.begin()?;
    std::thread::sleep(Duration::from_secs(1));

    let (usage, counts) = (Usage::now(), system.counts());
    std::thread::sleep(Duration::from_secs(arguments.seconds));
    let (used, after) = (Usage::now().since(usage), system.counts());

    // The far end ends first, so that packets of the end are not missed there.
    let report = far.end()?;
    system.end()?;
    let seconds = arguments.seconds as f64;
    let call_seconds = arguments.calls as f64 * seconds;
    let us = |time: Duration| time.as_secs_f64() * 1e6 / call_seconds;
    let (sent, received) = (after.sent - counts.sent, after.received - counts.received);
    let expected = (call_seconds * 50.0) as u64;
    if sent < expected * 95 / 100 || received < expected * 95 / 100 {
        return Ok(Err(format!("{sent} sent and {received} received of {expected}")));
    }
    Ok(Ok(Row {
        shape,
        wakes,
        us_per_call_s: us(used.user + used.system),
        user_us: us(used.user),
        sys_us: us(used.system),
        sleeps_per_s: used.sleeps as f64 / seconds,
        syscalls_per_s: (after.calls - counts.calls) as f64 / seconds,
        sent,
        received,
        received_there: report.received,
        // The bare shapes send the same bytes always.
        lost_there: (matches!(shape, Shape::Engine) && far_sockets == arguments.calls).then_some(report.lost),
    }))
}
