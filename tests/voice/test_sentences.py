"""Where the sentences of a text end that is read aloud."""

from collections.abc import AsyncGenerator
import time

import pytest

from custom_components.azure_realtime_audio.voice.sentences import async_sentences


async def sentences(text: str, letters: int) -> list[str]:
    """Return what is read in one go of a text that is written so many letters at a time."""

    async def writing() -> AsyncGenerator[str]:
        for start in range(0, len(text), letters):
            yield text[start : start + letters]

    return [sentence async for sentence in async_sentences(writing())]


@pytest.mark.parametrize("letters", [1, 3, 1000])
@pytest.mark.parametrize(
    "expected",
    [
        ["Am 3. Mai ist z. B. Prof. Meier da.", "Gut so."],
        ["Es ist 8.30 Uhr.", "Um neun regnet es."],
        ["Um 3 Uhr.", "2 Leute kommen."],
        ["Ludwig XIV. von Frankreich kam.", "Er ging."],
        ["J. R. R. Tolkien lives.", "Yes."],
        ["Dr. Who is late.", "He said 3.14 twice."],
        ["Es sind max. 5 und min. 2 Grad.", "Gut."],
        ["Im Bad sind es 21 °C.", "Die Luft ist feucht."],
        ["Er sagte „Hallo.“", "Dann ging er."],
        ["Ja.", "Ok.", "Turn on the TV.", "Then go."],
        ["Hola.", "¿Qué pasa?", "Nada."],
        ["مرحبا؟", "نعم جيد.", "لا"],
        ["آج اچھا ہے۔", "کل"],
        ["आज मौसम अच्छा है।", "कल बारिश होगी।"],
        ["გამარჯობა.", "როგორ ხარ?", "კარგად."],
    ],
)
async def test_ends(expected: list[str], letters: int) -> None:
    """Each sentence is read by itself, and no sentence is torn."""
    assert await sentences(" ".join(expected), letters) == expected


@pytest.mark.parametrize("letters", [1, 1000])
async def test_no_blanks(letters: int) -> None:
    """Chinese and Japanese put no blank after a sentence."""
    assert await sentences("今天很好。明天！", letters) == ["今天很好。", "明天！"]


@pytest.mark.parametrize(
    "text", ["It is good. ", "word ", "今天天气很好。", "1. ", "\n"]
)
async def test_long_texts(text: str) -> None:
    """The time grows with the length of a text, and not with its square."""
    began = time.process_time()
    await sentences(text * (80_000 // len(text)), 80_000)
    assert time.process_time() - began < 1
