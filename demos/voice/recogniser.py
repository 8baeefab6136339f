"""A real recogniser behind the protocol of vosk-server: pocketsphinx with its English model.

    .deps/voice/bin/python demos/voice/recogniser.py [--listen 127.0.0.1:2700] [--phrases FILE] [--workers N]

One connection is one call. The first frame may be {"config": {"sample_rate": 8000, "phrase_list": [...]}}; audio comes in binary frames:
16 bits, little-endian, one channel, 8 or 16 kHz. While somebody speaks {"partial": ...} goes back, after half a second of silence
{"text": ..., "result": [...]}; {"eof": 1} asks for the last one. Only the phrases are heard, one an utterance: on the telephone that is the
difference between nearly all and hardly any. Clients that name none get those of --phrases, and without that the general model.
"""

import argparse
import array
import asyncio
import concurrent.futures
import functools
import json
import multiprocessing.connection
import os
import pathlib
import re
import signal
import sys
import threading

import pocketsphinx
import websockets

# What the model was trained at. Audio of the telephone is doubled to it.
MODEL_RATE = 16_000
# Whether somebody speaks is decided by pieces of so many seconds.
PIECE_S = 0.03
# So much silence ends an utterance. So much before and after the speech is decoded with it. Less speech is none.
END_S, AROUND_S, SPEECH_S = 0.5, 0.21, 0.06
# An utterance is cut here. A partial result is made whenever so much more was said.
UTTERANCE_S, PARTIAL_S = 20, 0.6
# Samples beyond this are no silence, whatever they are.
AUDIBLE = 300
PHRASES_MAX = 2_000


class Refused(ValueError):
    """What the client asks for cannot be done; the reason is told."""


# --- The words that the model knows.


@functools.cache
def dictionary():
    """All words, and those with an apostrophe by how they are spelled without one."""
    path = pathlib.Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    with open(path, encoding="utf-8") as lines:
        words = {line.split(None, 1)[0] for line in lines}
    return words, {word.replace("'", ""): word for word in sorted(words) if "'" in word and "(" not in word}


def known(phrase):
    """The phrase in words of the dictionary; None if it has others, as Chinese has."""
    words, contracted = dictionary()
    if not re.fullmatch(r"[A-Za-z' ,.!?-]*", phrase):
        return None
    said = [word if word in words else contracted.get(word) for word in re.findall(r"[a-z']+", phrase.lower())]
    return " ".join(said) if said and None not in said else None


def grammar(phrases):
    """The phrases that can be heard, as a tuple; empty for the general model."""
    if not isinstance(phrases, list) or len(phrases) > PHRASES_MAX or not all(isinstance(p, str) for p in phrases):
        raise Refused(f"phrase_list is a list of at most {PHRASES_MAX} texts")
    heard = tuple(sorted({known(phrase) for phrase in phrases} - {None}))
    if phrases and not heard:
        raise Refused("none of the phrases is made of English words that the dictionary has")
    return heard


# --- In a worker process: one utterance after the other.


@functools.cache
def decoder(general):
    if general:
        return pocketsphinx.Decoder(loglevel="FATAL")
    # Without the general language model it is ready in a tenth of a second.
    return pocketsphinx.Decoder(lm=None, loglevel="FATAL")


@functools.lru_cache(maxsize=64)
def search(phrases):
    """The name of the search that hears these phrases."""
    name = f"phrases-{abs(hash(phrases)):x}"
    decoder(False).add_jsgf_string(name, f"#JSGF V1.0; grammar g; public <phrase> = {' | '.join(phrases)} ;")
    return name


def begin():
    """A worker ends with the server, however that ends."""
    server = multiprocessing.parent_process().sentinel
    threading.Thread(target=lambda: (multiprocessing.connection.wait([server]), os._exit(0)), daemon=True).start()


def warm_up():
    """Loads the model, before the first customer has spoken."""
    decoder(False)


