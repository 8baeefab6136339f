//! Why a shard did not start: each refusal of the kernel gets a sentence and a remedy.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why a shard could not start. The text says what happened and what to do about it.
#[derive(Debug, Error)]
pub enum StartError {
    /// A value of the configuration cannot be used.
    #[error("shard configuration: {what}")]
    Config {
        /// The rule that it breaks.
        what: &'static str,
    },
    /// Another socket has the port.
    #[error(
        "UDP port {} of {} is already in use; choose other ports, or stop the program that has it \
         (`ss -ulpn 'sport = :{}'` names it)", .local.port(), .local.ip(), .local.port()
    )]
    PortInUse {
        /// The address asked for.
        local: SocketAddr,
    },
    /// The address is not one of this machine.
    #[error("{} is not an address of this machine; `ip address` lists those that are", .local.ip())]
    NotOurAddress {
        /// The address asked for.
        local: SocketAddr,
    },
    /// The port may not be bound by this user.
    #[error(
        "binding UDP port {} of {} is not permitted; use a port of 1024 or more, or grant CAP_NET_BIND_SERVICE",
        .local.port(), .local.ip()
    )]
    PortForbidden {
        /// The address asked for.
        local: SocketAddr,
    },
    /// The machine has no such address family.
    #[error("this machine has no {} sockets; enable the family or configure the other one", family(.local))]
    NoFamily {
        /// The address asked for.
        local: SocketAddr,
    },
    /// The process may not open as many descriptors as the configuration needs.
    #[error(
        "a shard of {sockets} sockets needs more file descriptors than this process may open; raise the limit \
         (`ulimit -n`, or LimitNOFILE= in the service) or configure fewer ports"
    )]
    TooManyFiles {
        /// Sockets that the configuration asks for.
        sockets: usize,
    },
    /// A socket failed in a way that has no case of its own.
    #[error("cannot {action} the socket on {local}")]
    Socket {
        /// What was being done.
        action: &'static str,
        /// The address asked for.
        local: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the ring.
    #[error(transparent)]
    Ring(#[from] RingRefused),
    /// The thread could not be pinned.
    #[error(
        "cannot pin the shard to core {core}; it must be one of those this process may use (`taskset -cp $$`)"
    )]
    Pin {
        /// The core asked for.
        core: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// The thread could not be started.
    #[error("cannot start the shard's thread; raise the limit of processes (`ulimit -u`) or free memory")]
    Thread(#[source] io::Error),
    /// The thread ended before the machine was built.
    #[error("the shard's thread panicked while it built its machine; the log has the message")]
    Panicked,
}

fn family(local: &SocketAddr) -> &'static str {
    if local.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// Why the kernel refused an io_uring instance or one of the features that a shard stands on.
#[derive(Debug, Error)]
pub enum RingRefused {
    /// The system call does not exist.
    #[error("this kernel has no io_uring; run Linux 6.1 or newer, built with CONFIG_IO_URING")]
    Missing,
    /// The sysctl forbids it.
    #[error(
        "io_uring is switched off on this machine (kernel.io_uring_disabled = {level}); \
         set it to 0 (`sysctl -w kernel.io_uring_disabled=0`){}",
        if *.level == 1 { ", or run in the group of kernel.io_uring_group" } else { "" }
    )]
    Disabled {
        /// The value of the sysctl: 1 for all but a group, 2 for everybody.
        level: u8,
    },
    /// Something else forbids it: a container's seccomp profile, or a security module.
    #[error(
        "io_uring is forbidden to this process though the kernel allows it: most likely the seccomp profile of a \
         container; allow io_uring_setup, io_uring_enter and io_uring_register (for Docker, a profile of your own \
         with --security-opt seccomp=…)"
    )]
    Forbidden,
    /// The flags of the ring are unknown to this kernel.
    #[error(
        "this kernel's io_uring is too old (no SINGLE_ISSUER with DEFER_TASKRUN); run Linux 6.1 or newer"
    )]
    TooOld,
    /// An operation is missing.
    #[error("this kernel's io_uring has no {operation}; run Linux 6.1 or newer")]
    MissingOperation {
        /// The operation.
        operation: &'static str,
    },
    /// Locked memory is exhausted.
    #[error(
        "no memory for {what}: the limit of locked memory is too low or memory is short; raise it \
         (`ulimit -l`, or LimitMEMLOCK= in the service)"
    )]
    NoMemory {
        /// What was being made.
        what: &'static str,
    },
    /// Descriptors are exhausted.
    #[error(
        "no file descriptor left for {what}; raise the limit (`ulimit -n`, or LimitNOFILE= in the service)"
    )]
    NoFiles {
        /// What was being made.
        what: &'static str,
    },
    /// A refusal that has no case of its own.
    #[error("the kernel refused {what}")]
    Other {
        /// What was being made.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl RingRefused {
    /// The refusal behind `error`, met while making `what`. `sysctl` is the value of `kernel.io_uring_disabled`, where
    /// there is one.
    pub(crate) fn explain(what: &'static str, error: io::Error, sysctl: Option<u8>) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSYS) => Self::Missing,
            Some(libc::EPERM | libc::EACCES) => match sysctl {
                Some(level @ 1..) => Self::Disabled { level },
                Some(0) | None => Self::Forbidden,
            },
            Some(libc::EINVAL) => Self::TooOld,
            Some(libc::ENOMEM) => Self::NoMemory { what },
            Some(libc::EMFILE | libc::ENFILE) => Self::NoFiles { what },
            _ => Self::Other { what, source: error },
        }
    }
}

