//! `peal-carrier`: the far end as a program.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use loadtest::{
    Carrier, CarrierConfig, Cast, Ledger, LineConfig, MeasureConfig, MediaMode, Mix, RtcpMode, Rule,
    StopSignal, Summary,
};

/// A carrier for tests: answers calls, streams audio, keeps its own ledger.
#[derive(Debug, Parser)]
#[command(name = "peal-carrier", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves lines until SIGTERM or SIGINT, then prints what the ledger says.
    Serve(Box<Serve>),
    /// Computes the summary again from a ledger; exits 1 if a limit was exceeded or a number called too often.
    Report(Report),
}

#[derive(Debug, Args)]
struct Serve {
    #[arg(
        long = "line",
        value_name = "LINE",
        required = true,
        help = "NAME=IP:PORT[,max_calls=N][,max_cps=N][,auth=USER:PASSWORD:REALM][,algorithm=md5|sha-256]\
                [,challenge=401|407][,stale=true][,reject_over=true]; once for each line"
    )]
    lines: Vec<LineConfig>,
    /// Behaviours by weight: person=40,machine=15,busy=9,...
    #[arg(long)]
    mix: Option<Mix>,
    #[arg(
        long = "rule",
        value_name = "RULE",
        help = "PATTERN=BEHAVIOUR[:delay=S][:ring=S][:talk=S][:press=S][:digits=KEYS][:again=S][:voice=speech|silence]\
                [:hangup=callee|caller]; the first that matches wins"
    )]
    rules: Vec<Rule>,
    #[arg(
        long,
        value_name = "FILE",
        help = "Customers who say things (JSON or YAML); whoever is a person by rule and mix is one of them",
        long_help = "Customers who say things (JSON or YAML); whoever is a person by rule and mix is one of them.\n\n\
                     audio: FOLDER                    of the WAV files, beside this file (8 or 16 kHz, 16 bits, mono)\n\
                     customers:\n\
                     - name: NAME                     letters, digits, - and _\n  \
                       voice: FOLDER                  for what is said by its text\n  \
                       numbers: [\"+15550001\"]         of his own; the others share the rest, by the number\n  \
                       acts:\n  \
                       - {do: say, text: \"Yes!\"}      says FOLDER/yes.wav\n  \
                       - {do: say, wav: FILE}\n  \
                       - {do: press, keys: \"1#\"}\n  \
                       - {do: hang_up}                otherwise he waits for the caller's BYE\n\n\
                     An act may say when it comes, counted from the end of the one before, or the answer:\n\
                     after: {silence_ms: N}           the caller has spoken and then been silent (600 by default)\n\
                     after: {interrupt_ms: N}         the caller began to speak so long ago\n\
                     after: {wait_ms: N}              whatever was heard\n\n\
                     The summary tells, as the customers heard them: answer to first audible packet, end of a remark to the\n\
                     answer, interruption to silence, and slots of speech without audio. Audible is what has -50 dB or more."
    )]
    cast: Option<PathBuf>,
    /// Folder for stereo recordings of their calls: the customer on the left, the caller on the right
    #[arg(long, value_name = "FOLDER", requires = "cast")]
    cast_recordings: Option<PathBuf>,
    /// Decides, with the number, what each callee does
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Multiplies every human time
    #[arg(long, default_value_t = 1.0)]
    time_scale: f64,
    /// Percent of calls in which junk is sent as well
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    garbage: u8,
    /// Far RTP address of a call: addresses (a loopback address of its own), own or own=PORTS (a port of its own),
    /// shared
    #[arg(long, default_value = "addresses")]
    media: MediaMode,
    /// Where RTCP goes: mux (on the port of RTP where the caller offers it), next (the port after it, as most gateways), off
    #[arg(long, default_value = "next")]
    rtcp: RtcpMode,
    /// Measures a window that begins when this many calls have been up for --measure-settle seconds
    #[arg(long, value_name = "N")]
    measure_calls: Option<u32>,
    /// Length of the window, up to 600 seconds
    #[arg(long, default_value_t = 30, requires = "measure_calls", value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    measure_seconds: u64,
    /// Seconds that the calls have to be up first
    #[arg(long, default_value_t = 2, requires = "measure_calls", value_name = "S")]
    measure_settle: u64,
    /// File that gets a line "begins UNIX_US" and a line "ends UNIX_US", each when it happens
    #[arg(long, requires = "measure_calls", value_name = "FILE")]
    measure_marks: Option<PathBuf>,
    /// Core to stay on
    #[arg(long)]
    core: Option<usize>,
    /// File of the ledger
    #[arg(long, default_value = "ledger.jsonl")]
    ledger: PathBuf,
    /// File of the summary
    #[arg(long, default_value = "summary.json")]
    summary: PathBuf,
    /// Calls that one number may get
    #[arg(long, default_value_t = 1)]
    calls_per_number: u32,
    /// Seconds after which a call that nobody ends is ended
    #[arg(long, default_value_t = 3600)]
    call_limit: u64,
    /// File to create when all lines are bound: one NAME=IP:PORT a line
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Report {
    /// The ledger
    ledger: PathBuf,
    /// Calls that one number may get
    #[arg(long, default_value_t = 1)]
    calls_per_number: u32,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(serve) => run(*serve),
        Command::Report(report) => judge(&report),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peal-carrier: {error}");
            ExitCode::from(2)
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(serve: Serve) -> Result<ExitCode, Failure> {
    // Before the carrier's thread, which inherits the mask.
    let signal = StopSignal::install()?;
    let names: Vec<String> = serve.lines.iter().map(|line| line.name.clone()).collect();
    let carrier = Carrier::start(CarrierConfig {
        mix: serve.mix.unwrap_or_default(),
        rules: serve.rules,
        cast: serve.cast.as_deref().map(Cast::load).transpose()?,
        cast_recordings: serve.cast_recordings,
        seed: serve.seed,
        time_scale: serve.time_scale,
        garbage_percent: serve.garbage,
        media: serve.media,
        rtcp: serve.rtcp,
        measure: serve.measure_calls.map(|calls| MeasureConfig {
            calls,
            settle: Duration::from_secs(serve.measure_settle),
            length: Duration::from_secs(serve.measure_seconds),
            marks: serve.measure_marks,
        }),
        core: serve.core,
        ledger: Some(serve.ledger),
        summary: Some(serve.summary),
        calls_per_number_max: serve.calls_per_number,
        call_limit: Duration::from_secs(serve.call_limit),
        ..CarrierConfig::new(serve.lines)
    })?;

    let bound: String =
        names.iter().zip(carrier.addresses()).map(|(name, address)| format!("{name}={address}\n")).collect();
    if let Some(path) = &serve.ready_file {
        // Renamed into place: who waits for the file never reads half of it.
        let partial = path.with_extension("partial");
        std::fs::write(&partial, &bound)?;
        std::fs::rename(&partial, path)?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "{bound}ready")?;
    out.flush()?;

    signal.wait()?;
    let stats = carrier.stats();
    let summary = carrier.stop()?;
    writeln!(out, "{summary}")?;
    writeln!(
        out,
        "{} RTP packets sent, {} received, {} stray, {} dropped at our queues; {} SIP datagrams not understood; {:.2} s of CPU",
        stats.packets_sent,
        stats.packets_received,
        stats.stray_packets,
        stats.queue_drops,
        stats.malformed,
        stats.cpu.as_secs_f64(),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn judge(report: &Report) -> Result<ExitCode, Failure> {
    let ledger = Ledger::open(&report.ledger)?;
    let summary = Summary::of(&ledger, report.calls_per_number);
    if report.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!("{summary}");
    }
    if ledger.truncated {
        eprintln!("the last line of the ledger was cut short and is left out");
    }
    Ok(if summary.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
