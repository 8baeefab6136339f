//! A limit of file descriptors below what the configuration needs: the refusal names limit and need. The limit binds
//! the whole process, so it needs a test program of its own.

mod common;

use common::{Bench, loopback};
use shard::{Shard, ShardConfig, SocketSpec, StartError};

#[test]
fn too_few_descriptors_say_what_to_do() {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: the kernel reads the limit during the call only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let config = ShardConfig::new(0, vec![SocketSpec::media(loopback()); 100]);
    let error = Shard::start(config, |_| Bench::default()).expect_err("100 sockets do not fit");
    assert!(matches!(error, StartError::TooManyFiles { sockets: 100 }), "{error:?}");
    assert!(error.to_string().contains("ulimit -n"), "{error}");
    // What was opened is closed again: as many as fit now do.
    let config = ShardConfig::new(0, vec![SocketSpec::media(loopback()); 30]);
    Shard::start(config, |_| Bench::default()).expect("30 sockets fit");
}
