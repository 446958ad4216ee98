"""Where the sentences of a text end that may still be being written."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
import re
from typing import Final

from sentence_stream import SentenceBoundaryDetector

# What is read in one go. A response has a limit of tokens, and the library looks at all it holds
# with each piece: texts without an end are cut between two words.
_MOST_LETTERS: Final = 400
_PIECE = re.compile(r".{1,100}(?:\s{1,20}|$)|.{1,100}", re.DOTALL)

# Ends that the library does not know, or only before a capital: the marks of other scripts, with
# or without a blank; ! and ? before anything; a full stop before a digit, an opening mark or a
# script without capitals; the end of a line.
_CLOSERS = r"['\"’”“‘»›«‹)\]}*]*"
_END = re.compile(
    rf"[؟۔।॥։።။។｡]+{_CLOSERS}\s*(?=\S)"
    rf"|[!?]+{_CLOSERS}\s+(?=\S)"
    rf"|[.…]+{_CLOSERS}\s+(?=[\d¿¡\"'„“‘«»‹(\[*—–\u10a0-\u10ff])"
    # Up to three letters with a capital are an abbreviation to the library; these are words.
    r"|(?:(?<=\bUhr)|(?<=\bTag)|(?<=\bBad)|(?<=\bTür)|(?<=\bSie)|(?<=\bJa)|(?<=\bO[Kk])|(?<=\bTV)"
    r"|(?<=°[CF]))\.\s+(?=\w)"
    # A quotation that ends the sentence, in marks that the library does not know.
    r"|[.…]+[“‘»›«‹]\s+(?=[A-ZÄÖÜ])"
    r"|[^\S\n]*\n\s*(?=\S)"
)
# Whether these are an end is only known with what follows.
_MOST_UNDECIDED: Final = 20
_UNDECIDED = re.compile(
    rf"(?:[.…!?؟۔।॥։።။។｡]+{_CLOSERS}\s*|\s+|°(?:[CF](?:\.\s*)?)?|\b[A-ZÄÖÜ]\w?\w?(?:\.\s*)?)$"
)

# What is no end although a capital or a digit may follow: ordinals ("am 3. Mai", "Ludwig XIV."),
# initials and what is written in single letters ("z. B."), titles and abbreviations.
_ABBREVIATIONS: Final = (
    # German
    "abb abs abt allg anm art aufl bd bearb bes betr bspw bsp bzgl bzw ca dgl dipl ebd einschl engl "
    "etc evtl exkl fa fam ff frl gegr geb ges gest ggf hl hr hrn hrsg inkl ing insb jh jhd kap lt max min "
    "mio mrd nr phil pos priv prof rd rer sog st "
    "std str tel ten tsd u.a usf usw verf vgl vol vorm zb zit zt zzgl zzt "
    # Months and days, as they are cut
    "jan feb mär apr jun jul aug sep sept okt oct nov dez dec "
    # English
    "dr mr mrs ms jr sr rev gen col capt lt sgt gov sen rep hon no vs fig ed eds approx dept est "
    "ave blvd rd mt ft "
    # Dutch, Scandinavian, French, Spanish, Italian, Portuguese
    "bijv dhr mevr mw drs ir jl nl resp blz "
    "f.eks bl.a d.v.s dvs kl osv mfl iflg "
    "mme mlle mm env p.ex av "
    "sra srta dra ud uds pág núm sig sigra dott avv ecc pag "
    # Polish, Czech, Slovak, Slovene, Croatian, Hungarian
    "np tzn tzw ul godz prof mgr inż hab tj tzv napr např mj čl odst str ing mudr oz npr itd sv kb "
)
_NO_END = re.compile(
    r"(?:^|[\s(„“\"'/–-])(?:\d{1,2}|[IVXL]+|(?:\w\.)*[^\W\d_]|(?:"
    + "|".join(re.escape(word) for word in sorted(set(_ABBREVIATIONS.split())))
    + r"))\.$",
    re.IGNORECASE,
)
_SAYS_SOMETHING = re.compile(r"[^\s.…!?'\"*]")


async def async_sentences(chunks: AsyncIterable[str]) -> AsyncGenerator[str]:
    """Yield whole sentences as soon as they are there: they sound better than words."""
    finder = _Finder()
    async for chunk in chunks:
        for sentence in finder.add(chunk):
            yield sentence
    for sentence in finder.finish():
        yield sentence


class _Finder:
    """The library, told the ends that it does not know, and kept from those that are none."""

    def __init__(self) -> None:
        self._library = SentenceBoundaryDetector()
        self._undecided = ""
        self._fed = 0
        self._held = ""

    def add(self, chunk: str) -> Iterable[str]:
        """Yield the sentences that are complete with a piece of text."""
        for piece in _PIECE.findall(chunk):
            yield from self._add(self._undecided + piece)

    def finish(self) -> Iterable[str]:
        """Yield the rest of the text."""
        yield from self._feed(self._undecided)
        yield from self._flush()
        if self._held:
            yield self._held
        self._undecided = self._held = ""

    def _add(self, text: str) -> Iterable[str]:
        rest = _UNDECIDED.search(text[-_MOST_LETTERS:])
        undecided = rest[0] if rest else ""
        start = 0
        for end in _END.finditer(text):
            yield from self._feed(text[start : end.end()])
            yield from self._flush()
            start = end.end()
        whole = text[start : len(text) - len(undecided)]
        yield from self._feed(whole)
        self._undecided = undecided
        is_between_words = undecided[-1:].isspace()
        if len(undecided) > _MOST_UNDECIDED:
            # A line of dots, or blank lines: an end, whatever follows.
            self._undecided = ""
            yield from self._feed(undecided)
            yield from self._flush()
        elif self._fed > _MOST_LETTERS * (1 if is_between_words else 2):
            yield from self._flush()

    def _feed(self, text: str) -> Iterable[str]:
        self._fed += len(text)
        for sentence in self._library.add_chunk(text):
            self._fed = len(self._library.remaining_text)
            yield from self._joined(sentence)

    def _flush(self) -> Iterable[str]:
        self._fed = 0
        if sentence := self._library.finish():
            yield from self._joined(sentence)

    def _joined(self, sentence: str) -> Iterable[str]:
        """Yield a sentence with those before it that were none; hold one that may be none."""
        if not _SAYS_SOMETHING.search(sentence):
            return
        if self._held:
            sentence = f"{self._held} {sentence}"
        self._held = ""
        if len(sentence) < _MOST_LETTERS and _NO_END.search(sentence[-20:]):
            self._held = sentence
        else:
            yield sentence
