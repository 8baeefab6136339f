//! What the end-to-end tests share: the program under test, a carrier, waiting for conditions.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use loadtest::{Behaviour, Carrier, CarrierConfig, CarrierHandle, LineConfig};
use serde_json::Value;

/// The program under test.
pub fn peal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peal"));
    // What the developer's own shell has set must not decide.
    for variable in ["PEAL_API", "PEAL_API_KEY", "PEAL_CONFIG", "CLICKHOUSE_URL", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    peal().args(arguments).output().expect("the program starts")
}

/// Both outputs, for messages.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A carrier with one line, whose callees all behave alike and leave the hanging up to us.
pub fn carrier(behaviour: Behaviour) -> CarrierHandle {
    Carrier::start(CarrierConfig {
        rules: vec![format!("*={behaviour}:hangup=caller").parse().expect("a rule")],
        time_scale: 0.1,
        ..CarrierConfig::new(vec![line("a", None, None)])
    })
    .expect("the carrier starts")
}

/// A line on a free port, with limits to judge.
pub fn line(name: &str, max_calls: Option<u32>, max_cps: Option<u32>) -> LineConfig {
    LineConfig { max_calls, max_cps, ..LineConfig::new(name, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)) }
}

/// Waits for a condition, at most for `limit`; `what` names it when it never comes.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A program of ours in the background; killed when the test ends.
pub struct Background {
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts `peal` with its output in `log`.
    pub fn start(arguments: &[&str], log: &Path) -> Self {
        Self::start_with(peal(), arguments, log)
    }

    /// The same with a prepared command.
    pub fn start_with(mut command: Command, arguments: &[&str], log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self { child, log: log.to_owned() }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// SIGTERM, and its end; it must end well.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let status = wait_for("the end of the program", Duration::from_secs(60), || {
            self.child.try_wait().expect("it is ours")
        });
        assert!(status.success(), "it ended with {status}:\n{}", self.log());
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.log());
        }
    }
}

/// A running `peal up` with everything in one folder and every port free.
pub struct Up {
    pub process: Background,
    pub dir: PathBuf,
    pub api: String,
    pub key: String,
}

/// The configuration of tests: no fixed ports, short drain.
pub const CONFIG: &str = "\
[node]
sip_port = 0
rtp_ports = { first = 0, last = 127 }
rtp_own_ports = 32
metrics = \"127.0.0.1:0\"
drain_s = 2
[controlplane]
api = \"127.0.0.1:0\"
link = \"127.0.0.1:0\"
";

impl Up {
    /// Starts it in `dir`, which may have the data of an earlier run.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(peal(), dir)
    }

    /// The same with a prepared command.
    pub fn start_with(command: Command, dir: &Path) -> Self {
        let config = dir.join("peal.toml");
        std::fs::write(&config, CONFIG).expect("a configuration");
        let data = dir.join("data");
        let _ = std::fs::remove_file(data.join("addresses.json"));
        let arguments = ["up", "--config", text(&config), "--data", text(&data)];
        let mut process = Background::start_with(command, &arguments, &dir.join("peal.log"));
        let addresses = wait_for("peal up", Duration::from_secs(90), || {
            let ended = process.child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "peal up ended with {ended:?}:\n{}", process.log());
            let text = std::fs::read_to_string(data.join("addresses.json")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let key = std::fs::read_to_string(data.join("api-key")).expect("the API key");
        let api = format!("http://{}", addresses["api"].as_str().expect("an address"));
        Self { process, dir: dir.to_owned(), api, key: key.trim().to_owned() }
    }

    /// Runs an admin command with `--json` and gives what it printed.
    pub fn admin(&self, arguments: &[&str]) -> Value {
        let output = self.admin_output(arguments);
        assert!(output.status.success(), "peal {arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs an admin command with `--json`.
    pub fn admin_output(&self, arguments: &[&str]) -> Output {
        let mut command = peal();
        command.args(["--json", "--api", &self.api, "--api-key", &self.key]).args(arguments);
        command.output().expect("the program starts")
    }

    /// Adds a JSON document through a file.
    pub fn add(&self, noun: &str, document: &Value) -> Value {
        let file = self.dir.join(format!("{noun}.json"));
        std::fs::write(&file, document.to_string()).expect("a file");
        self.admin(&[noun, "add", text(&file)])
    }
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// A WAV file of `ms` of a tone at 8 kHz.
pub fn tone_wav(path: &Path, ms: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for n in 0..ms * 8 {
        let sample = (f64::from(n) * 440.0 * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0;
        wav.write_sample(sample as i16).expect("a sample");
    }
    wav.finalize().expect("a whole file");
}

/// A count in ClickHouse's JSON: 64 bits stand in quotes or not, as the server is configured.
pub fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
