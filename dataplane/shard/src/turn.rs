//! The shard's turn: send what is due, reap completions, read mail, fire timers, submit, wait.
//!
//! Each step takes a bounded bite. What a bite leaves makes the next turn begin without a wait. The law of
//! [`Machine`] is kept here: [`Engine::drain`] follows every change, and no change is made before the drain is over.

mod load;
mod steps;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};

use self::load::Load;
use self::steps::{Step, Steps};
use crate::config::TurnLimits;
use crate::counters::{ShardCounters, Tally};
use crate::machine::{Machine, SocketIndex};
use crate::mail::{Mailbox, Stop};
use crate::ring::{Arrival, Completion, Ring, SLOT_BYTES, address};

/// How soon a full event queue is tried again.
const EVENT_RETRY: Duration = Duration::from_millis(1);

/// Completions that are looked at before the first of them is handled, so that memory which the machine will touch for
/// the later ones is fetched while the earlier ones are worked on. As many fetches as a core has under way at once.
const LOOK_AHEAD: usize = 16;

/// By how much a turn's bite of completions may grow for what was sent: with a long drain behind it a turn of 8,192 packets takes some
/// 30 ms, well within the time that a call may be late and still not lose a packet.
const BITE_FACTOR: usize = 4;

pub(crate) struct Engine<M: Machine> {
    machine: M,
    ring: Ring,
    mailbox: Arc<Mailbox<M::Mail>>,
    events: Sender<M::Event>,
    /// An event that found the queue full. While it is here, none is polled and no mail is read.
    held_event: Option<M::Event>,
    limits: TurnLimits,
    tally: Tally,
    counters: Arc<ShardCounters>,
    load: Load,
    /// False while a drain was cut short: no change may be made.
    drained: bool,
    /// Datagrams that this turn may still drain.
    transmits_left: usize,
    /// Datagrams drained since completions were last reaped.
    unanswered: usize,
    /// Completions that were looked at and not handled yet, at most [`LOOK_AHEAD`], and what the machine anticipates.
    ahead: VecDeque<(Completion, Option<u64>)>,
    /// Sockets whose receive has ended and is not armed again.
    ended_receives: Vec<u16>,
    /// The same of those whose receive failed: armed again once a turn, so that one that fails again and again costs little.
    failed_receives: Vec<u16>,
}

/// Whether there is work that a bite has left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Work,
}

impl<M: Machine> Engine<M> {
    pub(crate) fn new(
        machine: M,
        ring: Ring,
        mailbox: Arc<Mailbox<M::Mail>>,
        events: Sender<M::Event>,
        limits: TurnLimits,
        counters: Arc<ShardCounters>,
    ) -> Self {
        let [ended_receives, failed_receives] = [0, 1].map(|_| Vec::with_capacity(ring.sockets()));
        Self {
            machine,
            ring,
            mailbox,
            events,
            held_event: None,
            limits,
            tally: Tally::default(),
            counters,
            load: Load::start(),
            // A new machine may already want to send.
            drained: false,
            transmits_left: 0,
            unanswered: 0,
            ahead: VecDeque::with_capacity(LOOK_AHEAD),
            ended_receives,
            failed_receives,
        }
    }

    /// Takes turns until asked to stop. When it returns, the kernel holds nothing of the shard any more.
    pub(crate) fn run(mut self) {
        self.ring.arm_bell(&mut self.tally);
        for socket in 0..self.ring.sockets() {
            self.ring.arm_receive(socket as u16, &mut self.tally);
        }
        loop {
            let stop = self.mailbox.stop_requested();
            let mut steps = Steps::start();
            let left = self.take_turn(&mut steps);
            self.counters.publish(&self.tally);
            let over = self.may_end(stop, left);
            if !over {
                self.wait(&mut steps, stop, left);
            }
            steps.report(self.limits.long, &mut self.tally);
            if over {
                break;
            }
        }
        self.end();
    }

    fn take_turn(&mut self, steps: &mut Steps) -> Left {
        self.transmits_left = self.limits.transmits;
        if self.drained {
            self.machine.handle_tick(steps.now());
            self.drain(steps.now());
            steps.ended(Step::Tick);
        } else {
            // No tick in the turn that ends a long drain: with no time to spare each tick leaves more to send than one turn
            // takes, and a shard that only sends would hear nobody hang up.
            self.drain(steps.now());
            steps.ended(Step::Drain);
        }
        // Here and not at the end, so that what is due leaves before the kernel takes in what has arrived.
        self.ring.submit_and_collect(&mut self.tally);
        steps.ended(Step::Submit);
        if self.drained
            && let Some(share) = self.load.share(steps.now())
        {
            self.machine.handle_load(share);
            self.drain(steps.now());
        }
        let mut left = self.reap(steps.now());
        steps.ended(Step::Reap);
        if self.read_mail(steps.now()) == Left::Work {
            left = Left::Work;
        }
        steps.ended(Step::Mail);
        if self.fire_timers(steps.now()) == Left::Work {
            left = Left::Work;
        }
        steps.ended(Step::Timers);
        self.pass_events();
        self.tally.turns += 1;
        self.tally.events_held += u64::from(self.held_event.is_some());
        self.tally.bite_transmits += u64::from(self.transmits_left == 0);
        if self.drained { left } else { Left::Work }
    }

