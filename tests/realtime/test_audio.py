"""Sound stays what it was, at another rate or in another coding."""

import base64
from collections.abc import Callable
from io import BytesIO
import wave

from hypothesis import given, settings, strategies as st
import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.azure_realtime_audio.realtime.audio import (
    MAX_BASE64_LENGTH,
    AudioFormat,
    Resampler,
    alaw_decode,
    alaw_encode,
    decode_base64,
    pcm_chunks,
    pcm_duration_ms,
    ulaw_decode,
    ulaw_encode,
    wav_header,
)
from custom_components.azure_realtime_audio.realtime.errors import (
    InvalidAudioError,
    InvalidConfigError,
)

AMPLITUDE = 20_000


def tone(frequency: float, rate: int, seconds: float = 1.0) -> NDArray[np.float64]:
    """Return a sine."""
    moments = np.arange(int(rate * seconds)) / rate
    return np.sin(2 * np.pi * frequency * moments) * AMPLITUDE


def pcm(samples: NDArray[np.float64]) -> bytes:
    """Return PCM16."""
    return samples.round().astype("<i2").tobytes()


def samples(audio: bytes) -> NDArray[np.float64]:
    """Read PCM16."""
    return np.frombuffer(audio, "<i2").astype(float)


def resampled(audio: bytes, source: int, target: int) -> NDArray[np.float64]:
    """Resample the whole at once."""
    resampler = Resampler(source, target)
    return samples(resampler.process(audio) + resampler.flush())


def loudest_beside(audio: NDArray[np.float64], rate: int, frequency: float) -> float:
    """Return the level in dB of the loudest thing that is not the tone."""
    spectrum = np.abs(np.fft.rfft(audio * np.kaiser(len(audio), 14)))
    distance = np.abs(np.fft.rfftfreq(len(audio), 1 / rate) - frequency)
    beside, at = spectrum[distance > 100].max(), spectrum[distance < 50].max()
    return float(20 * np.log10(beside / at))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (16_000, 24_000),
        (24_000, 16_000),
        (48_000, 24_000),
        (44_100, 24_000),
        (22_050, 24_000),
        (8_000, 24_000),
        (24_000, 8_000),
        (11_025, 16_000),
        (24_000, 48_000),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.4, 0.875])
