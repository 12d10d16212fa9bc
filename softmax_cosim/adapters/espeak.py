"""Speech of known words: text read out by eSpeak NG, a speech synthesiser.

The package ``espeakng-loader`` (eSpeak NG is GPL-3.0-or-later) carries the library and its voices;
they are called through ``ctypes``, as ``speak_lib.h`` and ``espeak_ng.h`` of eSpeak NG 1.52
declare them.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.adapters import Float, require
from softmax_cosim.configs import UsageError

__all__ = ["PACKAGE", "VERSION", "resample", "say"]

PACKAGE, VERSION = "espeakng-loader", "0.2.4"
SYNCHRONOUS, DONT_EXIT = 2, 0x8000
"""``AUDIO_OUTPUT_SYNCHRONOUS``: samples come through a callback, within the call that speaks;
``espeakINITIALIZE_DONT_EXIT``."""
RATE, CHARACTER, UTF8 = 1, 1, 1
"""``espeakRATE``, ``POS_CHARACTER``, ``espeakCHARS_UTF8``."""
SEED = 1
"""Of the noise in hissing sounds."""


def say(text: str, *, voice: str = "en-us", words_a_minute: int = 150, rate: int = 16000) -> Float:
    """Text, read out; the same samples each time.

    Args:
        text: what to say.
        voice: language and, behind a plus sign, a variant: ``en-us+f3``.
        words_a_minute: how fast.
        rate: samples a second.

    Returns:
        Samples in -1 .. 1, one dimension.

    Raises:
        UsageError: eSpeak NG is not installed, lacks the voice, or finds nothing to say.
    """
    loader = require("espeakng_loader", "speech")
    # The library goes on where the last sound wave ended and has no way to begin anew: each text
    # is read by a copy of its own.
    with tempfile.TemporaryDirectory(prefix="cosim-") as folder:
        copy = shutil.copy(loader.get_library_path(), Path(folder) / "espeak")
        library = ctypes.CDLL(str(copy))
    parts: list[Any] = []

    def listen(samples: Any, count: int, _events: Any) -> int:
        if samples and count:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    short = ctypes.POINTER(ctypes.c_short)
    hear = ctypes.CFUNCTYPE(ctypes.c_int, short, ctypes.c_int, ctypes.c_void_p)(listen)
    own_rate = library.espeak_Initialize(SYNCHRONOUS, 0, loader.get_data_path().encode(), DONT_EXIT)
    try:
        library.espeak_SetSynthCallback(hear)
        library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        if own_rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
            raise UsageError(f"eSpeak NG has no voice {voice!r}; try en-us")
        library.espeak_SetParameter(RATE, words_a_minute, 0)
        data = text.encode() + b"\0"
        size = ctypes.c_size_t(len(data))
        library.espeak_Synth(data, size, 0, CHARACTER, 0, UTF8, None, None)
    finally:
        library.espeak_Terminate()
    if not any(part.any() for part in parts):
        raise UsageError(f"eSpeak NG finds nothing to say in {text!r}; write words")
    return resample(np.concatenate(parts), own_rate, rate)


def resample(samples: Any, rate: int, wanted: int) -> Float:
    """Samples at another rate, band-limited.

    Args:
        samples: 16-bit integers, one dimension.
        rate: their samples a second.
        wanted: samples a second to return.

    Returns:
        Samples in -1 .. 1.
    """
    size = round(len(samples) * wanted / rate)
    spectrum = np.fft.rfft(samples / 2**15)[: size // 2 + 1]
    return (np.fft.irfft(spectrum, size) * (size / len(samples))).astype(np.float32)