def doubled(audio):
    """8 kHz to 16 kHz. The images that straight lines leave above 4 kHz do the model good: it misses something there."""
    samples = array.array("h", audio)
    between = array.array("h", ((a + b) // 2 for a, b in zip(samples, samples[1:] + samples[-1:])))
    both = array.array("h", bytes(2 * len(audio)))
    both[::2], both[1::2] = samples, between
    return both.tobytes()


def decode(phrases, rate, audio):
    """What was said in a whole utterance."""
    ear = decoder(not phrases)
    if phrases:
        ear.activate_search(search(phrases))
    ear.start_utt()
    ear.process_raw(audio if rate == MODEL_RATE else doubled(audio), full_utt=True)
    ear.end_utt()
    best = ear.hyp()
    text = best.hypstr if best else ""
    # Half a phrase is a guess that did not come to its end.
    if not text or (phrases and text not in phrases):
        return {"text": ""}
    words = [
        {"word": word.word, "start": word.start_frame / 100, "end": word.end_frame / 100}
        for word in ear.seg()
        if not word.word.startswith(("<", "["))
    ]
    return {"text": text, "result": words}


# --- In the server: where utterances begin and end.


class Endpointer:
    """Cuts the audio of one call into utterances."""

    def __init__(self, rate):
        if rate not in (8_000, MODEL_RATE):
            raise Refused("sample_rate is 8000 or 16000")
        self.detector = pocketsphinx.Vad(pocketsphinx.Vad.LOOSE, rate, PIECE_S)
        self.size = self.detector.frame_bytes
        self.rest = b""
        self.reset()

    def reset(self):
        # Pieces so far; how many of them were speech, how many came since the last of those, how many were decoded for a partial result.
        self.pieces, self.speech, self.silent, self.told = [], 0, 0, 0
        self.audible = False

    def hear(self, audio):
        """Yields (whether it is over, audio) for whatever should be decoded. Audio None: there was something, but no speech."""
        self.rest += audio
        while len(self.rest) >= self.size:
            piece, self.rest = self.rest[: self.size], self.rest[self.size :]
            yield from self.on_piece(piece)

    def on_piece(self, piece):
        speaks = self.detector.is_speech(piece)
        self.audible |= max(array.array("h", piece), key=abs) not in range(-AUDIBLE, AUDIBLE + 1)
        self.pieces.append(piece)
        self.speech += speaks
        self.silent = 0 if speaks else self.silent + 1
        if self.silent * PIECE_S >= END_S or len(self.pieces) * PIECE_S >= UTTERANCE_S:
            yield from self.finish()
        elif self.spoke() and len(self.pieces) - self.told >= PARTIAL_S / PIECE_S and speaks:
            self.told = len(self.pieces)
            yield False, b"".join(self.pieces)
        elif not self.speech:
            # Nobody has spoken: only what may come just before is kept.
            del self.pieces[: -int(AROUND_S / PIECE_S)]

    def spoke(self):
        # The detector takes the hiss of an idle line for speech, of which the decoder makes numbers that are none, and remembers them.
        return self.audible and self.speech * PIECE_S >= SPEECH_S

    def finish(self):
        """What was said until now, if anything was."""
        until = len(self.pieces) - max(0, self.silent - int(AROUND_S / PIECE_S))
        said, audible = b"".join(self.pieces[:until]), self.audible
        spoke = self.spoke()
        self.reset()
        if spoke:
            yield True, said
        elif audible:
            yield True, None


class Server:
    def __init__(self, phrases, workers):
        self.phrases = phrases
        # Decoding holds Python's lock: only processes do two things at once.
        self.pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), begin)

    async def serve(self, socket):
        try:
            await self.hear(socket)
        except (Refused, json.JSONDecodeError, UnicodeDecodeError) as error:
            await socket.close(1003, str(error)[:100])
        except websockets.ConnectionClosed:
            pass

    async def hear(self, socket):
        rate, phrases, ends = MODEL_RATE, self.phrases, None
        async for frame in socket:
            if isinstance(frame, bytes):
                ends = ends or Endpointer(rate)
                for is_over, said in ends.hear(frame):
                    await self.answer(socket, phrases, rate, is_over, said)
                continue
            message = json.loads(frame)
            match message:
                case {"config": dict(config)}:
                    if ends and config.get("sample_rate", rate) != rate:
                        raise Refused("sample_rate cannot change once there is audio")
                    rate = config.get("sample_rate", rate)
                    phrases = grammar(config.get("phrase_list", [])) or self.phrases
                case {"eof": _}:
                    last = list(ends.finish()) if ends else []
                    for is_over, said in last or [(True, None)]:
                        await self.answer(socket, phrases, rate, is_over, said)
                    return
                case _:
                    raise Refused("a text frame has config or eof")

    async def answer(self, socket, phrases, rate, is_over, said):
        heard = {"text": ""}
        if said is not None:
            heard = await asyncio.get_running_loop().run_in_executor(self.pool, decode, phrases, rate, said)
        if is_over:
            await socket.send(json.dumps(heard))
        elif heard["text"]:
            await socket.send(json.dumps({"partial": heard["text"]}))


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:2700", help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--phrases", type=pathlib.Path, metavar="FILE", help="hear these, one a line, for clients that name none")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that decode")
    arguments = parser.parse_args()
    host, port = arguments.listen.rsplit(":", 1)
    lines = arguments.phrases.read_text().splitlines() if arguments.phrases else []
    phrases = grammar([line for line in lines if line.strip() and not line.startswith("#")])
    server = Server(phrases, arguments.workers)
    await asyncio.gather(*(asyncio.wrap_future(server.pool.submit(warm_up)) for _ in range(arguments.workers)))
    async with websockets.serve(server.serve, host, int(port), max_size=1 << 20) as listening:
        print(f"recogniser: listening at {host}:{listening.sockets[0].getsockname()[1]}", flush=True)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
    server.pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (KeyboardInterrupt, Refused, OSError) as error:
        sys.exit(f"recogniser: {error or 'stopped'}")
