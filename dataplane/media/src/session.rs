//! The media of one call: what is sent each 20 ms, and what is made of each packet received.
//!
//! The owner drives it: [`MediaSession::tick`] in the call's phase of the 20 ms tick, [`MediaSession::receive`] for
//! each packet that the port table gives to this call, [`MediaSession::poll_event`] after either until it is empty,
//! and [`MediaSession::poll_block`] after a tick while the call is recorded. It never waits and never allocates, but
//! for a block buffer that the recording's pool has not made before.

mod event;
mod plan;
mod playing;
mod recording;
mod reports;
mod tapping;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::prefetch::prefetch;

use crate::beep::Beep;
use crate::dtmf;
use crate::latch::{Judgement, Latch};
use crate::music::Music;
use crate::reception::{Arrival, Reception};
use crate::recorder::Recorder;
use crate::rtcp::exchange::Exchange;
use crate::rtp::{DropReason, Packet, Sender};
use crate::tap::Tap;
use crate::vad::{Echo, Vad};
use crate::{FRAME_SAMPLES, Quality, rtcp};

pub use event::{MediaEvent, Received, Transmit};
use plan::classify;
pub use plan::{Direction, MediaPlan};
use playing::{Playing, Waiting, next_frame};

/// A far end that speaks sends packets; one from which nothing came for so long has stopped speaking. Longer than what
/// networks hold back and then deliver at once.
const SPEECH_GAP_MAX: Duration = Duration::from_millis(400);

/// What a session is born with. The four seeds must be random (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
pub struct SessionConfig {
    /// Our synchronisation source.
    pub ssrc: u32,
    /// Sequence number of the first packet.
    pub sequence: u16,
    /// Timestamp of the first frame.
    pub timestamp: u32,
    /// Our CNAME, and the intervals between reports.
    pub rtcp: u128,
    /// Whether silence is sent as packets when there is nothing to play. Off saves half the packets of a quiet call;
    /// on keeps NAT bindings and far ends that watch for RTP alive.
    pub send_silence: bool,
}

/// The media of one call. What each tick and packet touches comes first: [`MediaSession::HOT_BYTES`].
#[derive(Debug)]
#[repr(C)]
pub struct MediaSession {
    hot: Hot,
    cold: Cold,
}

/// Read or written by each tick and packet.
#[derive(Debug)]
struct Hot {
    /// A key is down at the far end, or digits wait to be taken.
    digits: bool,
    /// Keys are being pressed for the far end.
    pressing: bool,
    sender: Sender,
    playing: Option<Playing>,
    far: Option<Far>,
    answered: bool,
    send_silence: bool,
    prompt_ended: bool,
    latched: bool,
    /// Ticks until a report is due.
    report_in: u16,
    sent: u64,
    reception: Reception,
    vad: Vad,
    echo: Echo,
    recorder: Option<Box<Recorder>>,
    tap: Option<Box<Tap>>,
    beep: Option<Box<Beep>>,
    music: Option<Box<Music>>,
}

/// The far end, once negotiated.
#[derive(Debug)]
struct Far {
    plan: MediaPlan,
    latch: Latch,
}

/// Touched when something unusual happens.
#[derive(Debug)]
struct Cold {
    /// The tone of an answering machine is over, and the owner has not been told.
    beeped: bool,
    /// When the last sound began that may become speech.
    sound_at: Option<Instant>,
    waiting: Option<Box<Waiting>>,
    digits: dtmf::Receiver,
    drops: [u32; DropReason::COUNT],
    exchange: Exchange,
}

impl MediaSession {
    /// What ticks and packets touch lies within so many bytes of the session's start, unless something unusual happens.
    pub const HOT_BYTES: usize = size_of::<Hot>();

    /// A session without a far end, made when the call's own port is known and before anything is sent.
    pub fn new(config: SessionConfig) -> MediaSession {
        let exchange = Exchange::new(config.rtcp);
        MediaSession {
            hot: Hot {
                digits: false,
                pressing: false,
                sender: Sender::new(config.ssrc, config.sequence, config.timestamp),
                playing: None,
                far: None,
                answered: false,
                send_silence: config.send_silence,
                prompt_ended: false,
                latched: false,
                report_in: exchange.first_delay(),
                sent: 0,
                reception: Reception::new(),
                vad: Vad::new(),
                echo: Echo::default(),
                recorder: None,
                tap: None,
                beep: None,
                music: None,
            },
            cold: Cold {
                beeped: false,
                sound_at: None,
                waiting: None,
                digits: dtmf::Receiver::new(),
                drops: [0; DropReason::COUNT],
                exchange,
            },
        }
    }

    /// Takes the outcome of an offer and answer; again after each re-negotiation. A locked source stays locked when
    /// address and policy stay the same.
    pub fn set_remote(&mut self, plan: MediaPlan) {
        match &mut self.hot.far {
            Some(far) if far.plan.remote == plan.remote && far.plan.latching == plan.latching => {
                far.plan = plan
            }
            Some(_) | None => {
                self.hot.latched = false;
                self.hot.far = Some(Far { plan, latch: Latch::new(plan.remote, plan.latching) });
            }
        }
        if !plan.direction.receives() {
            self.hot.reception.forget_gap();
        }
    }

