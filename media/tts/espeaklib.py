"""The eSpeak NG library by ctypes: text to sound, and a word to its sounds.

The library keeps one state for the whole process, so everything here must be called from one thread at a
time. Constants and structures are those of `espeak-ng/speak_lib.h` (1.52).
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_short, c_uint, c_void_p

from callflow.errors import ProviderError, ProviderRefused

BUFFER_MS = 60  # sound per callback; it is computed in 0.1 ms, so a smaller one only wakes the loop more
SYNCHRONOUS = 2  # callbacks come in the calling thread, before `espeak_Synth` returns
DONT_EXIT = 0x8000  # report a missing data directory instead of ending the process
UTF8 = 1
END_PAUSE = 0x1000  # a sentence ends with the pause that sets it off from the next
RATE, VOLUME = 1, 2  # of `espeak_PARAMETER`
END_OF_LIST, WORD = 0, 1  # of `espeak_EVENT_TYPE`
IPA_WITH_UNDERSCORES = 0x02 | ord("_") << 8

Sink = Callable[[bytes, tuple[tuple[int, int], ...]], bool]
"""Takes PCM at the library's rate and the words that begin in it, each as `(character of the text counted
from 0, sample counted from the text's beginning)`; returns False to stop the synthesis."""


class _Identity(ctypes.Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class Espeak:
    """The library, loaded and initialised. `rate` is the samples a second of what it speaks."""

    def __init__(self, library: str, data: str) -> None:
        """Load `library` with the voices in `data`. Raises `ProviderError`."""
        try:
            self._lib = ctypes.CDLL(library)
        except OSError as error:
            raise ProviderError(f"eSpeak NG cannot be loaded: {error}") from error
        self._declare()
        self.rate = self._lib.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data.encode(), DONT_EXIT)
        if self.rate <= 0:
            raise ProviderError(f"eSpeak NG finds no voices in {data}: install callflow[embedded] again")
        self._sink: Sink | None = None
        self._callback = _Callback(self._heard)  # kept here: the library holds only its address
        self._lib.espeak_SetSynthCallback(self._callback)

    def _declare(self) -> None:
        synth, phonemes = self._lib.espeak_Synth, self._lib.espeak_TextToPhonemes
        synth.argtypes = (c_char_p, ctypes.c_size_t, c_uint, c_int, c_uint, c_uint, c_void_p, c_void_p)
        phonemes.argtypes = (POINTER(c_char_p), c_int, c_int)
        phonemes.restype = c_char_p

    def use(self, voice: str, *, words_per_minute: int = 165, volume: int = 100) -> None:
        """Choose the voice (`en-us`, `uk`) and how it speaks; `volume` 100 is the library's own."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ProviderRefused(f"eSpeak NG has no voice {voice!r}")
        self._lib.espeak_SetParameter(RATE, words_per_minute, 0)
        self._lib.espeak_SetParameter(VOLUME, volume, 0)

    def speak(self, text: str, sink: Sink) -> None:
        """Speak `text` into `sink`, piece by piece, before this returns. `sink` must not raise."""
        encoded = text.encode()
        self._sink = sink
        try:
            status = self._lib.espeak_Synth(
                encoded, len(encoded) + 1, 0, 1, 0, UTF8 | END_PAUSE, None, None
            )  # position type 1: characters
        finally:
            self._sink = None
        if status != 0:
            raise ProviderError(f"eSpeak NG refused to speak (status {status})")

    def phonemes(self, word: str) -> tuple[str, ...]:
        """The sounds of `word` in the chosen voice as IPA symbols, stress marks removed."""
        text = c_char_p(word.encode())
        found = self._lib.espeak_TextToPhonemes(ctypes.byref(text), UTF8, IPA_WITH_UNDERSCORES)
        plain = (found or b"").decode().translate({ord("ˈ"): None, ord("ˌ"): None})
        return tuple(symbol for symbol in plain.replace(" ", "_").split("_") if symbol)

    def _heard(self, wave: ctypes._Pointer[c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        """The library's callback: 0 asks for more, 1 ends the synthesis."""
        if self._sink is None:
            return 1
        pcm = ctypes.string_at(wave, count * 2) if wave and count > 0 else b""
        return 0 if self._sink(pcm, _words(events)) else 1


def _words(events: ctypes._Pointer[_Event]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    index = 0
    while (event := events[index]).type != END_OF_LIST:
        if event.type == WORD:
            found.append((event.text_position - 1, event.sample))
        index += 1
    return tuple(found)


def require() -> None:
    """Raise `ProviderRefused` when the wheel with the library is not installed."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise ProviderRefused("The embedded voice is not installed: pip install 'callflow[embedded]'")


@functools.cache
def load() -> Espeak:
    """The one library of this process, loaded when first wanted (10 ms). Raises `ProviderError`."""
    require()
    import espeakng_loader  # optional, so not at the top

    return Espeak(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
