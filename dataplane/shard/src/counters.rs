//! What a shard counts.
//!
//! The shard counts into a plain [`Tally`] of its own and publishes it once a turn with relaxed stores, so counting
//! costs the hot path an add. Readers see each number whole and at most one turn old; two numbers may be of different
//! turns.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! tally {
    ($( $(#[$doc:meta])* $name:ident, )*) => {
        /// The counts of a shard since it started.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Tally { $( $(#[$doc])* pub $name: u64, )* }

        impl Tally {
            /// All counts with their names, in the order of their declaration.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$( (stringify!($name), self.$name), )*].into_iter()
            }
        }

        /// The published counts of one shard, readable from any thread while it runs and after it ended.
        #[derive(Debug, Default)]
        pub struct ShardCounters { $( $name: AtomicU64, )* }

        impl ShardCounters {
            /// The counts as of the shard's last turn.
            pub fn read(&self) -> Tally {
                Tally { $( $name: self.$name.load(Ordering::Relaxed), )* }
            }

            pub(crate) fn publish(&self, tally: &Tally) {
                $( self.$name.store(tally.$name, Ordering::Relaxed); )*
            }
        }
    };
}

tally! {
    /// Datagrams handed to the machine.
    packets_in,
    /// Their payload bytes.
    bytes_in,
    /// Datagrams given to the kernel, those it then refused included.
    packets_out,
    /// Their payload bytes.
    bytes_out,
    /// Datagrams dropped on arrival: longer than a receive buffer.
    dropped_truncated,
    /// Datagrams dropped on arrival: no readable source address.
    dropped_unreadable,
    /// Datagrams of the machine dropped: a socket it does not have, or longer than the slot. A fault of ours.
    dropped_misaddressed,
    /// Receives that ended because all buffers were in use. Nothing is lost by it: the rest waits in the kernel.
    receive_no_buffers,
    /// Receives that ended for another reason.
    receive_errors,
    /// Receives armed, the first time of each socket included.
    receive_armed,
    /// Sends refused: the kernel's send queue was full (EAGAIN, ENOBUFS, ENOMEM).
    send_queue_full,
    /// Sends refused: no way to the destination (ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, ECONNREFUSED).
    send_unreachable,
    /// Sends refused: forbidden by a firewall or policy (EPERM, EACCES).
    send_forbidden,
    /// Sends refused: larger than the path takes (EMSGSIZE).
    send_too_long,
    /// Sends refused for another reason.
    send_other,
    /// Turns taken.
    turns,
    /// System calls made to submit and wait (`io_uring_enter`).
    enters,
    /// System calls made to sleep beside the ring.
    sleeps,
    /// Times the submission queue or the packet memory was full in the middle of a turn.
    submission_full,
    /// Times the kernel did not take all that was submitted.
    submission_short,
    /// Times the completion queue had overflowed into the kernel's own list.
    completion_overflow,
    /// Wake-ups by mail.
    wakeups,
    /// Mails handed to the machine.
    mail_in,
    /// Mails left unread when the shard stopped.
    mail_abandoned,
    /// Events passed on to the node.
    events_out,
    /// Turns in which the event queue was full, so that the machine kept its events.
    events_held,
    /// Events dropped because nobody holds the receiving end any more.
    events_abandoned,
    /// Turns whose bite of completions was too small.
    bite_completions,
    /// Turns whose bite of mail was too small.
    bite_mail,
    /// Turns whose bite of timeouts was too small.
    bite_timeouts,
    /// Turns whose bite of datagrams was too small.
    bite_transmits,
    /// Turns longer than the limit in which reaping took most.
    long_turns_reap,
    /// Turns longer than the limit in which mail took most.
    long_turns_mail,
    /// Turns longer than the limit in which timers took most.
    long_turns_timers,
    /// Turns longer than the limit in which draining what an earlier turn had left took most.
    long_turns_drain,
    /// Turns longer than the limit in which submitting took most.
    long_turns_submit,
    /// Turns longer than the limit of which most was that the thread woke too late.
    long_turns_sleep,
    /// The longest turn so far, microseconds. Of a sleep, what it took too long.
    longest_turn_us,
}

impl Tally {
    /// Turns longer than the limit.
    pub fn long_turns(&self) -> u64 {
        self.long_turns_reap
            + self.long_turns_mail
            + self.long_turns_timers
            + self.long_turns_drain
            + self.long_turns_submit
            + self.long_turns_sleep
    }

    /// Sends that the kernel refused.
    pub fn send_errors(&self) -> u64 {
        self.send_queue_full
            + self.send_unreachable
            + self.send_forbidden
            + self.send_too_long
            + self.send_other
    }
}
