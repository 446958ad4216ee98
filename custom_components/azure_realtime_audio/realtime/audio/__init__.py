"""Audio as the service speaks it: PCM16 mono little-endian at 24 kHz, or G.711 at 8 kHz.

NumPy takes longer to import than all of the client, so functions that need it import it. A
program with an event loop should import it before, in another thread.
"""

from .g711 import (
    G711_SAMPLE_RATE,
    AudioFormat,
    alaw_decode,
    alaw_encode,
    ulaw_decode,
    ulaw_encode,
)
from .pcm import (
    BYTES_PER_SECOND,
    MAX_BASE64_LENGTH,
    SAMPLE_RATE,
    decode_base64,
    pcm_chunks,
    pcm_duration_ms,
    wav_header,
)
from .resampler import Resampler

__all__ = [
    "BYTES_PER_SECOND",
    "G711_SAMPLE_RATE",
    "MAX_BASE64_LENGTH",
    "SAMPLE_RATE",
    "AudioFormat",
    "Resampler",
    "alaw_decode",
    "alaw_encode",
    "decode_base64",
    "pcm_chunks",
    "pcm_duration_ms",
    "ulaw_decode",
    "ulaw_encode",
    "wav_header",
]
