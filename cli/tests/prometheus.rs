//! A real Prometheus scrapes both planes.

mod common;

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Up, text, wait_for};
use serde_json::Value;

/// Ends the server with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_both_planes() {
    let dir = tempfile::tempdir().expect("a folder");
    let up = Up::start(dir.path());
    let addresses = std::fs::read(dir.path().join("data/addresses.json")).expect("addresses");
    let addresses: Value = serde_json::from_slice(&addresses).expect("JSON");
    let (api, node) =
        (addresses["api"].as_str().expect("api"), addresses["node_metrics"].as_str().expect("metrics"));
    let config = dir.path().join("prometheus.yml");
    let yml = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: controlplane\n  static_configs: [{{ targets: ['{api}'] }}]\n\
         - job_name: dataplane\n  static_configs: [{{ targets: ['{node}'] }}]\n"
    );
    std::fs::write(&config, yml).expect("a configuration");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let listen = format!("127.0.0.1:{port}");
    let _server = Server(
        Command::new("prometheus")
            .args(["--config.file", text(&config), "--web.listen-address", &listen])
            .args(["--storage.tsdb.path", text(&dir.path().join("tsdb"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed: run `make setup-test`"),
    );

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ask = |query: &str| -> Option<Value> {
        let url = format!("http://{listen}/api/v1/query?query={query}");
        runtime.block_on(async { reqwest::get(url).await.ok()?.json::<Value>().await.ok() })
    };
    for job in ["controlplane", "dataplane"] {
        wait_for(&format!("a scrape of the {job}"), Duration::from_secs(60), || {
            let answer = ask(&format!("up{{job=%22{job}%22}}"))?;
            (answer["data"]["result"][0]["value"][1] == "1").then_some(())
        });
    }
    for metric in
        ["peal_controlplane_nodes_connected", "peal_dataplane_calls_active", "peal_dataplane_lease_valid"]
    {
        let answer = wait_for(metric, Duration::from_secs(30), || {
            ask(metric).filter(|answer| answer["data"]["result"][0]["value"][1].is_string())
        });
        assert_eq!(answer["status"], "success");
    }
    up.process.stop();
}
