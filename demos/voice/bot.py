"""A voice bot for one call, built of pipecat: its WebSocket server, its serializer for Twilio Media Streams, its voice activity
detector. It needs no network: it greets, says what it heard back to whoever spoke, falls silent when it is interrupted, and beeps as often
as a key says; `#` ends the conversation.

    .deps/bot/bin/python demos/voice/bot.py --port 8765 --greeting hello.wav

What it hears and does goes to standard output, a JSON object a line, with the time in milliseconds.
"""

import argparse
import asyncio
import json
import math
import struct
import sys
import time
import wave

from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndWorkerFrame,
    InputAudioRawFrame,
    InputDTMFFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.workers.runner import WorkerRunner

RATE = 8_000
# What is kept from before the detector is sure that somebody speaks.
PRE_ROLL_BYTES = 2 * RATE // 2


def tell(event, **more):
    """A line for whoever watches."""
    print(json.dumps({"event": event, "at_ms": round(time.monotonic() * 1000), **more}), flush=True)


def tone(hz, seconds):
    """A beep, and a pause as long."""
    samples = int(RATE * seconds)
    sound = [int(8_000 * math.sin(2 * math.pi * hz * n / RATE)) for n in range(samples)]
    return struct.pack(f"<{2 * samples}h", *sound, *([0] * samples))


class Serializer(TwilioFrameSerializer):
    """Pipecat's, which takes the name of the stream from its first message and tells of those that pipecat passes over."""

    def __init__(self):
        super().__init__("", params=TwilioFrameSerializer.InputParams(auto_hang_up=False))

    async def deserialize(self, data):
        message = json.loads(data)
        if message["event"] == "start":
            self._stream_sid = message["start"]["streamSid"]
            tell("start", parameters=message["start"]["customParameters"], format=message["start"]["mediaFormat"])
        elif message["event"] == "stop":
            tell("stop")
        return await super().deserialize(data)


class Talker(FrameProcessor):
    """The conversation."""

    def __init__(self, greeting):
        super().__init__()
        self.greeting = greeting
        self.has_greeted = False
        self.is_speaking = False
        self.hears = None
        self.before = b""
        self.heard_bytes = 0

    async def say(self, audio):
        await self.push_frame(TTSAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1))

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, BotStartedSpeakingFrame):
            self.is_speaking = True
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self.is_speaking = False
        elif direction == FrameDirection.DOWNSTREAM:
            await self.take(frame)
        await self.push_frame(frame, direction)

    async def take(self, frame):
        if isinstance(frame, InputAudioRawFrame):
            self.heard_bytes += len(frame.audio)
            if not self.has_greeted:
                self.has_greeted = True
                tell("greets", ms=len(self.greeting) // (2 * RATE // 1000))
                await self.say(self.greeting)
            if self.hears is None:
                self.before = (self.before + frame.audio)[-PRE_ROLL_BYTES:]
            else:
                self.hears += frame.audio
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            self.hears = self.before
            if self.is_speaking:
                tell("interrupted")
                await self.broadcast_interruption()
        elif isinstance(frame, VADUserStoppedSpeakingFrame) and self.hears is not None:
            said, self.hears, self.before = self.hears, None, b""
            tell("heard", ms=len(said) // (2 * RATE // 1000))
            await self.say(said)
        elif isinstance(frame, InputDTMFFrame):
            key = frame.button.value
            tell("key", key=key)
            if key.isdigit():
                await self.say(tone(800, 0.1) * int(key))
            elif key == "#":
                await self.say(tone(400, 0.5))
                tell("ends", heard_ms=self.heard_bytes // (2 * RATE // 1000))
                await self.push_frame(EndWorkerFrame())


async def serve(port, greeting):
    transport = SingleClientWebsocketServerTransport(
        SingleClientWebsocketServerParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=RATE,
            audio_out_sample_rate=RATE,
            serializer=Serializer(),
        ),
        host="127.0.0.1",
        port=port,
    )
    detector = SileroVADAnalyzer(sample_rate=RATE, params=VADParams(start_secs=0.1, stop_secs=0.4))
    pipeline = Pipeline([transport.input(), VADProcessor(vad_analyzer=detector), Talker(greeting), transport.output()])
    worker = PipelineWorker(
        pipeline, params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE), idle_timeout_secs=120
    )

    @transport.event_handler("on_websocket_ready")
    async def ready(_transport):
        tell("ready")

    @transport.event_handler("on_client_disconnected")
    async def gone(_transport, _socket):
        tell("gone")
        await worker.cancel()

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--greeting", required=True, metavar="WAV", help="8 kHz, 16 bits, mono")
    arguments = parser.parse_args()
    with wave.open(arguments.greeting) as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (RATE, 2, 1):
            sys.exit("bot: the greeting must have 8 kHz, 16 bits, one channel")
        greeting = file.readframes(file.getnframes())
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    asyncio.run(serve(arguments.port, greeting))


if __name__ == "__main__":
    main()
