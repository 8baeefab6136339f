//! Client transactions: the requests that we sent, until nobody can answer them any more.

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use super::auth::Answers;
use super::timers::Target;
use crate::message::{HeaderName, Message};
use crate::token::Token;
use crate::transaction::{Alarm, InviteClient, OnInviteResponse, OnResponse, OnTimer, RequestClient};
use common::slab::Key;

/// Above this a request should leave by TCP where the path's MTU is not known (RFC 3261 section 18.1.1).
const DATAGRAM_BYTES_ADVISED: usize = 1_300;

#[derive(Debug)]
pub(super) struct Client {
    pub machine: Machine,
    pub role: Role,
    /// What makes the branch unguessable.
    nonce: u64,
    pub to: SocketAddr,
    /// What a timer sends again. An INVITE's own text is with its call; once it has failed, its ACK is here.
    pub datagram: Vec<u8>,
    /// Challenges that the request was answered until now.
    pub answers: Answers,
    /// The CANCEL for this INVITE, which shares its branch.
    pub cancel: Option<Key>,
    scheduled: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Machine {
    Invite(InviteClient),
    Request(RequestClient),
}

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Invite { call: Key },
    Cancel,
    Bye { call: Key, dialog: usize },
    Refer { call: Key },
    Probe { probe: Key },
}

/// A request that answers the challenge it got before.
#[derive(Debug)]
pub(super) struct Again {
    pub branch: Token,
    pub to: SocketAddr,
    pub cseq: u32,
    pub datagram: Vec<u8>,
    pub answers: Answers,
}

impl Role {
    fn method(self) -> &'static [u8] {
        match self {
            Role::Invite { .. } => b"INVITE",
            Role::Cancel => b"CANCEL",
            Role::Bye { .. } => b"BYE",
            Role::Refer { .. } => b"REFER",
            Role::Probe { .. } => b"OPTIONS",
        }
    }
}

impl Client {
    fn alarm(&self) -> Option<Alarm> {
        match &self.machine {
            Machine::Invite(machine) => machine.alarm(),
            Machine::Request(machine) => machine.alarm(),
        }
    }

    pub fn invite_mut(&mut self) -> Option<&mut InviteClient> {
        match &mut self.machine {
            Machine::Invite(machine) => Some(machine),
            Machine::Request(_) => None,
        }
    }
}

impl Endpoint {
    /// The branch of the next client transaction. Nothing else may be inserted in between.
    pub(super) fn next_branch(&mut self) -> Token {
        let key = self.clients.next_key();
        self.token(key)
    }

    /// Sends a request for the first time.
    pub(super) fn send_request(&mut self, to: SocketAddr, datagram: &[u8]) {
        if datagram.len() > DATAGRAM_BYTES_ADVISED {
            self.counters.oversize_requests_sent += 1;
        }
        self.queue.send(to, datagram);
    }

    /// Keeps a request that is sent at this moment. `branch` is what [`next_branch`](Endpoint::next_branch) gave.
    pub(super) fn keep_client(
        &mut self,
        now: Instant,
        role: Role,
        branch: Token,
        to: SocketAddr,
        datagram: Vec<u8>,
    ) -> Key {
        let machine = match role {
            Role::Invite { .. } => Machine::Invite(InviteClient::start(now, self.timer_values)),
            Role::Cancel | Role::Bye { .. } | Role::Refer { .. } | Role::Probe { .. } => {
                Machine::Request(RequestClient::start(now, self.timer_values))
            }
        };
        let key = self.clients.insert(Client {
            machine,
            role,
            nonce: branch.nonce,
            to,
            datagram,
            answers: Answers::default(),
            cancel: None,
            scheduled: None,
        });
        debug_assert!(role == Role::Cancel || key == branch.key, "the branch names its own transaction");
        self.arm_client(key);
        key
    }

    /// Sends a request other than INVITE and keeps it for repetitions.
    pub(super) fn start_client(
        &mut self,
        now: Instant,
        role: Role,
        branch: Token,
        to: SocketAddr,
        datagram: Vec<u8>,
    ) -> Key {
        self.send_request(to, &datagram);
        self.keep_client(now, role, branch, to, datagram)
    }

    /// Sends a request once more, with an answer to the challenge that it got.
    pub(super) fn start_again(&mut self, now: Instant, role: Role, again: Again) -> Key {
        let key = self.start_client(now, role, again.branch, again.to, again.datagram);
        self.note_answers(key, again.answers);
        key
    }

    /// How often the request of this transaction was answered a challenge.
    pub(super) fn note_answers(&mut self, key: Key, answers: Answers) {
        if let Some(client) = self.clients.find_mut(key) {
            client.answers = answers;
        }
    }

    pub(super) fn arm_client(&mut self, key: Key) {
        if let Some(client) = self.clients.find_mut(key) {
            let alarm = client.alarm();
            self.timers.arm(Target::Client(key), alarm, &mut client.scheduled);
        }
    }