def test_tone_stays_a_tone(source: int, target: int, share: float) -> None:
    """At the same place in time, as loud, for as long, and with nothing beside it.

    `share` is of the band that both rates have: 0.875 is 7 kHz from 16 to 24 kHz.
    """
    frequency = share * min(source, target) / 2
    audio = resampled(pcm(tone(frequency, source)), source, target)
    assert len(audio) == target
    middle = slice(target // 10, -target // 10)
    assert loudest_beside(audio[middle], target, frequency) < -70
    error = np.abs(audio - tone(frequency, target))[middle].max()
    assert error < 0.001 * AMPLITUDE


@pytest.mark.parametrize(
    ("source", "target", "frequency"), [(24_000, 16_000, 9_000), (48_000, 24_000, 15e3)]
)
def test_what_the_slower_rate_cannot_hold_is_gone(
    source: int, target: int, frequency: float
) -> None:
    """A tone above the slower rate's band does not come back as another tone."""
    audio = resampled(pcm(tone(frequency, source)), source, target)
    assert np.abs(audio[target // 10 : -target // 10]).max() < 0.001 * AMPLITUDE


def test_loud_sound_is_clipped() -> None:
    """A square wave overshoots; wrapping around would be a bang."""
    square = np.sign(tone(1_000, 16_000) + 1e-9) * 32_767
    audio = resampled(pcm(square), 16_000, 24_000)
    assert audio.max() == 32_767
    assert audio.min() == -32_768
    # Half a period is twelve samples; away from the edges the sign is the square's.
    assert (audio[6::24][10:-10] > 30_000).all()


@settings(deadline=None)
@given(
    st.sampled_from([(16_000, 24_000), (44_100, 24_000), (24_000, 8_000)]),
    st.lists(st.integers(0, 3_000), max_size=12),
)
def test_chunks_are_the_whole(rates: tuple[int, int], sizes: list[int]) -> None:
    """Chunks of any size, odd ones too, give the same samples, but for their rounding."""
    noise = np.random.default_rng(1).integers(-9_000, 9_000, sum(sizes) // 2)
    audio = noise.astype("<i2").tobytes() + b"\x01" * (sum(sizes) % 2)
    resampler = Resampler(*rates)
    whole = resampler.process(audio) + resampler.flush()
    assert len(whole) == 2 * -(-len(noise) * rates[1] // rates[0])
    parts = b""
    for size in sizes:
        parts += resampler.process(audio[:size])
        audio = audio[size:]
    parts += resampler.flush()
    assert len(parts) == len(whole)
    difference = np.frombuffer(parts, "<i2") - np.frombuffer(whole, "<i2").astype(int)
    assert np.abs(difference).max(initial=0) <= 1


def test_delay_is_short() -> None:
    """From 16 kHz, all but the last 2 ms come out at once."""
    resampler = Resampler(16_000, 24_000)
    said = 0
    for count in range(1, 101):
        said += len(resampler.process(bytes(320)))
        assert pcm_duration_ms(said) >= count * 10 - 3


def test_same_rate_passes_through() -> None:
    """Sample by sample; half a sample waits."""
    resampler = Resampler(24_000, 24_000)
    assert resampler.process(b"\x01") == b""
    assert resampler.process(b"\x02\x03") == b"\x01\x02"
    assert resampler.flush() == b""
    assert resampler.process(b"\x04\x05") == b"\x04\x05"


@pytest.mark.parametrize(
    ("source", "target"),
    [(0, 24_000), (3_999, 24_000), (24_000, 192_001), (16_001, 24_000)],
)
def test_odd_rates_are_refused(source: int, target: int) -> None:
    """Their filter would take seconds to make."""
    with pytest.raises(InvalidConfigError) as raised:
        Resampler(source, target)
    assert raised.value.key == "sample_rate"


# Codes of the ITU's own tables (G.711, tables 1 and 2), as 16 bit samples.
@pytest.mark.parametrize(
    ("sample", "ulaw", "alaw"),
    [
        (0, 0xFF, 0xD5),
        (-1, 0x7E, 0x55),
        (1000, 0xCE, 0xFA),
        (-1000, 0x4E, 0x7A),
        (32767, 0x80, 0xAA),
        (-32768, 0x00, 0x2A),
    ],
)
def test_g711_codes(sample: int, ulaw: int, alaw: int) -> None:
    """Known samples have known codes."""
    audio = np.array([sample], "<i2").tobytes()
    assert ulaw_encode(audio) == bytes([ulaw])
    assert alaw_encode(audio) == bytes([alaw])


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
def test_g711_loses_little(
    encode: Callable[[bytes], bytes], decode: Callable[[bytes], bytes]
) -> None:
    """Every sample comes back within its step, every code as itself."""
    every_sample = np.arange(-32_768, 32_768)
    back = samples(decode(encode(pcm(every_sample.astype(float)))))
    # A step is a sixteenth of its segment: 1/32 of the sample at most, but for the
    # smallest and where the loudest is clipped.
    assert (np.abs(back - every_sample) <= np.abs(every_sample) / 30 + 8).all()
    assert (np.diff(back) >= 0).all()

    codes = bytes(range(256))
    again = encode(decode(codes))
    # mu-law has two zeros.
    assert again.replace(b"\xff", b"\x7f") == codes.replace(b"\xff", b"\x7f")


@pytest.mark.parametrize("encode", [ulaw_encode, alaw_encode])
def test_g711_wants_whole_samples(encode: Callable[[bytes], bytes]) -> None:
    """Half a sample is a mistake of the caller's."""
    with pytest.raises(InvalidAudioError):
        encode(b"\x00")


@pytest.mark.parametrize(
    ("byte_count", "audio_format", "ms"),
    [
        (4_800, AudioFormat.PCM, 100),
        (47, AudioFormat.PCM, 0),
        (800, AudioFormat.PCMU, 100),
        (8_000, AudioFormat.PCMA, 1000),
    ],
)
def test_duration(byte_count: int, audio_format: AudioFormat, ms: int) -> None:
    """A duration is in whole ms, rounded down: the person has heard no more."""
    assert audio_format.duration_ms(byte_count) == ms


def test_chunks_of_pcm() -> None:
    """100 ms unless asked for others."""
    audio = bytes(range(256)) * 40
    assert [len(chunk) for chunk in pcm_chunks(audio)] == [4800, 4800, 640]
    assert [len(chunk) for chunk in pcm_chunks(audio, ms=200)] == [9600, 640]
    assert b"".join(pcm_chunks(audio)) == audio
    assert list(pcm_chunks(b"")) == []


def test_wav_header_of_a_file() -> None:
    """The standard library reads it."""
    audio = bytes(960)
    header = wav_header(16_000, 2, len(audio))
    with wave.open(BytesIO(header + audio)) as file:
        assert file.getframerate() == 16_000
        assert file.getnchannels() == 2
        assert file.getsampwidth() == 2
        assert file.readframes(1000) == audio


def test_wav_header_of_a_stream() -> None:
    """The sizes in the header are the greatest possible."""
    header = wav_header()
    assert len(header) == 44
    assert header[4:8] == header[40:44] == b"\xff" * 4
    assert header[24:28] == (24_000).to_bytes(4, "little")


def test_base64_is_decoded() -> None:
    """Whole samples of PCM16, or any bytes of G.711."""
    assert decode_base64("") == b""
    assert decode_base64("AAEC/w==") == b"\x00\x01\x02\xff"
    assert decode_base64("AA==", sample_bytes=1) == b"\x00"


@pytest.mark.parametrize(
    "audio",
    [
        "AAA",
        "AAAA\n",
        "AA AA",
        "AA-_",
        "data:audio/wav;base64,AAAA",
        "ÄAAA",
        "AA==AAAA",
        "AA==",
        "not base64",
    ],
)
def test_bad_base64_is_refused(audio: str) -> None:
    """Before the service does, which would not say which append it was."""
    with pytest.raises(InvalidAudioError):
        decode_base64(audio)


def test_too_much_audio_is_refused() -> None:
    """15 MiB is what one event may carry."""
    most = base64.b64encode(bytes(MAX_BASE64_LENGTH // 4 * 3)).decode()
    assert len(most) == 15 * 1024 * 1024
    assert len(decode_base64(most)) == MAX_BASE64_LENGTH // 4 * 3
    with pytest.raises(InvalidAudioError, match="15 MiB"):
        decode_base64(most + "AAAAAAAA")  # whole samples


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_audio_format(audio_format: AudioFormat) -> None:
    """Silence stays silence, of the same duration."""
    silence = audio_format.from_pcm(bytes(2 * audio_format.rate))
    assert audio_format.duration_ms(len(silence)) == 1000
    decoded = samples(audio_format.to_pcm(silence))
    assert len(decoded) == audio_format.rate
    assert np.abs(decoded).max() <= 8
