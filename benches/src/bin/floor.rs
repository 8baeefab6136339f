//! What does the bare exchange of N calls' packets cost, in each shape, and what does the engine cost beside it?
//!
//! Each shape runs in turn against a far end on another core, `--rounds` times; the cheapest round of each counts. One
//! JSON object on standard output; progress on standard error.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use loadtest::MediaMode;
use peal_benches::far::{self, FarEnd};
use peal_benches::system::{Bare, Engine, Interface, Layout, Options, Payload, System, TaskWork};
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
    /// Wake-ups in the time of a packet, of the bare shapes; must divide its milliseconds.
    #[arg(long, value_delimiter = ',', default_values_t = [20, 4])]
    wakes: Vec<usize>,
    /// Sockets, of the shapes that share them.
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    sockets: Vec<usize>,
    /// Sockets of the far end: 8 with a loopback address for each call, as the carrier of density measurements has, or one a call.
    #[arg(long, value_enum, default_value_t = FarSockets::Few)]
    far_sockets: FarSockets,
    /// Milliseconds of a packet: 20, 40 or 60.
    #[arg(long, default_value_t = 20)]
    packet_ms: u32,
    /// Where the bytes of a packet come from.
    #[arg(long, value_enum, default_value_t = Payload::Fixed)]
    payload: Payload,
    /// io_uring: send from registered memory without a copy.
    #[arg(long)]
    zero_copy: bool,
    /// io_uring: when task work is done.
    #[arg(long, value_enum, default_value_t = TaskWork::Deferred)]
    task_work: TaskWork,
    /// io_uring: let a thread of the kernel on this core take submissions.
    #[arg(long, value_name = "CORE")]
    sqpoll: Option<usize>,
    /// Never sleep. The figure is then the time of the turns in which there was something to do.
    #[arg(long)]
    spin: bool,
    /// SO_BUSY_POLL of the sockets, microseconds.
    #[arg(long, default_value_t = 0)]
    busy_poll: u32,
    /// Set UDP_GRO on the sockets. Packets of one call are 20 ms apart and loopback merges nothing: it should change nothing.
    #[arg(long)]
    gro: bool,
    /// Let the kernel fragment, which costs it an id for each packet.
    #[arg(long)]
    fragment: bool,
    /// io_uring: submission entries.
    #[arg(long, default_value_t = 1_024)]
    entries: u32,
    /// io_uring: receive buffers. Default: what comes in two wake-ups, 2,048 at least.
    #[arg(long)]
    buffers: Option<u16>,
}

