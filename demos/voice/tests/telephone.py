"""What is left of a voice on the telephone: 8 kHz, G.711 µ-law, linear again. And programs to talk to."""

import array
import math
import pathlib
import subprocess
import sys
import wave

FOLDER = pathlib.Path(__file__).parent.parent
RATE = 8_000
CHUNK_S = 0.1


def mu_law(sample):
    """ITU-T G.711, there and back."""
    magnitude = min(abs(sample), 32_635) + 0x84
    segment = magnitude.bit_length() - 8
    step = magnitude >> (segment + 3)
    value = (((step & 0x0F | 0x10) << 3) + 4 << segment) - 0x84
    return -value if sample < 0 else value


def halved(samples):
    """16 kHz to 8 kHz, through a low pass of 31 taps at 3.6 kHz."""
    taps = [0.45 * (1.0 if n == 0 else math.sin(math.pi * 0.45 * n) / (math.pi * 0.45 * n)) for n in range(-15, 16)]
    taps = [tap * (0.54 + 0.46 * math.cos(math.pi * n / 16)) for n, tap in zip(range(-15, 16), taps)]
    padded = array.array("h", bytes(30)) + samples + array.array("h", bytes(30))
    return [int(sum(tap * padded[at + n] for n, tap in enumerate(taps))) for at in range(0, len(samples), 2)]


def heard(file):
    """A WAV file of 16 kHz as the other end of a telephone line hears it: linear, 8 kHz."""
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1), file
        samples = array.array("h", sound.readframes(sound.getnframes()))
    return array.array("h", map(mu_law, halved(samples))).tobytes()


def chunks(audio):
    """100 ms each."""
    size = int(2 * RATE * CHUNK_S)
    return [audio[at : at + size] for at in range(0, len(audio), size)]


class Program:
    """A server of this folder, which says where it listens in its first line."""

    def __init__(self, name, *arguments, python=sys.executable):
        command = [python, FOLDER / name, "--listen", "127.0.0.1:0", *arguments]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if " at " not in line:
            raise AssertionError(f"{name} does not start: {line}")
        self.address = line.strip().rsplit(" at ", 1)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()
