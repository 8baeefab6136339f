//! What the endpoint counts. Plain numbers that only grow; the shell publishes their differences.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the endpoint was made.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Every counter with its name, in the order of declaration.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Datagrams handed in.
    datagrams_received,
    /// Datagrams written out, retransmissions included.
    datagrams_sent,
    /// Keep-alives and empty datagrams.
    keep_alives,
    /// Requests that did not parse and were answered (400, 505).
    malformed_requests_answered,
    /// Datagrams that did not parse and got silence: responses, ACKs, and what is not SIP at all.
    malformed_dropped,
    /// Responses that belong to no transaction of ours.
    responses_unmatched,
    /// Responses with several Vias or a CSeq that is not ours (RFC 3261 section 8.1.3.3).
    responses_misrouted,
    /// ACKs that belong to nothing.
    acks_unmatched,
    /// Requests outside any dialog of ours that were answered.
    stray_requests_answered,
    /// Requests outside any dialog of ours that were dropped for coming too fast.
    stray_requests_shed,
    /// Requests that came a second time by another path and got 482.
    merged_requests,
    /// Requests for a dialog that we do not have, which got 481.
    dialogs_unmatched,
    /// Requests in a dialog with a CSeq lower than its last, which got 500.
    out_of_order_requests,
    /// INVITEs sent, retransmissions and answers to challenges not counted.
    invites_sent,
    /// Orders refused because the table of calls was full.
    calls_shed,
    /// Requests of ours that were sent again (timers A and E).
    requests_retransmitted,
    /// Responses of ours that were sent again.
    responses_retransmitted,
    /// Retransmitted requests from the far end that we absorbed.
    request_retransmissions_absorbed,
    /// Retransmitted final responses from the far end that we absorbed, acknowledging them again where due.
    response_retransmissions_absorbed,
    /// Transactions that gave up waiting (timers B and F).
    transactions_timed_out,
    /// CANCELs after which no final response came within 64*T1.
    cancels_unanswered,
    /// 2xx that crossed our CANCEL; acknowledged and hung up.
    answers_crossing_cancel,
    /// 2xx from a second fork; acknowledged and hung up.
    extra_answers,
    /// Early dialogs beyond the number that we keep apart.
    forks_ignored,
    /// 2xx to INVITE without a usable Contact; requests of that dialog go where the INVITE went.
    answers_without_contact,
    /// Challenges answered with credentials.
    challenges_answered,
    /// Challenges that were not ours to answer.
    challenges_refused,
    /// Answers to in-dialog requests that were not remembered because the table was full.
    server_transactions_shed,
    /// Finished calls forgotten before their time because there were too many.
    lingering_evicted,
    /// Messages of ours that did not fit in a datagram.
    oversize_dropped,
    /// Requests of ours longer than 1,300 bytes, which RFC 3261 section 18.1.1 would send over TCP.
    oversize_requests_sent,
}
