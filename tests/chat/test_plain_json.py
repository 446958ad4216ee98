"""Tool results that JSON cannot carry."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
import json
from typing import Any

import pytest

from custom_components.azure_realtime_audio.chat.plain_json import as_json


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, 2.5, True, None, "é"]}, {"a": [1, 2.5, True, None, "é"]}),
        (b"abc", "abc"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (timedelta(hours=1), "1:00:00"),
        (Decimal("1.5"), "1.5"),
        (2**70, str(2**70)),
        ("a\ud800b", "a?b"),
        ({"a\ud800": object}, {"a?": str(object)}),
        ([float("nan"), b""], ["nan", ""]),
        ([date(2026, 11, 28), b""], ["2026-11-28", ""]),
        ([datetime(2026, 11, 28), b""], ["2026-11-28T00:00:00", ""]),
        ([time(12), b""], ["12:00:00", ""]),
        (({1}, b""), [[1], ""]),
    ],
)
def test_told_as_well_as_can_be(value: Any, told: Any) -> None:
    """Every value is JSON that can be sent, and reads like the value."""
    text = as_json(value)
    text.encode()
    assert json.loads(text) == told


def test_nested_too_deep() -> None:
    """Levels below the limit are cut off; the rest is kept."""
    value: list[Any] = []
    for _ in range(3000):
        value = [value]
    text = as_json(value)
    assert text.count("[") == 32
    assert "..." in text