    /// What was negotiated last.
    pub fn plan(&self) -> Option<&MediaPlan> {
        self.hot.far.as_ref().map(|far| &far.plan)
    }

    /// The call is answered: from here on ticks send.
    pub fn answer(&mut self) {
        self.hot.answered = true;
    }

    /// Begins to fetch what the next tick needs beside the session: the frame that it sends, and the recording.
    pub fn prefetch_tick(&self) {
        self.prefetch_receive();
        if let (Some(playing), Some(far)) = (&self.hot.playing, &self.hot.far)
            && let Some(frame) = playing.upcoming(far.plan.codec)
        {
            prefetch(frame, FRAME_SAMPLES);
        }
    }

    /// Begins to fetch what the next packet of a recorded call needs beside the session.
    pub fn prefetch_receive(&self) {
        if let Some(recorder) = &self.hot.recorder {
            prefetch(&**recorder, size_of::<Recorder>());
        }
    }

    /// Writes the next 20 ms into `out`, which must hold [`crate::MAX_PACKET_LEN`] bytes; `None` when nothing is to
    /// be sent. To be called every 20 ms from the call's start to its end, whether or not it is answered.
    pub fn tick(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let hot = &mut self.hot;
        if hot.digits {
            self.cold.digits.on_tick(now);
        }
        hot.report_in = hot.report_in.saturating_sub(u16::from(hot.answered));
        let is_heard = hot.vad.is_speaking() || hot.music.as_ref().is_some_and(|music| music.is_music());
        if is_heard && hot.reception.is_silent_for(now, SPEECH_GAP_MAX) {
            hot.hush();
        }
        let far = hot.far.as_ref().filter(|far| hot.answered && far.plan.direction.sends());
        let Some(Far { plan, latch }) = far else {
            hot.sender.skip(FRAME_SAMPLES as u32);
            if let Some(recorder) = &mut hot.recorder {
                recorder.sent(now, None);
            }
            return None;
        };
        let frame = next_frame(&mut hot.playing, &mut self.cold.waiting, &mut hot.prompt_ended);
        if let Some(recorder) = &mut hot.recorder {
            recorder.sent(now, frame);
        }
        let frame = frame.and_then(|(prompt, at)| prompt.frame(plan.codec, at));
        if hot.pressing
            && let (Some(waiting), Some(payload_type)) = (&mut self.cold.waiting, plan.telephone_event)
            && let Some(len) = waiting.keys.write(&mut hot.sender, payload_type, out)
        {
            hot.echo.sent(None);
            hot.pressing = !waiting.keys.is_idle();
            hot.sent += 1;
            return Some(Transmit { to: latch.destination(), len });
        }
        hot.echo.sent(frame.map(|frame| (plan.codec, &frame[..])));
        let frame = match frame {
            Some(frame) => frame,
            None if hot.send_silence => plan.codec.silent_frame(),
            None => {
                hot.sender.skip(FRAME_SAMPLES as u32);
                return None;
            }
        };
        hot.sent += 1;
        let len = hot.sender.write(plan.payload_type, frame, out);
        Some(Transmit { to: latch.destination(), len })
    }

    /// Whether the next tick may send: the session is answered, and the far end listens.
    pub fn sends(&self) -> bool {
        self.hot.answered && self.hot.far.as_ref().is_some_and(|far| far.plan.direction.sends())
    }

