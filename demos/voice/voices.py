"""Voices the customers: every text that one of them says becomes a WAV file, spoken by flite, where `peal-carrier --cast` looks for it."""

import re
import subprocess


def file_name(text):
    """Letters and digits in lower case, apostrophes left out, a hyphen for anything else between them."""
    words = re.findall(r"[^\W_]+", text.lower().replace("'", ""))
    return "-".join(words) + ".wav"


def remarks(customers):
    """Voice and text of everything that is said."""
    return {(one["voice"], act["text"]) for one in customers for act in one.get("acts", []) if act["do"] == "say"}


def speak(voice, text, file):
    """Makes the file, unless it is there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", partial], check=True)
        partial.rename(file)


def speak_all(customers, folder):
    """FOLDER/VOICE/the-words.wav, for everything."""
    for voice, text in sorted(remarks(customers)):
        speak(voice, text, folder / voice / file_name(text))
