//! Addresses that cannot be bound are refused with the address and a remedy, and leave nothing behind.

mod common;

use common::{Bench, far_end, loopback};
use shard::{Shard, ShardConfig, SocketSpec, StartError};

fn refusal(specs: Vec<SocketSpec>) -> StartError {
    match Shard::start(ShardConfig::new(0, specs), |_| Bench::default()) {
        Ok(_) => panic!("it must not start"),
        Err(error) => error,
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = far_end("127.0.0.1:0").local_addr().map(|_| far_end("127.0.0.1:0")).expect("bound");
    let local = taken.local_addr().expect("bound");
    let error = refusal(vec![SocketSpec::signalling(loopback()), SocketSpec::media(local)]);
    assert!(matches!(error, StartError::PortInUse { local: named } if named == local), "{error:?}");
    assert!(error.to_string().contains(&format!("UDP port {} of 127.0.0.1", local.port())), "{error}");
    drop(taken);
    let config = ShardConfig::new(0, vec![SocketSpec::media(local)]);
    Shard::start(config, |_| Bench::default()).expect("the port is free again");
}

#[test]
fn an_address_of_another_machine_is_named() {
    let local = "192.0.2.1:0".parse().expect("an address");
    let error = refusal(vec![SocketSpec::media(local)]);
    assert!(error.to_string().starts_with("192.0.2.1 is not an address of this machine"), "{error}");
}

#[test]
fn a_core_that_is_not_there_is_named() {
    let config = ShardConfig::new(0, vec![SocketSpec::media(loopback())]).pinned_to(900);
    let error = Shard::start(config, |_| Bench::default()).expect_err("no such core");
    assert!(error.to_string().contains("core 900"), "{error}");
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let mut config = ShardConfig::new(0, vec![SocketSpec::media(loopback())]);
    config.sizes.media_buffers.count = 3;
    let error = Shard::start(config, |_| Bench::default()).expect_err("not a power of two");
    assert!(error.to_string().contains("power of two"), "{error}");
    assert!(refusal(Vec::new()).to_string().contains("at least one socket"));
}
