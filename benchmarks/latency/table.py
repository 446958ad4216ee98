"""The measured round trips as a table in Markdown."""

from statistics import quantiles

from .round_trips import ROUND_TRIPS_MS, Kind

_COUNTS = ("model calls", "cancel", "delete", "update")
COLUMNS = (
    "| who | turn | "
    + " | ".join(f"{milliseconds} ms" for milliseconds in ROUND_TRIPS_MS)
    + " | round trips | at most | "
    + " | ".join(_COUNTS)
    + " |"
)


def rule(columns: str) -> str:
    """Return the line below the heads of the columns."""
    return "|---" * (columns.count("|") - 1) + "|"


def cell(latencies: list[float]) -> str:
    """Return the median, and the range of the middle half of the turns."""
    low, middle, high = quantiles(latencies, n=4, method="inclusive")
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def row(kind: Kind) -> str:
    """Return one row."""
    target = "" if kind.target is None else f"{kind.target:.1f}"
    most = list(kind.most.values())
    counts = [most[0], *most[2:]]  # without response.create: model calls are paid
    cells = (
        kind.speaker,
        kind.name,
        *(cell(latencies) for latencies in kind.latencies.values()),
        f"{kind.round_trips:.2f}",
        target,
        *(str(count) for count in counts),
    )
    return f"| {' | '.join(cells)} |"