    pub(super) fn remove_client(&mut self, key: Key) -> Option<Role> {
        let client = self.clients.remove(key)?;
        self.queue.recycle(client.datagram);
        Some(client.role)
    }

    /// Finds the transaction of a response (RFC 3261 section 17.1.3) and moves it.
    pub(super) fn on_response(&mut self, now: Instant, from: SocketAddr, response: &Message<'_>) {
        // A response with a second Via was meant for somebody behind us, and there is nobody (section 8.1.3.3).
        if response.values(HeaderName::Via).take(2).count() != 1 {
            self.counters.responses_misrouted += 1;
            return;
        }
        let Some((key, role)) = self.client_of(response) else {
            self.counters.responses_unmatched += 1;
            return;
        };
        if role.method() != response.cseq().method {
            self.counters.responses_misrouted += 1;
            return;
        }
        let Some(status) = response.status() else { return };
        match role {
            Role::Invite { call } => self.on_invite_response(now, from, key, call, status, response),
            Role::Cancel | Role::Bye { .. } | Role::Refer { .. } | Role::Probe { .. } => {
                self.on_request_response(now, from, key, role, status, response);
            }
        }
        self.arm_client(key);
    }

    fn client_of(&self, response: &Message<'_>) -> Option<(Key, Role)> {
        let token = Token::parse_branch(response.via()?.branch()?)?;
        let client = self.clients.find(token.key)?;
        if token.shard != self.shard || token.nonce != client.nonce {
            return None;
        }
        if response.cseq().method == b"CANCEL" {
            let cancel = client.cancel?;
            return self.clients.find(cancel).map(|client| (cancel, client.role));
        }
        Some((token.key, client.role))
    }

    fn on_invite_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        key: Key,
        call: Key,
        status: u16,
        response: &Message<'_>,
    ) {
        let Some(client) = self.clients.find_mut(key) else { return };
        let Some(machine) = client.invite_mut() else { return };
        match machine.on_response(now, status) {
            OnInviteResponse::Deliver if status < 200 => {
                self.on_provisional(now, key, call, status, response)
            }
            OnInviteResponse::Deliver => self.on_success(now, key, call, response),
            OnInviteResponse::AckAndDeliver => self.on_failure(now, from, key, call, response),
            OnInviteResponse::AckAgain => {
                self.counters.response_retransmissions_absorbed += 1;
                self.queue.send(client.to, &client.datagram);
            }
            OnInviteResponse::Ignore => self.counters.response_retransmissions_absorbed += 1,
        }
    }

    fn on_request_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        key: Key,
        role: Role,
        status: u16,
        response: &Message<'_>,
    ) {
        let Some(client) = self.clients.find_mut(key) else { return };
        let Machine::Request(machine) = &mut client.machine else { return };
        match machine.on_response(now, status) {
            OnResponse::Ignore => self.counters.response_retransmissions_absorbed += 1,
            OnResponse::Deliver if status < 200 => {}
            OnResponse::Deliver => match role {
                Role::Bye { call, dialog } => self.on_bye_response(now, from, key, call, dialog, response),
                Role::Refer { call } => self.on_refer_response(now, from, key, call, response),
                Role::Probe { probe } => self.on_probe_response(now, from, key, probe, response),
                Role::Cancel | Role::Invite { .. } => {}
            },
        }
    }

    pub(super) fn on_client_timer(&mut self, now: Instant, key: Key, at: Instant) {
        let Some(client) = self.clients.find_mut(key) else { return };
        if client.scheduled != Some(at) {
            return;
        }
        client.scheduled = None;
        let due = match &mut client.machine {
            Machine::Invite(machine) => machine.on_timer(now),
            Machine::Request(machine) => machine.on_timer(now),
        };
        match due {
            OnTimer::Wait => self.arm_client(key),
            OnTimer::Retransmit => {
                self.counters.requests_retransmitted += 1;
                let (to, role) = (client.to, client.role);
                match role {
                    Role::Invite { call } => self.send_invite_again(call, to),
                    Role::Cancel | Role::Bye { .. } | Role::Refer { .. } | Role::Probe { .. } => {
                        self.queue.send(to, &client.datagram)
                    }
                }
                self.arm_client(key);
            }
            OnTimer::GiveUp => {
                self.counters.transactions_timed_out += 1;
                match self.remove_client(key) {
                    Some(Role::Invite { call }) => self.on_invite_silence(key, call),
                    Some(Role::Bye { call, dialog }) => self.on_bye_silence(key, call, dialog),
                    Some(Role::Refer { call }) => self.on_refer_silence(key, call),
                    Some(Role::Probe { probe }) => self.on_probe_silence(probe),
                    Some(Role::Cancel) | None => {}
                }
            }
            OnTimer::Forget => {
                if let Some(Role::Invite { call }) = self.remove_client(key) {
                    self.on_invite_forgotten(key, call);
                }
            }
        }
    }
}
