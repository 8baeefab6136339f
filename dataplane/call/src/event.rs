//! What leaves towards the node.

use std::time::Instant;

use common::{AttemptId, LineId, Outcome, digits::Digit};
use media::{Block, Codec, Quality};
use script::TransferMode;

use crate::{Counters, HungUpBy, Order, admission::Overload, dialogue::Record, voice::Wish};

/// Something that the node has to know. For each order: either [`Event::Missed`] or [`Event::Declined`] alone, or events
/// that close with [`Event::Ended`] once and [`Event::Released`] once, in this order.
#[derive(Debug)]
pub enum Event {
    /// A stage of the call was reached.
    Progress {
        /// Which call.
        call: CallName,
        /// When.
        at: Instant,
        /// What.
        stage: Stage,
    },
    /// The call is over for the callee. Its slot on the line is not yet free.
    Ended(Box<Ended>),
    /// No message of the call is outstanding: its slot on the line is free.
    Released {
        /// Which call.
        call: CallName,
    },
    /// The order was taken after [`Order::send_by`]; nothing has left.
    Missed(Box<Order>),
    /// The shard has enough to do. Nothing has left, and another shard may take the order.
    Declined {
        /// As it came.
        order: Box<Order>,
        /// What the shard has enough of.
        why: Overload,
    },
    /// Part of a recording.
    Recording {
        /// Which call.
        call: CallName,
        /// Which part.
        part: RecordingPart,
    },
    /// Something for the voice thread, in the order of the call.
    Voice {
        /// Which call.
        call: CallName,
        /// What.
        wish: Wish,
    },
    /// The callee shall be given to somebody else; [`Mail::Transfer`](crate::Mail::Transfer) follows.
    Transfer {
        /// Which call.
        call: CallName,
        /// Which of its transfers; the same again when what was answered came to nothing.
        number: u32,
        /// A `sip:` URI or a number in E.164.
        to: String,
        /// How.
        mode: TransferMode,
    },
    /// The second call of two that were to be joined is over, or was never made: its [`Leg`](crate::Leg) is given back.
    LegOver {
        /// The call for which it was made.
        call: CallName,
        /// As the [`Leg`](crate::Leg) said.
        on_line: bool,
    },
    /// The callee said, or pressed, that they want no more calls. At once, before the end; after it, and even after [`Event::Released`], only if they
    /// hung up before it was understood.
    OptedOut {
        /// Which call.
        call: CallName,
        /// When.
        at: Instant,
        /// In their words, or `pressed 9`. Empty where a model says so of a callee who has hung up or speaks again.
        said: String,
    },
    /// The voice thread is done with a call that is over: no [`Event::OptedOut`] of it follows. Comes for each [`Wish::End`] that it was given.
    VoiceDone {
        /// Which call.
        call: CallName,
    },
    /// The counters: once a second, and at once when the last call is gone.
    Counters(Box<Counters>),
}

/// Names a call towards the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallName {
    /// The attempt.
    pub attempt: AttemptId,
    /// Counted from 1 within the attempt.
    pub route_try: u32,
    /// The line.
    pub line: LineId,
}

/// A stage of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The INVITE was handed to the socket.
    Invited,
    /// 100: the far end has it.
    Trying,
    /// 180, or another provisional response without SDP.
    Ringing {
        /// 101–199.
        status: u16,
    },
    /// A provisional response with SDP.
    EarlyMedia {
        /// 101–199.
        status: u16,
    },
    /// 2xx.
    Answered,
    /// A key was pressed.
    Digit(Digit),
}

/// Part of a recording, in the order of the call.
#[derive(Debug)]
pub enum RecordingPart {
    /// It begins.
    Open,
    /// The next piece.
    Block(Block),
    /// Time for which there is no audio: a block was lost to a lack of buffers.
    Lost,
    /// It is complete.
    Close,
}

/// When each stage was reached; `None` for those that were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The INVITE left.
    pub invited: Option<Instant>,
    /// First response of any kind.
    pub trying: Option<Instant>,
    /// First 101–199.
    pub ringing: Option<Instant>,
    /// First provisional response with SDP that could be used.
    pub early_media: Option<Instant>,
    /// 2xx.
    pub answered: Option<Instant>,
    /// First packet of something that the script says.
    pub first_audio: Option<Instant>,
    /// First packet with the far end's voice after the answer.
    pub first_speech: Option<Instant>,
    /// The end.
    pub ended: Option<Instant>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which call.
    pub call: CallName,
    /// The outcome, decided here and nowhere else.
    pub outcome: Outcome,
    /// The final status of the INVITE; 0 when none came.
    pub sip_status: u16,
    /// Q.850 cause of the final response or the BYE.
    pub q850: Option<u8>,
    /// The callee may have been rung: a 101–199 was seen, or a 100 and then silence.
    pub may_have_rung: bool,
    /// Retry-After of the final response, seconds.
    pub retry_after_s: Option<u32>,
    /// Stages.
    pub stamps: Stamps,
    /// Who ended it.
    pub hung_up_by: Option<HungUpBy>,
    /// What the callee entered, one entry for each `collect` step, commas between.
    pub digits: String,
    /// What was said, if the script began.
    pub dialogue: Option<Box<Record>>,
    /// Quality of the audio, if there was any session.
    pub quality: Option<Quality>,
    /// The codec that we sent.
    pub codec: Option<Codec>,
    /// Whether a recording was opened.
    pub recorded: bool,
    /// Our Call-ID; empty when nothing left.
    pub call_id: String,
    /// For a person: what went wrong. No numbers in it.
    pub detail: String,
}
