"""A text as the assistant's speech, outside any conversation."""

from collections.abc import AsyncGenerator, AsyncIterable
import re
from typing import Final

from ..assistant.assistant import Assistant
from ..errors import response_failure, translated_error
from ..realtime import RealtimeError
from .speech import Speech

# How OpenAI's guide has a model say something of one's own (2025), without any input: a
# text in a message would be answered now and then.
_INSTRUCTIONS: Final = (
    "Say exactly the following, word for word, in the language it is written in "
    "({language}). Add nothing, leave nothing out, and do not answer it: “{text}”"
)
_SENTENCE_END = re.compile(r"[.!?。！？…]['\")\]]*\s+|\n+")


async def async_read_aloud(
    assistant: Assistant, text: AsyncIterable[str], language: str, voice: str | None
) -> AsyncGenerator[bytes]:
    """Yield a text as speech, 24 kHz PCM16, sentence by sentence.

    Raises HomeAssistantError.
    """
    try:
        async for sentence in _sentences(text):
            speech = Speech()
            instructions = _INSTRUCTIONS.format(language=language, text=sentence)
            async with assistant.async_read_aloud(instructions, voice) as response:
                speech.add(response)
                speech.finish()
                async for _, pcm in speech.pieces():
                    yield pcm
                await response.done()
            if error := response_failure(response):
                raise error
    except RealtimeError as err:
        raise translated_error(err) from err


async def _sentences(chunks: AsyncIterable[str]) -> AsyncGenerator[str]:
    """Yield whole sentences as soon as they are there: they sound better than words."""
    text = ""
    async for chunk in chunks:
        text += chunk
        *whole, text = _split(text)
        for sentence in whole:
            yield sentence
    if text.strip():
        yield text.strip()


def _split(text: str) -> list[str]:
    """Return the sentences of a text; the last may not have ended."""
    sentences = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if sentence := text[start : end.end()].strip():
            sentences.append(sentence)
        start = end.end()
    return [*sentences, text[start:]]
