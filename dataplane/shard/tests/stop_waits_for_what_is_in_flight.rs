//! A shard that is told to stop ends its calls first, or not, as it is told; the kernel holds nothing of it afterwards.

mod common;

use common::{Ask, Bench, PATIENCE, Told, far_end, loopback, one_media_socket};
use shard::{MailRefused, Shard, ShardConfig, SocketSpec, Stop};

#[test]
fn when_idle_waits_for_calls_in_progress() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let mail = shard.mail().clone();
    let near = shard.bound().sockets[0].local;
    mail.try_send(Ask::Expect(3)).expect("fits");
    shard.stop(Stop::WhenIdle);
    // It still serves: the call in progress wants three datagrams, and mail is read.
    mail.try_send(Ask::Ping(7)).expect("fits");
    assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(7)));
    assert!(shard.is_running());
    let far = far_end("127.0.0.1:0");
    for _ in 0..3 {
        far.send_to(b"media", near).expect("loopback takes it");
        far.recv(&mut [0; 16]).expect("an answer");
    }
    let tally = shard.join().expect("no panic");
    assert_eq!((tally.packets_in, tally.packets_out), (3, 3));
    assert!(matches!(mail.try_send(Ask::Ping(8)), Err(MailRefused::Stopped(Ask::Ping(8)))));
}

#[test]
fn now_ends_a_busy_shard_with_hundreds_of_receives_in_flight() {
    let sockets = vec![SocketSpec::media(loopback()); 300];
    let shard = Shard::start(ShardConfig::new(0, sockets), |_| Bench::default()).expect("starts");
    shard.mail().try_send(Ask::Expect(u64::MAX)).expect("fits");
    shard.mail().try_send(Ask::Ping(1)).expect("fits");
    assert_eq!(shard.events().recv_timeout(PATIENCE), Ok(Told::Pong(1)));
    let bound = shard.bound().clone();
    let far = far_end("127.0.0.1:0");
    for socket in &bound.sockets {
        far.send_to(b"late", socket.local).expect("loopback takes it");
    }
    shard.stop(Stop::Now);
    shard.join().expect("no panic");
    // Every port is free: no operation holds its socket.
    let again = bound.sockets.iter().map(|socket| SocketSpec::media(socket.local)).collect();
    let shard = Shard::start(ShardConfig::new(0, again), |_| Bench::default()).expect("all ports are free");
    drop(shard);
}

#[test]
fn a_panic_of_the_machine_is_told_and_ends_in_order() {
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).expect("starts");
    let near = shard.bound().sockets[0].local;
    // A burst of datagrams shorter than their own number: the machine panics as it writes them.
    shard.mail().try_send(Ask::Burst { count: 1, to: near, len: 4 }).expect("fits");
    assert!(shard.join().is_err());
    far_end(&near.to_string());
}

#[test]
fn a_panic_while_the_machine_is_built_is_an_error_of_the_start() {
    let started =
        Shard::start(ShardConfig::new(0, one_media_socket()), |_| -> Bench { panic!("on purpose") });
    assert!(started.is_err_and(|error| error.to_string().contains("panicked")));
}
