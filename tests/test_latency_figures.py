"""The figures and the plot that the benchmark of round trips makes of its measurements."""

from pathlib import Path

import pytest

from benchmarks.latency.documents import replace
from benchmarks.latency.frames import Frame, listing, round_trips
from benchmarks.latency.plot import Series, svg


def test_round_trips() -> None:
    """The slope is the number of waits, whatever else a turn takes."""
    assert round_trips({0: 30.0, 100: 232.0, 200: 430.0}) == pytest.approx(2.0)


def test_listing() -> None:
    """Equal frames in a row are one line."""
    frames = [
        Frame(1.0, True, "input_audio_buffer.append"),
        Frame(1.1, True, "input_audio_buffer.append"),
        Frame(1.5, False, "input_audio_buffer.committed"),
    ]
    assert listing(frames, zero=1.0).splitlines() == [
        "      0 -> input_audio_buffer.append x2",
        "    500   <- input_audio_buffer.committed",
    ]


def test_plot() -> None:
    """Each series has its name, slope and points; special characters of XML are escaped."""
    plot = svg("A & B", [Series("ours", 1.04, {0: [30, 31, 32], 200: [230, 232, 236]})])
    assert "A &amp; B" in plot
    assert ">ours<" in plot
    assert ">1.0 round trips<" in plot
    assert plot.count("<circle") == 2


def test_replace(tmp_path: Path) -> None:
    """Figures take the place of those before, and nothing else changes."""
    document = tmp_path / "figures.md"
    document.write_text("Before\n<!-- x -->\nold\n<!-- end of x -->\nAfter\n")
    for _ in range(2):
        replace(document, "x", ["| new |"])
        assert document.read_text() == (
            "Before\n<!-- x -->\n| new |\n\n<!-- end of x -->\nAfter\n"
        )
    with pytest.raises(ValueError, match="0 places for 'y'"):
        replace(document, "y", [])