    fn reap(&mut self, mut now: Instant) -> Left {
        if !self.drained {
            return Left::Work;
        }
        // As many as were sent, if that is more: with no time to spare neither direction starves the other.
        let owed = std::mem::take(&mut self.unanswered);
        let whole_bite = owed.clamp(self.limits.completions, BITE_FACTOR * self.limits.completions);
        let mut bite = whole_bite;
        while self.drained && bite > 0 {
            self.look_ahead();
            let Some((completion, _)) = self.ahead.pop_front() else {
                // One call takes in some tens of datagrams of a socket and leaves the rest for the next.
                if !self.ring.has_arrivals() && self.ended_receives.is_empty() {
                    break;
                }
                self.resume_receives();
                bite -= 1;
                self.ring.submit_and_collect(&mut self.tally);
                // What is collected now came while the rest was handled: by the time before, it would not have come yet.
                now = Instant::now();
                continue;
            };
            bite -= 1;
            self.on_completion(now, completion);
        }
        if !self.drained {
            self.unanswered += owed.saturating_sub(whole_bite - bite);
        }
        self.ring.end_shortages();
        self.ended_receives.append(&mut self.failed_receives);
        self.resume_receives();
        if bite == 0 && (!self.ahead.is_empty() || self.ring.has_arrivals()) {
            self.tally.bite_completions += 1;
            return Left::Work;
        }
        Left::Nothing
    }

    /// Gives the kernel back what was read, and then, so that it finds buffers, each receive that ended for want of them.
    fn resume_receives(&mut self) {
        self.ring.publish_buffers();
        while let Some(socket) = self.ended_receives.pop() {
            self.ring.arm_receive(socket, &mut self.tally);
        }
    }

    /// Reads completions ahead, once those read before are half used up.
    fn look_ahead(&mut self) {
        if self.ahead.len() > LOOK_AHEAD / 2 {
            return;
        }
        for what in self.ahead.iter_mut().filter_map(|(_, what)| what.take()) {
            self.machine.approach(what);
        }
        while self.ahead.len() < LOOK_AHEAD {
            let Some(completion) = self.ring.next_completion() else { return };
            let mut what = None;
            if let Completion::Datagram(arrival) = &completion
                && let Some(from) = self.ring.source(arrival)
            {
                what = self.machine.anticipate(SocketIndex(arrival.socket()), from);
            }
            self.ahead.push_back((completion, what));
        }
    }

    fn on_completion(&mut self, now: Instant, completion: Completion) {
        match completion {
            Completion::Datagram(arrival) => self.on_datagram(now, arrival),
            Completion::ReceiveEnded { socket, errno } => {
                match errno {
                    // An empty datagram ends it too.
                    0 => {}
                    libc::ENOBUFS => {
                        self.tally.receive_no_buffers += 1;
                        self.ring.run_short(socket);
                    }
                    _ => {
                        self.tally.receive_errors += 1;
                        return self.failed_receives.push(socket);
                    }
                }
                self.ended_receives.push(socket);
            }
            Completion::SendRefused { errno } => self.count_refused_send(errno),
            Completion::Bell => {
                self.tally.wakeups += 1;
                self.ring.arm_bell(&mut self.tally);
            }
        }
    }

    fn on_datagram(&mut self, now: Instant, arrival: Arrival) {
        let socket = arrival.socket();
        let Some(filled) = self.ring.filled(arrival) else {
            self.tally.dropped_unreadable += 1;
            return;
        };
        let Some(message) = filled.message() else {
            self.tally.dropped_unreadable += 1;
            return;
        };
        if message.is_payload_truncated() {
            self.tally.dropped_truncated += 1;
            return;
        }
        let Some(from) = address(message.name_data()) else {
            self.tally.dropped_unreadable += 1;
            return;
        };
        let payload = message.payload_data();
        self.tally.packets_in += 1;
        self.tally.bytes_in += payload.len() as u64;
        self.machine.handle_datagram(now, SocketIndex(socket), from, payload);
        drop(filled);
        self.drain(now);
    }

    fn count_refused_send(&mut self, errno: i32) {
        let counter = match errno {
            libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => &mut self.tally.send_queue_full,
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EADDRNOTAVAIL
            | libc::ECONNREFUSED => &mut self.tally.send_unreachable,
            libc::EPERM | libc::EACCES => &mut self.tally.send_forbidden,
            libc::EMSGSIZE => &mut self.tally.send_too_long,
            _ => &mut self.tally.send_other,
        };
        *counter += 1;
    }

