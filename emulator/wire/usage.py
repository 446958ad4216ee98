"""Tokens: a letter count for text, time for audio (10 a second heard, 20 a second spoken)."""

from dataclasses import dataclass
from typing import Any

from .audio import duration_ms


@dataclass(frozen=True)
class Tokens:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """Return their sum."""
        return self.text + self.audio + self.image

    def __add__(self, other: Tokens) -> Tokens:
        """Add kind by kind."""
        return Tokens(
            self.text + other.text, self.audio + other.audio, self.image + other.image
        )


def text_tokens(text: str) -> int:
    """Return about a token for four letters."""
    return -(-len(text) // 4)


def audio_tokens(pcm: bytes | bytearray, *, spoken_by_model: bool) -> int:
    """Return a token for each begun 50 ms that the model speaks, or 100 ms that it hears."""
    return -(-duration_ms(pcm) // (50 if spoken_by_model else 100))


def usage(input_tokens: Tokens, cached: Tokens, output: Tokens) -> dict[str, Any]:
    """Return the `usage` object of a response."""
    return {
        "total_tokens": input_tokens.total + output.total,
        "input_tokens": input_tokens.total,
        "output_tokens": output.total,
        "input_token_details": {
            "text_tokens": input_tokens.text,
            "audio_tokens": input_tokens.audio,
            "image_tokens": input_tokens.image,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": cached.image,
            },
        },
        "output_token_details": {
            "text_tokens": output.text,
            "audio_tokens": output.audio,
        },
    }


def transcription_usage(
    model: str, pcm: bytes | bytearray, transcript: str
) -> dict[str, Any]:
    """Return the `usage` of a transcript: whisper is paid by the second, others by the token."""
    if model.startswith("whisper"):
        return {"type": "duration", "seconds": duration_ms(pcm) / 1000}
    heard, written = audio_tokens(pcm, spoken_by_model=False), text_tokens(transcript)
    return {
        "type": "tokens",
        "total_tokens": heard + written,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": written,
    }
