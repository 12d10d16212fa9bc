"""Speech of known words."""

import time

import numpy as np
import pytest

from softmax_cosim.adapters import espeak
from softmax_cosim.configs import UsageError


def test_the_same_words_sound_the_same_whatever_was_said_before():
    first = espeak.say("She sells sea shells.", voice="en-us+f3")
    espeak.say("Something else.")
    time.sleep(1.1)  # of itself it would hiss otherwise in another second
    np.testing.assert_array_equal(espeak.say("She sells sea shells.", voice="en-us+f3"), first)
    assert first.dtype == np.float32
    assert 0.1 < np.abs(first).max() <= 1


def test_rate_and_pace():
    words = "One, two, three, four, five."
    slow, fast = (len(espeak.say(words, words_a_minute=pace)) for pace in (100, 200))
    assert 16000 < fast < 0.7 * slow
    assert len(espeak.say(words, words_a_minute=100, rate=8000)) == pytest.approx(slow / 2, abs=1)


def test_a_voice_that_is_not_there():
    with pytest.raises(UsageError, match=r"^eSpeak NG has no voice 'xx'; try en-us$"):
        espeak.say("Hello.", voice="xx")


def test_nothing_to_say():
    with pytest.raises(UsageError, match=r"finds nothing to say in '\.\.\.'; write words$"):
        espeak.say("...")


@pytest.mark.parametrize(("rate", "wanted"), [(48000, 16000), (22050, 16000), (8000, 16000)])
def test_a_tone_stays_a_tone_at_another_rate(rate, wanted):
    tone = lambda rate: 0.5 * np.sin(2 * np.pi * 100 * np.arange(rate) / rate)  # noqa: E731
    got = espeak.resample(np.rint(tone(rate) * 2**15).astype(np.int16), rate, wanted)
    np.testing.assert_allclose(got, tone(wanted), atol=1e-4)
