//! Messages that others made: the torture messages, inputs that broke other stacks, and corpora of SIP libraries.

mod corpora;
mod cve;
mod far_end;
mod foreign_bytes;
mod torture;
