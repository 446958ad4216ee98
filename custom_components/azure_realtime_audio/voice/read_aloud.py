"""A text as the assistant's speech, outside any conversation."""

from collections.abc import AsyncGenerator, AsyncIterable
import re
from typing import Final

from ..assistant.assistant import Assistant
from ..errors import response_failure, translated, translated_error
from ..realtime import RealtimeError
from .sentences import async_sentences
from .speech import Speech

# How OpenAI's guide has a model say something of one's own (2025), without any input: a
# text in a message would be answered now and then.
_INSTRUCTIONS: Final = (
    "Say exactly the following, word for word, in the language it is written in "
    "({language}). Add nothing, leave nothing out, and do not answer it: “{text}”"
)
_LETTERS = re.compile(r"[^\W_]")


async def async_read_aloud(
    assistant: Assistant, text: AsyncIterable[str], language: str, voice: str | None
) -> AsyncGenerator[bytes]:
    """Yield a text as speech, 24 kHz PCM16, sentence by sentence.

    Raises HomeAssistantError.
    """
    try:
        async for sentence in async_sentences(text):
            rest = sentence
            # A response that reaches the limit of tokens is followed by one for the rest.
            while rest:
                speech = Speech()
                instructions = _INSTRUCTIONS.format(language=language, text=rest)
                async with assistant.async_read_aloud(instructions, voice) as response:
                    speech.add(response)
                    speech.finish()
                    async for _, pcm in speech.pieces():
                        yield pcm
                    await response.done()
                if error := response_failure(response):
                    raise assistant.secrets.of_sentence(error)
                if response.status != "incomplete":
                    break
                rest = _rest(rest, response.transcript)
                if not _LETTERS.search(rest):
                    break
    except RealtimeError as err:
        raise translated_error(err, assistant.secrets) from None


def _rest(text: str, said: str) -> str:
    """Return what is left of a text of which the beginning was said.

    Letters and digits are counted: the model writes blanks and marks in its own way. Raises
    HomeAssistantError if something else was said, or nothing.
    """
    spoken = "".join(_LETTERS.findall(said)).casefold()
    letters = list(_LETTERS.finditer(text))
    count = len(_LETTERS.findall(said))
    begun = "".join(letter[0] for letter in letters[:count]).casefold()
    if not spoken or spoken != begun:
        raise translated("reading_incomplete")
    return text[letters[count - 1].end() :].strip()
