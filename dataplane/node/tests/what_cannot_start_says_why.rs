//! A node that cannot start names the key of the configuration and the remedy, and leaves nothing behind.

mod controlplane;

use std::net::{TcpListener, UdpSocket};

use peal_node::{Node, NodeConfig, PortRange};

fn refusal(config: NodeConfig) -> String {
    match Node::start(config) {
        Ok(_) => panic!("it must not start"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn ports_folders_and_addresses() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    let good = controlplane::node_config(nowhere, folder.path());

    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let error = refusal(NodeConfig { sip_port: port, ..good.clone() });
    assert!(error.contains(&format!("UDP port {port}")) && error.contains("in use"), "{error}");

    // The odd port above an RTP port is RTCP's.
    let (even, odd) = loop {
        let odd = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = odd.local_addr().expect("bound").port();
        if port % 2 == 1 && UdpSocket::bind(("127.0.0.1", port - 1)).is_ok() {
            break (port - 1, odd);
        }
    };
    let rtp_ports = PortRange { first: even, last: even + 1 };
    let error = refusal(NodeConfig { rtp_ports, rtp_own_ports: 0, ..good.clone() });
    assert!(error.contains(&format!("UDP port {}", even + 1)) && error.contains("in use"), "{error}");
    drop(odd);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let metrics = taken.local_addr().expect("bound");
    let error = refusal(NodeConfig { metrics, ..good.clone() });
    assert!(error.contains("node.metrics") && error.contains(&metrics.to_string()), "{error}");

    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    let error = refusal(NodeConfig { data: file.clone(), ..good.clone() });
    assert!(error.contains("node.data"), "{error}");
    let error = refusal(NodeConfig { recordings: file, ..good.clone() });
    assert!(error.contains("node.recordings"), "{error}");

    let error = refusal(NodeConfig { address: "192.0.2.1".parse().expect("an address"), ..good.clone() });
    assert!(error.contains("192.0.2.1"), "{error}");
    let error = refusal(NodeConfig { rtp_ports: PortRange { first: 9, last: 8 }, ..good.clone() });
    assert!(error.contains("node.rtp_ports"), "{error}");

    let node = controlplane::start_node(&good);
    let error = refusal(good.clone());
    assert!(error.contains("in use by another process"), "{error}");
    node.stop();
    node.wait().expect("a clean end");
    drop(controlplane::start_node(&good));
}
