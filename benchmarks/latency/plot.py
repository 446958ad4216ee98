"""A plot of latency over round-trip time, as SVG: readable on a light and on a dark page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median, quantiles

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 500, 64, 352  # the edges of the plot's area
LINE_HEIGHT = 17  # of the names at the right, which must not cover each other
TICKS_X = 50  # ms
TICKS_Y = (50, 100, 200, 500, 1000)  # ms: the first that gives few enough lines
MAX_LINES = 7

# Where a house is: the round-trip times of a cloud region.
PLACES = (("same country", 20, 40), ("across an ocean", 90, 150))

# Colours that a person who is colour-blind can tell apart; each series has a dash of its own, too.
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-size: 15px; font-weight: 600 }
  .card { fill: #fff; stroke: #ddd }
  .grid { stroke: #e4e4e4 }
  .place { fill: #000; opacity: .05 }
  .faint { fill: #666; font-size: 12px }
  .line { fill: none; stroke-width: 2.5 }
  .spread { stroke-width: 1.5 }
  .s0 { stroke: #0060c0 } .d0 { fill: #0060c0 }
  .s1 { stroke: #0060c0; stroke-dasharray: 7 4 } .d1 { fill: #0060c0 }
  .s2 { stroke: #c04a00; stroke-dasharray: 2 4; stroke-linecap: round } .d2 { fill: #c04a00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd }
    .card { fill: #161b22; stroke: #30363d }
    .grid { stroke: #2d333b }
    .place { fill: #fff; opacity: .07 }
    .faint { fill: #9aa4ae }
    .s0, .s1 { stroke: #6cb6ff } .d0, .d1 { fill: #6cb6ff }
    .s2 { stroke: #ffa05c } .d2 { fill: #ffa05c }
  }
"""


@dataclass(frozen=True)
class Series:
    """A line: the latencies (ms) of turns at each round-trip time (ms)."""

    name: str
    slope: float
    latencies: dict[int, list[float]]

    @property
    def medians(self) -> dict[int, float]:
        """The points of the line."""
        return {key: median(values) for key, values in self.latencies.items()}


def svg(title: str, series: Sequence[Series]) -> str:
    """Return the plot. There are colours for three series."""
    axes = _Axes(series)
    parts = [*axes.draw()]
    for number, each in enumerate(series):
        parts += _line(number, each, axes)
    parts += _names(series, axes)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' width="{WIDTH}" height="{HEIGHT}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
            f'<text class="title" x="20" y="30">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        )
    )


class _Axes:
    """Where a point is, and the lines that help to read it."""

    def __init__(self, series: Sequence[Series]) -> None:
        """Make room for the highest point."""
        self._right = max(max(each.latencies) for each in series)
        highest = max(max(each.medians.values()) for each in series)
        self._step = next(
            step
            for step in TICKS_Y
            if highest / step < MAX_LINES or step == TICKS_Y[-1]
        )
        self._top = (highest // self._step + 1) * self._step

    def x(self, milliseconds: float) -> float:
        """Return where a round-trip time is."""
        return LEFT + (RIGHT - LEFT) * milliseconds / self._right

    def y(self, milliseconds: float) -> float:
        """Return where a latency is."""
        return BOTTOM - (BOTTOM - TOP) * milliseconds / self._top

    def draw(self) -> Iterator[str]:
        """Yield the places, the grid and its numbers."""
        for name, start, end in PLACES:
            width = self.x(end) - self.x(start)
            yield (
                f'<rect class="place" x="{self.x(start):.1f}" y="{TOP}" '
                f'width="{width:.1f}" height="{BOTTOM - TOP}"/>'
            )
            yield _text(
                self.x((start + end) / 2), TOP - 6, name, "faint", anchor="middle"
            )
        for latency in range(0, int(self._top) + 1, self._step):
            y = self.y(latency)
            yield (
                f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            yield _text(LEFT - 8, y + 4, str(latency), "faint", anchor="end")
        for round_trip in range(0, self._right + 1, TICKS_X):
            x = self.x(round_trip)
            yield _text(x, BOTTOM + 18, str(round_trip), "faint", anchor="middle")
        middle = (LEFT + RIGHT) / 2
        yield _text(
            middle, BOTTOM + 42, "round trip to the service, ms", "", anchor="middle"
        )
        yield (
            f'<text transform="translate(20 {(TOP + BOTTOM) / 2}) rotate(-90)" '
            'text-anchor="middle">first sound after the end of speech, ms</text>'
        )


def _line(number: int, series: Series, axes: _Axes) -> Iterator[str]:
    """Yield the line through the medians, and at each the middle half of the turns."""
    points = " ".join(
        f"{axes.x(key):.1f},{axes.y(value):.1f}"
        for key, value in series.medians.items()
    )
    yield f'<polyline class="line s{number}" points="{points}"/>'
    for key, values in series.latencies.items():
        low, middle, high = quantiles(values, n=4, method="inclusive")
        x = axes.x(key)
        yield (
            f'<line class="spread s{number}" stroke-dasharray="none" x1="{x:.1f}" '
            f'x2="{x:.1f}" y1="{axes.y(low):.1f}" y2="{axes.y(high):.1f}"/>'
        )
        yield f'<circle class="d{number}" cx="{x:.1f}" cy="{axes.y(middle):.1f}" r="4"/>'


def _names(series: Sequence[Series], axes: _Axes) -> Iterator[str]:
    """Yield the names at the ends of the lines, from the highest on, one below the other."""
    lowest = 0.0
    ends = [list(each.medians.values())[-1] for each in series]
    for end, each in sorted(
        zip(ends, series, strict=True), key=lambda pair: pair[0], reverse=True
    ):
        y = max(axes.y(end), lowest)
        lowest = y + 2.4 * LINE_HEIGHT
        yield _text(RIGHT + 14, y, each.name, "")
        yield _text(
            RIGHT + 14, y + LINE_HEIGHT, f"{each.slope:.1f} round trips", "faint"
        )


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