#[derive(Subcommand)]
enum Far {
    /// The far end's process; started by the program itself.
    Far {
        #[arg(long)]
        calls: usize,
        #[arg(long)]
        frames: u32,
        #[arg(long)]
        media: MediaMode,
        #[arg(long)]
        core: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Bare, shared sockets, io_uring.
    Uring,
    /// Bare, shared sockets, sendmmsg and recvmmsg.
    Mmsg,
    /// Bare, a connected socket a call, io_uring.
    UringOwn,
    /// Bare, a connected socket a call, epoll, recvmmsg and send.
    EpollOwn,
    /// The shard with a machine that streams.
    Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FarSockets {
    /// Eight, and an address for each call.
    Few,
    /// One a call.
    Calls,
}

/// A shape with its sockets and wake-ups.
#[derive(Clone, Copy, Debug)]
struct Variant {
    shape: Shape,
    sockets: usize,
    wakes: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Far::Far { calls, frames, media, core }) = &arguments.far {
        return far::run(*calls, *frames, *media, *core);
    }
    ensure!(matches!(arguments.packet_ms, 20 | 40 | 60), "--packet-ms is 20, 40 or 60");
    let divides = |wakes: &usize| *wakes > 0 && (arguments.packet_ms as usize).is_multiple_of(*wakes);
    ensure!(arguments.wakes.iter().all(divides), "--wakes must divide --packet-ms");
    ensure!(
        arguments.packet_ms == 20 || !arguments.shapes.contains(&Shape::Engine),
        "the engine's machine streams packets of 20 ms"
    );
    ensure!(
        !(arguments.zero_copy && arguments.payload == Payload::Slice),
        "--zero-copy sends registered memory in one piece: use it with --payload copy or fixed"
    );
    let variants = arguments.variants();
    let mut best: Vec<Option<Row>> = variants.iter().map(|_| None).collect();
    for round in 0..arguments.rounds {
        for (variant, best) in variants.iter().zip(&mut best) {
            let Variant { shape, sockets, wakes } = variant;
            let row = match measure(&arguments, *variant)? {
                Ok(row) => row,
                Err(shortfall) => {
                    eprintln!("round {round}: {shape:?}/{sockets}/{wakes}: not counted, {shortfall}");
                    continue;
                }
            };
            eprintln!(
                "round {round}: {shape:?}/{sockets}/{wakes}: {:.1} us a call-second",
                row.us_per_call_s
            );
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
        .filter(|row| row.variant.shape != Shape::Engine)
        .map(|row| row.us_per_call_s)
        .fold(f64::INFINITY, f64::min);
    let rows: Vec<Value> = rows.iter().map(|row| row.to_json(floor)).collect();
    let floor = floor.is_finite().then_some(round(floor));
    println!(
        "{:#}",
        json!({ "calls": arguments.calls, "seconds": arguments.seconds, "floor_us": floor, "rows": rows })
    );
    Ok(())
}

impl Arguments {
    fn variants(&self) -> Vec<Variant> {
        let mut variants = Vec::new();
        for shape in &self.shapes {
            let sockets: &[usize] = match shape {
                Shape::Uring | Shape::Mmsg | Shape::Engine => &self.sockets,
                Shape::UringOwn | Shape::EpollOwn => &[self.calls],
            };
            let wakes: &[usize] = if *shape == Shape::Engine { &[20] } else { &self.wakes };
            for sockets in sockets {
                variants.extend(wakes.iter().map(|wakes| Variant {
                    shape: *shape,
                    sockets: *sockets,
                    wakes: *wakes,
                }));
            }
        }
        variants
    }

    fn open(&self, variant: Variant) -> Result<Box<dyn System>> {
        let (interface, layout) = match variant.shape {
            Shape::Engine => return Ok(Box::new(Engine::start(self.core, variant.sockets)?)),
            Shape::Uring => (Interface::Uring, Layout::Shared(variant.sockets)),
            Shape::Mmsg => (Interface::Mmsg, Layout::Shared(variant.sockets)),
            Shape::UringOwn => (Interface::Uring, Layout::Own(self.calls)),
            Shape::EpollOwn => (Interface::Mmsg, Layout::Own(self.calls)),
        };
        Ok(Box::new(Bare::open(Options {
            core: self.core,
            wakes: variant.wakes,
            frames: self.packet_ms / 20,
            layout,
            interface,
            payload: self.payload,
            zero_copy: self.zero_copy,
            task_work: self.task_work,
            submit_core: self.sqpoll,
            spin: self.spin,
            busy_poll_us: self.busy_poll,
            gro: self.gro,
            never_fragment: !self.fragment,
            entries: self.entries,
            buffers: self.buffers,
        })?))
    }
}

/// One measurement.
struct Row {
    variant: Variant,
    us_per_call_s: f64,
    user_us: f64,
    sys_us: f64,
    sleeps_per_s: f64,
    syscalls_per_s: f64,
    sent: u64,
    received: u64,
    received_there: u64,
    dropped_there: u64,
    lost_there: Option<u64>,
}

impl Row {
    fn to_json(&self, floor: f64) -> Value {
        json!({
            "shape": self.variant.shape.to_possible_value().map(|value| value.get_name().to_owned()),
            "sockets": self.variant.sockets,
            "wakes_a_tick": self.variant.wakes,
            "us_per_call_s": round(self.us_per_call_s),
            "user_us": round(self.user_us),
            "sys_us": round(self.sys_us),
            "ratio": floor.is_finite().then(|| (self.us_per_call_s / floor * 100.0).round() / 100.0),
            "sleeps_per_s": round(self.sleeps_per_s),
            "syscalls_per_s": round(self.syscalls_per_s),
            "packets_sent": self.sent,
            "packets_received": self.received,
            "received_at_far_end": self.received_there,
            "dropped_at_far_end": self.dropped_there,
            "sequence_gaps_at_far_end": self.lost_there,
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// One round of one shape; the inner error says why it does not count.
fn measure(arguments: &Arguments, variant: Variant) -> Result<Result<Row, String>> {
    let mut system = arguments.open(variant)?;
    let media = match arguments.far_sockets {
        FarSockets::Few => "addresses".to_owned(),
        FarSockets::Calls => format!("own={}", arguments.calls),
    };
    let frames = arguments.packet_ms / 20;
    let mut far = FarEnd::start(arguments.calls, frames, &media, arguments.far_core)?;
    system.begin(&far.addresses)?;
    far.begin(&system.addresses())?;
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
    let expected = (call_seconds * 50.0) as u64 / u64::from(frames);
    if sent < expected * 98 / 100 || received < expected * 98 / 100 {
        return Ok(Err(format!("{sent} sent and {received} received of {expected}")));
    }
    // Bare shapes with a fixed payload send the same number always.
    let is_numbered = variant.shape == Shape::Engine || arguments.payload != Payload::Fixed;
    let spent = if arguments.spin { after.work - counts.work } else { used.user + used.system };
    Ok(Ok(Row {
        variant,
        us_per_call_s: us(spent),
        user_us: us(used.user),
        sys_us: us(used.system),
        sleeps_per_s: used.sleeps as f64 / seconds,
        syscalls_per_s: (after.calls - counts.calls) as f64 / seconds,
        sent,
        received,
        received_there: report.received,
        dropped_there: report.dropped,
        lost_there: is_numbered.then_some(report.lost),
    }))
}
