"""The recogniser hears what the customers of the cast say, over the telephone, and refuses what it cannot do."""

import array
import json
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import unittest

import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from telephone import CHUNK_S, FOLDER, RATE, Program, chunks, heard

sys.path.insert(0, str(FOLDER))
import voices  # noqa: E402

SILENCE = bytes(2 * RATE)
# What the survey expects besides what is said to the language model.
PHRASES = ["one", "two", "three", "four", "five", "go ahead", "call me later", "yes please"]


def words(text):
    return " ".join(re.findall(r"[a-z']+", text.lower()))


class Recogniser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.server = cls.enterClassContext(Program("recogniser.py"))
        customers = sum(yaml.safe_load((FOLDER / "customers.yaml").read_text()).values(), [])
        voices.speak_all(customers, pathlib.Path(cls.folder.name))
        remarks = sorted(voices.remarks(customers))
        cls.said = {said: heard(pathlib.Path(cls.folder.name) / said[0] / voices.file_name(said[1])) for said in remarks}
        phrases = (FOLDER / "appointment.phrases").read_text().splitlines()
        cls.phrases = PHRASES + [phrase for phrase in phrases if not phrase.startswith("#")]

    def call(self, **config):
        socket = self.enterContext(connect(f"ws://{self.server.address}"))
        socket.send(json.dumps({"config": {"sample_rate": RATE, "phrase_list": self.phrases} | config}))
        return socket

    def said_to(self, socket, audio, wait=False):
        """Says something, then nothing for a second. Returns the text."""
        for chunk in chunks(bytes(RATE // 2) + audio):
            socket.send(chunk)
            time.sleep(CHUNK_S if wait else 0)
        socket.send(SILENCE)
        while "text" not in (answer := json.loads(socket.recv(timeout=30))):
            self.assertIn("partial", answer)
        return answer["text"]

    def test_every_remark_of_the_cast_is_heard(self):
        socket = self.call()
        wrong = {}
        for (voice, text), audio in self.said.items():
            got = self.said_to(socket, audio)
            if got != words(text):
                wrong[voice, text] = got
        self.assertEqual(wrong, {})

    def test_calls_at_once_do_not_hear_each_other(self):
        results = {}

        def talk(key, audio):
            results[key] = self.said_to(self.call(), audio, wait=True)

        threads = [threading.Thread(target=talk, args=item) for item in list(self.said.items())[:8]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {key: words(key[1]) for key in results})

    def test_noise_and_silence_are_no_words_and_eof_asks_for_the_last(self):
        socket = self.call()
        socket.send(SILENCE)
        got = self.said_to(socket, b"\x40\x06\xc0\xf9" * 50)
        self.assertEqual(got, "")
        for chunk in chunks(self.said["slt", "Yes, please."]):
            socket.send(chunk)
        socket.send(json.dumps({"eof": 1}))
        texts = [json.loads(answer).get("text") for answer in socket]
        self.assertEqual(texts[-1], "yes please")

    def test_the_hiss_of_an_idle_line_is_not_decoded(self):
        chance = random.Random(1)
        hiss = array.array("h", (chance.randint(-9, 9) for _ in range(2 * RATE))).tobytes()
        socket = self.call()
        socket.send(hiss)
        socket.send(json.dumps({"eof": 1}))
        self.assertEqual([json.loads(answer) for answer in socket], [{"text": ""}])

    def test_spellings_without_apostrophe_are_known_and_foreign_ones_left_out(self):
        socket = self.call(phrase_list=["dont call me again", "yes please", "别再打了"])
        got = self.said_to(socket, self.said["rms", "Don't call me again."])
        self.assertEqual(got, "don't call me again")

    def test_what_cannot_be_done_is_refused_with_the_reason(self):
        for config, reason in [
            ({"sample_rate": 44_100}, "sample_rate"),
            ({"phrase_list": ["别再打了"]}, "none of the phrases"),
            ({"phrase_list": "yes"}, "phrase_list"),
        ]:
            socket = self.call(**config)
            with self.assertRaises(ConnectionClosed) as closed:
                socket.send(SILENCE)
                socket.recv(timeout=30)
            self.assertIn(reason, closed.exception.rcvd.reason)
        socket = self.call()
        socket.send("rubbish")
        with self.assertRaises(ConnectionClosed):
            socket.recv(timeout=30)


if __name__ == "__main__":
    unittest.main()