impl StartError {
    /// The error behind a socket call that failed with `error`, one of `sockets` to be opened.
    pub(crate) fn socket(action: &'static str, local: SocketAddr, sockets: usize, error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EADDRINUSE) => Self::PortInUse { local },
            Some(libc::EADDRNOTAVAIL) => Self::NotOurAddress { local },
            Some(libc::EACCES | libc::EPERM) => Self::PortForbidden { local },
            Some(libc::EAFNOSUPPORT) => Self::NoFamily { local },
            Some(libc::EMFILE | libc::ENFILE) => Self::TooManyFiles { sockets },
            _ => Self::Socket { action, local, source: error },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(errno: i32, sysctl: Option<u8>) -> String {
        RingRefused::explain("the ring", io::Error::from_raw_os_error(errno), sysctl).to_string()
    }

    #[test]
    fn each_refusal_of_the_ring_names_its_remedy() {
        assert!(explained(libc::ENOSYS, None).contains("CONFIG_IO_URING"));
        assert!(explained(libc::EPERM, Some(2)).contains("sysctl -w kernel.io_uring_disabled=0"));
        assert!(explained(libc::EPERM, Some(1)).contains("kernel.io_uring_group"));
        assert!(explained(libc::EPERM, Some(0)).contains("seccomp"));
        assert!(explained(libc::EPERM, None).contains("seccomp"));
        assert!(explained(libc::EINVAL, None).contains("6.1"));
        assert!(explained(libc::ENOMEM, None).contains("LimitMEMLOCK"));
        assert!(explained(libc::EMFILE, None).contains("LimitNOFILE"));
        assert!(explained(libc::EIO, None).contains("refused the ring"));
    }

    #[test]
    fn each_refusal_of_a_socket_names_its_remedy() {
        let local: SocketAddr = "127.0.0.1:5060".parse().expect("an address");
        let text =
            |errno| StartError::socket("bind", local, 9, io::Error::from_raw_os_error(errno)).to_string();
        assert!(text(libc::EADDRINUSE).contains("port 5060"));
        assert!(text(libc::EADDRNOTAVAIL).contains("127.0.0.1 is not an address"));
        assert!(text(libc::EACCES).contains("CAP_NET_BIND_SERVICE"));
        assert!(text(libc::EAFNOSUPPORT).contains("IPv4"));
        assert!(text(libc::EMFILE).contains("9 sockets"));
    }
}