    /// Takes in a packet that arrived on the call's port from `from`.
    pub fn receive<'a>(&mut self, now: Instant, from: SocketAddr, packet: &'a [u8]) -> Received<'a> {
        if rtcp::is_rtcp(packet) {
            return Received::Rtcp(self.receive_rtcp(now, from, packet));
        }
        match self.accept(now, from, packet) {
            Ok(received) => received,
            Err(reason) => {
                let count = &mut self.cold.drops[reason as usize];
                *count = count.saturating_add(1);
                Received::Dropped(reason)
            }
        }
    }

    fn accept<'a>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &'a [u8],
    ) -> Result<Received<'a>, DropReason> {
        let Packet { header, payload } = Packet::parse(packet)?;
        let far = self.hot.far.as_mut().ok_or(DropReason::NoPlan)?;
        let received = classify(&far.plan, &header, payload)?;
        match far.latch.judge(now, from, &header) {
            Judgement::Accept => {}
            Judgement::Latch => self.hot.latched = true,
            Judgement::Probation => return Err(DropReason::Probation),
            Judgement::Refuse => return Err(DropReason::ForeignSource),
        }
        if !far.plan.direction.receives() {
            return Err(DropReason::Direction);
        }
        let timed = !matches!(received, Received::TelephoneEvent);
        match self.hot.reception.on_packet(now, &header, timed) {
            Arrival::InOrder { .. } | Arrival::Reordered => {}
            Arrival::NewRun => {
                self.cold.digits.on_new_stream();
                self.hot.digits = self.cold.digits.is_busy();
            }
            Arrival::Duplicate => return Err(DropReason::Duplicate),
            Arrival::TooLate => return Err(DropReason::TooLate),
            Arrival::Jump => return Err(DropReason::SequenceJump),
        }
        match received {
            Received::Audio { codec, .. } => {
                if self.hot.answered {
                    let least = self.hot.echo.least();
                    if let Some(level) = self.hot.vad.hear_above(codec, payload, least) {
                        self.hot.echo.came(level);
                        if self.hot.vad.take_sound() {
                            self.cold.sound_at = Some(now);
                        }
                    }
                }
                if let Some(recorder) = &mut self.hot.recorder {
                    recorder.received(now, &header, codec, payload);
                }
                if let Some(beep) = &mut self.hot.beep {
                    self.cold.beeped |= self.hot.answered && beep.hear(codec, payload);
                }
                if let Some(music) = &mut self.hot.music {
                    music.hear(codec, payload);
                }
                if let Some(tap) = &mut self.hot.tap {
                    tap.received(now, &header, codec, payload);
                }
            }
            Received::TelephoneEvent => {
                self.cold.digits.on_payload(now, header.timestamp, payload);
                self.hot.digits = self.cold.digits.is_busy();
            }
            Received::ComfortNoise => self.hot.hush(),
            Received::Rtcp(_) | Received::Dropped(_) => {}
        }
        Ok(received)
    }

    /// The oldest event not yet taken.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        if std::mem::take(&mut self.hot.latched) {
            let far = self.hot.far.as_ref().expect("only a negotiated far end is latched");
            return Some(MediaEvent::Latched(far.latch.destination()));
        }
        if self.hot.digits {
            let digit = self.cold.digits.poll();
            self.hot.digits = self.cold.digits.is_busy();
            if let Some(digit) = digit {
                return Some(MediaEvent::Digit(digit));
            }
        }
        if std::mem::take(&mut self.hot.prompt_ended) {
            return Some(MediaEvent::PromptEnded);
        }
        if self.hot.vad.take_onset() {
            let sound_at = self.cold.sound_at.expect("speech begins with a sound");
            return Some(MediaEvent::SpeechBegan(sound_at));
        }
        if self.hot.vad.take_end() {
            return Some(MediaEvent::SpeechEnded);
        }
        if self.hot.beep.is_some() && std::mem::take(&mut self.cold.beeped) {
            self.hot.beep = None;
            return Some(MediaEvent::Beep);
        }
        if let Some(is_music) = self.hot.music.as_mut().and_then(|music| music.take_change()) {
            return Some(if is_music { MediaEvent::MusicBegan } else { MediaEvent::MusicEnded });
        }
        let overrun = self.hot.recorder.as_mut().is_some_and(|recorder| recorder.take_overrun());
        overrun.then_some(MediaEvent::RecordingOverrun)
    }

    /// Watches for the tone of an answering machine, once; [`MediaEvent::Beep`] follows. Or watches no more.
    pub fn watch_for_beep(&mut self, watch: bool) {
        self.cold.beeped = false;
        self.hot.beep = watch.then(Box::default);
    }

    /// Watches for music from the far end from here on; [`MediaEvent::MusicBegan`] and [`MediaEvent::MusicEnded`] tell of it.
    pub fn watch_for_music(&mut self) {
        self.hot.music.get_or_insert_default();
    }

    /// When the newest packet that passed every check arrived: the owner's RTP time-out reads it.
    pub fn last_received(&self) -> Option<Instant> {
        self.hot.reception.span().1
    }

    /// How often packets were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u32 {
        self.cold.drops[reason as usize]
    }

    /// The call's media in numbers.
    pub fn quality(&self) -> Quality {
        let reception = &self.hot.reception;
        let (expected, received) = (reception.expected(), reception.received());
        let (jitter_ms, jitter_max_ms) = reception.jitter_ms();
        let (first_packet, last_packet) = reception.span();
        let (reports_sent, reports_received) = self.cold.exchange.counts();
        Quality {
            sent: self.hot.sent,
            received,
            expected,
            lost: expected.saturating_sub(received),
            reordered: reception.reordered(),
            duplicates: reception.duplicates(),
            streams: reception.runs(),
            jitter_ms,
            jitter_max_ms,
            max_gap_ms: reception.max_gap_ms(),
            speech_ms: self.hot.vad.speech_ms(),
            speech_bursts: self.hot.vad.bursts().into(),
            dropped: self.cold.drops.iter().copied().map(u64::from).sum(),
            first_packet,
            last_packet,
            reports_sent,
            reports_received,
            far: self.cold.exchange.far(self.hot.sent),
        }
    }
}

impl Hot {
    /// The far end is silent, or gone.
    fn hush(&mut self) {
        self.vad.hush();
        if let Some(music) = &mut self.music {
            music.hush();
        }
    }
}
