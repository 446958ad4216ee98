"""The measured figures in the documents: between two comments in each, and as a plot."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
import re

from .plot import Series, svg
from .round_trips import ROUND_TRIPS_MS, ROUNDS, Kind
from .table import COLUMNS, cell, row, rule

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "images" / "latency.svg"

# The kinds of turn in the table of README, and their names there.
CHAIN = "chain of three models"
README_ROWS = {
    ("satellite", ROUNDS[0]): "spoken",
    ("satellite", ROUNDS[1]): "spoken, one tool",
    ("satellite", ROUNDS[2]): "spoken, two rounds of tools",
    ("typed", ROUNDS[0]): "typed, the first word",
    ("typed", "first of a conversation, TLS"): "the same, first of a conversation",
    (CHAIN, ROUNDS[0]): "spoken, a chain of three models",
}
PLOTTED = {
    ("satellite", ROUNDS[0]): "this integration",
    ("satellite", ROUNDS[1]): "this integration, one tool",
    (CHAIN, ROUNDS[0]): "a chain of three models",
}


def save(kinds: Sequence[Kind], version: str) -> None:
    """Write what was measured with a Home Assistant of this version.

    README and the plot show the version that was measured last.
    """
    today = datetime.now(UTC).date().isoformat()
    measured = f"Home Assistant {version}, {today}:"
    named = {(kind.speaker, kind.name): kind for kind in kinds}
    replace(
        PERFORMANCE,
        f"round trips {version.rpartition('.')[0]}",
        [measured, "", COLUMNS, rule(COLUMNS), *map(row, kinds)],
    )
    columns = (
        "| a turn, and the round trip to the service | "
        + " | ".join(f"{milliseconds} ms" for milliseconds in ROUND_TRIPS_MS)
        + " | round trips |"
    )
    replace(
        README,
        "round trips",
        [measured, "", columns, rule(columns)]
        + [_readme_row(name, named[key]) for key, name in README_ROWS.items()],
    )
    series = [
        Series(name, named[key].round_trips, named[key].latencies)
        for key, name in PLOTTED.items()
    ]
    title = f"Until the first sound is sent (Home Assistant {version}, {today})"
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(svg(title, series))


def _readme_row(name: str, kind: Kind) -> str:
    cells = (cell(values) for values in kind.latencies.values())
    return f"| {name} | {' | '.join(cells)} | {kind.round_trips:.1f} |"


def replace(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put lines between the two comments of this name. Raises ValueError if they are not there."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: "\n".join((begin, *lines, "", end)),
        path.read_text(),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{path.name} has {count} places for {name!r}")
    path.write_text(text)
