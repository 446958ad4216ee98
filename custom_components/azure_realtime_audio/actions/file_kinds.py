"""Files that people send in place of samples: as samples they would be noise."""

from collections.abc import Buffer
from typing import Final

# How files begin: at which byte, with what.
_BEGINNINGS: Final = (
    ("WAV", 0, b"RIFF"),
    ("WAV", 0, b"RIFX"),
    ("WAV", 0, b"RF64"),
    ("W64", 0, b"riff\x2e\x91\xcf\x11"),
    ("Ogg", 0, b"OggS"),
    ("MP3", 0, b"ID3"),
    ("FLAC", 0, b"fLaC"),
    ("Matroska", 0, b"\x1aE\xdf\xa3"),
    ("AIFF", 0, b"FORM"),
    ("AU", 0, b".snd"),
    ("CAF", 0, b"caff"),
    ("AMR", 0, b"#!AMR"),
    ("ASF", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ("WavPack", 0, b"wvpk"),
    ("TTA", 0, b"TTA1"),
    ("APE", 0, b"MAC "),
    ("FLV", 0, b"FLV\x01"),
    ("MPEG", 0, b"\x00\x00\x01\xba"),
    ("MP4", 4, b"ftyp"),
    ("Gzip", 0, b"\x1f\x8b\x08"),
)
_TS_PACKET: Final = 188
_MPEG_1: Final = 3
# kbit/s by the index in a frame's header, for layers I to III of MPEG 1 and of MPEG 2.
_BIT_RATES: Final = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_AC3_BIT_RATES: Final = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512),
    *(576, 640),
)
_SAMPLE_RATES_OF_AC3: Final = (48_000, 44_100, 32_000)
# A loud sample may look like the head of a frame; so many in their places do not.
_FRAMES: Final = 3
_HEAD: Final = _FRAMES * 8_192  # of the longest frames


def file_kind(data: Buffer) -> str | None:
    """Return which kind of file this is; None if it may be samples."""
    head = bytes(memoryview(data)[:_HEAD])
    for kind, start, beginning in _BEGINNINGS:
        if head.startswith(beginning, start):
            return kind
    if head[: _FRAMES * _TS_PACKET : _TS_PACKET] == b"G" * _FRAMES:
        return "MPEG"
    for kind, frame_size in (
        ("MP3", _mpeg_frame_size),
        ("AAC", _adts_frame_size),
        ("AC-3", _ac3_frame_size),
    ):
        position, count = 0, 0
        while count < _FRAMES and (size := frame_size(head[position : position + 7])):
            position, count = position + size, count + 1
        if count == _FRAMES:
            return kind
    return None


def _mpeg_frame_size(head: bytes) -> int:
    """Return how long a frame of MPEG audio is by its head; 0 if it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version not in _SAMPLE_RATES or layer == 4 or rate == 3 or not 0 < bit_rate < 15:
        return 0
    bits = _BIT_RATES[version == _MPEG_1, layer][bit_rate - 1] * 1000
    sample_rate = _SAMPLE_RATES[version][rate]
    if layer == 1:
        return (12 * bits // sample_rate + padding) * 4
    samples = 72 if layer == 3 and version != _MPEG_1 else 144
    return samples * bits // sample_rate + padding


def _adts_frame_size(head: bytes) -> int:
    """Return how long a frame of AAC is by its head; 0 if it is none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= 7 else 0


def _ac3_frame_size(head: bytes) -> int:
    """Return how long a frame of AC-3 or E-AC-3 is by its head; 0 if it is none."""
    if len(head) < 6 or head[:2] != b"\x0b\x77":
        return 0
    if head[5] >> 3 > 10:  # E-AC-3
        return (((head[2] & 7) << 8 | head[3]) + 1) * 2
    rate, code = head[4] >> 6, head[4] & 63
    if rate == 3 or code >= 2 * len(_AC3_BIT_RATES):
        return 0
    # Two bytes a word; a frame has 1536 samples.
    words = 96_000 * _AC3_BIT_RATES[code >> 1] // _SAMPLE_RATES_OF_AC3[rate]
    return 2 * (words + (code & 1 if rate == 1 else 0))
