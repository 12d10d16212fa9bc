"""What was said? Whisper tiny.en on a novel's first sentence, read by a person, and on plain ones.

The person reads Dickens, *A Tale of Two Cities* (1859), in a sound file that ``moonshine-voice``
carries; it is cut at the reader's pauses. The plain sentences were written for this purpose and
are read out by eSpeak NG, which a listener would call robotic: hence most of the errors.
"""

from __future__ import annotations

import re
import wave
from functools import cached_property
from typing import Any

import numpy as np

from softmax_cosim.adapters import Float, espeak, package_file
from softmax_cosim.adapters.whisper import RATE, Whisper
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Task, ratio
from softmax_cosim.eval.data import edits

PACKAGE, VERSION, FILE = "moonshine-voice", "0.1.5", "two_cities.wav"
READ = (
    (4.80, "It was the best of times, it was the worst of times,"),
    (8.50, "it was the age of wisdom, it was the age of foolishness,"),
    (13.20, "it was the epoch of belief, it was the epoch of incredulity,"),
    (17.10, "it was the season of Light, it was the season of Darkness,"),
    (20.85, "it was the spring of hope, it was the winter of despair,"),
    (24.35, "we had everything before us, we had nothing before us,"),
    (28.70, "we were all going direct to Heaven, we were all going direct the other way -"),
    (
        44.37,
        "in short, the period was so far like the present period, that some of its noisiest "
        "authorities insisted on its being received, for good or for evil, in the superlative "
        "degree of comparison only.",
    ),
)
"""Seconds at which a clip of the file ends, and what is said in it."""
SPOKEN = """\
The old man walked slowly along the beach and looked at the grey sea.
Please put the blue cups on the table before the guests arrive this evening.
She opened the window because the room had become too warm for sleeping.
Our train leaves the station early in the morning, so we must wake up soon.
The children built a small boat out of wood and sailed it across the pond.
He forgot his umbrella at home and came back completely wet from the rain.
Most people in the village grow their own vegetables behind the house.
The doctor told him to drink more water and to go for a walk every day.
A good book can keep you company on a long and lonely winter night.
They followed the narrow path through the forest until they reached the river.
My sister plays the piano very well, but she never sings in front of others.
The farmer sold his horses last spring and bought a second hand tractor.
When the music stopped, everyone in the hall stood up and began to clap.
It takes about an hour to drive from the city to the nearest mountain.
The teacher wrote a long question on the board and waited for an answer.
We had bread, cheese and apples for lunch, and then we slept in the shade.
The museum is closed on Monday, but the garden stays open all week.
Nobody knew who had left the heavy suitcase in the middle of the hallway.
A cold wind blew from the north, and the first snow fell on the roofs.
He counted the money twice before he handed it over to the shopkeeper.
The cat sat quietly by the fire while the dog ran around in the yard.
You can see the whole valley from the top of the tower on a clear day.
The ship carried coffee and sugar across the ocean to a distant port.
After the storm, the fishermen spent three days mending their broken nets.
""".splitlines()
VOICES = ("en-us", "en-us+f2", "en-us+m3", "en-us+f3")
"""Of eSpeak NG, in turns."""
EACH = len(SPOKEN) // len(READ)
"""Plain sentences before each clip of the novel."""


def make() -> Task:
    """Look for the model and for who speaks.

    Raises:
        UsageError: the model, the sound file or eSpeak NG is not installed.
    """
    return Speech()


class Speech:
    """See :class:`.eval.Task`. A prediction is the text that was heard."""

    name = "speech"
    title = "Whisper tiny.en: words of speech"
    batch = 2

    def __init__(self) -> None:
        """Look for the model and for who speaks."""
        self._model = Whisper()
        self._file = package_file(PACKAGE, VERSION, FILE)
        espeak.say("Yes.")
        self._texts = []
        for place, (_, text) in enumerate(READ):
            self._texts += [*SPOKEN[place * EACH : (place + 1) * EACH], text]
        self.source = (
            f"{self._model.source}; {len(READ)} clips of PyPI {PACKAGE}=={VERSION} (MIT), "
            f"{len(SPOKEN)} sentences by PyPI {espeak.PACKAGE}=={espeak.VERSION} (GPL-3.0-or-later)"
        )
        self.metrics = (Metric("word error rate", "lower", "%", self._errors, ratio),)

    def __len__(self) -> int:
        """Clips."""
        return len(self._texts)

    def predict(self, examples: range, softmax: Softmax | None) -> list[str]:
        """What is heard in each clip; a model that goes on and on is stopped."""
        spectra = self._model.listen([self._clip(i) for i in examples])
        return [
            self._model.transcribe(spectrum, 2 * len(words(self._texts[i])) + 16, softmax)
            for i, spectrum in zip(examples, spectra, strict=True)
        ]

    def agreement(self, ours: str, float_: str) -> tuple[float, float]:
        """Whether both heard the same words."""
        return float(words(ours) == words(float_)), 1

    def _errors(self, example: int, text: Any) -> tuple[float, float]:
        said = words(self._texts[example])
        return edits(said, words(text)), len(said)

    def _clip(self, example: int) -> Float:
        """Samples at 16 kHz."""
        place, part = divmod(example, EACH + 1)
        if part == EACH:
            start, end = (int(self._times[place + after] * RATE) for after in (0, 1))
            return self._novel[start:end]
        return espeak.say(self._texts[example], voice=VOICES[example % len(VOICES)], rate=RATE)

    @cached_property
    def _times(self) -> list[float]:
        return [0.0, *(end for end, _ in READ)]

    @cached_property
    def _novel(self) -> Float:
        with wave.open(str(self._file)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return espeak.resample(samples, file.getframerate(), RATE)


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())