    fn read_mail(&mut self, now: Instant) -> Left {
        let mut bite = self.limits.mail;
        while self.drained && self.held_event.is_none() {
            if bite == 0 {
                if self.mailbox.is_empty() {
                    return Left::Nothing;
                }
                self.tally.bite_mail += 1;
                return Left::Work;
            }
            let Some(mail) = self.mailbox.pop() else { return Left::Nothing };
            bite -= 1;
            self.tally.mail_in += 1;
            self.machine.handle_mail(now, mail);
            self.drain(now);
        }
        Left::Nothing
    }

    fn fire_timers(&mut self, now: Instant) -> Left {
        let mut bite = self.limits.timeouts;
        while self.drained && self.machine.poll_timeout().is_some_and(|due| due <= now) {
            if bite == 0 {
                self.tally.bite_timeouts += 1;
                return Left::Work;
            }
            bite -= 1;
            self.machine.handle_timeout(now);
            self.drain(now);
        }
        Left::Nothing
    }

    /// Takes everything that the machine wants to send and tell. Cut short at the turn's bite, or when the kernel takes
    /// nothing for the moment; `drained` is then false and the next turn goes on here.
    fn drain(&mut self, now: Instant) {
        self.drained = false;
        loop {
            if self.transmits_left == 0 {
                return;
            }
            let Some(slot) = self.ring.lend() else {
                self.tally.submission_full += 1;
                if !self.ring.submit(&mut self.tally) {
                    return;
                }
                continue;
            };
            let Some(transmit) = self.machine.poll_transmit(now, slot) else { break };
            self.transmits_left -= 1;
            self.unanswered += 1;
            let socket = transmit.socket.0;
            if usize::from(socket) >= self.ring.sockets() || transmit.len > SLOT_BYTES {
                debug_assert!(false, "the machine sends from a socket it has, what it wrote: {transmit:?}");
                self.tally.dropped_misaddressed += 1;
                continue;
            }
            self.tally.packets_out += 1;
            self.tally.bytes_out += transmit.len as u64;
            self.ring.send(socket, transmit.to, transmit.len);
        }
        self.drained = true;
        self.pass_events();
    }

    fn pass_events(&mut self) {
        while let Some(event) = self.held_event.take().or_else(|| self.machine.poll_event()) {
            match self.events.try_send(event) {
                Ok(()) => self.tally.events_out += 1,
                Err(TrySendError::Full(event)) => {
                    self.held_event = Some(event);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => self.tally.events_abandoned += 1,
            }
        }
    }

    /// Submits, and sleeps until there is something to do.
    ///
    /// Two sleeps, since wake-ups are dear. The first lasts `gather` or until the machine's deadline, and no arrival ends
    /// it; the ring does not even take arrivals in, so that they do not delay what is due then. Mail need not ring the bell
    /// either, since the queue is looked at right after. Only if nothing has come by then does the shard fall asleep for
    /// real, to be woken by the first datagram or mail.
    fn wait(&mut self, steps: &mut Steps, stop: Option<Stop>, left: Left) {
        self.ring.submit_and_collect(&mut self.tally);
        steps.ended(Step::Submit);
        if left == Left::Work {
            return;
        }
        let now = steps.now();
        let deadline = match (self.machine.poll_timeout(), self.held_event.is_some()) {
            (Some(due), true) => Some(due.min(now + EVENT_RETRY)),
            (None, true) => Some(now + EVENT_RETRY),
            (due, false) => due,
        };
        if !self.limits.gather.is_zero() {
            let until = deadline.map_or(now + self.limits.gather, |due| due.min(now + self.limits.gather));
            std::thread::sleep(until.saturating_duration_since(now));
            self.tally.sleeps += 1;
            steps.slept(Some(until));
            if deadline == Some(until) || self.ring.has_arrivals() || !self.mailbox.is_empty() {
                return;
            }
        }
        if self.held_event.is_some() {
            self.sleep(steps, deadline);
        } else if self.mailbox.fall_asleep(stop) {
            self.sleep(steps, deadline);
            self.mailbox.wake_up();
        }
    }

    fn sleep(&mut self, steps: &mut Steps, until: Option<Instant>) {
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        self.ring.submit_and_wait(1, timeout, &mut self.tally);
        steps.slept(until);
    }

    fn may_end(&self, stop: Option<Stop>, left: Left) -> bool {
        match stop {
            None => false,
            Some(Stop::Now) => true,
            Some(Stop::WhenIdle) => {
                left == Left::Nothing
                    && self.held_event.is_none()
                    && self.mailbox.is_empty()
                    && self.machine.is_idle()
            }
        }
    }

    fn end(mut self) {
        self.mailbox.close();
        self.ring.submit(&mut self.tally);
        while self.mailbox.pop().is_some() {
            self.tally.mail_abandoned += 1;
        }
        self.tally.events_abandoned += u64::from(self.held_event.is_some());
        self.counters.publish(&self.tally);
        // Dropping the ring waits until the kernel has ended everything in flight.
    }
}
