"""Tool results that JSON cannot carry."""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
import json
from time import process_time
from typing import Any
from uuid import UUID

from homeassistant.core import State
import pytest

from custom_components.azure_realtime_audio.chat.plain_json import as_json


class Color(Enum):
    """A value with a name."""

    RED = "red"


@dataclass
class Point:
    """A value with parts."""

    x: int
    y: bytes


class Broken:
    """A value that says nothing of itself."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError


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
        ([frozenset({1}), deque([2])], [[1], [2]]),
        ([memoryview(b"a"), bytearray(b"b")], ["a", "b"]),
        ([Color.RED, b""], ["red", ""]),
        ([Point(1, b"2")], [{"x": 1, "y": "2"}]),
        ({(1, 2): None, None: b""}, {"(1, 2)": None, "None": ""}),
        ([2**64 - 1, -(2**63), 2**64], [str(2**64 - 1), str(-(2**63)), str(2**64)]),
        ([1j, UUID(int=1)], ["1j", "00000000-0000-0000-0000-000000000001"]),
        ([Broken(), 1], ["<Broken>", 1]),
        ({datetime(2026, 11, 28): 1}, {"2026-11-28T00:00:00": 1}),
        ([float("-inf"), b""], ["-inf", ""]),
        ([10**5000], ["<int>"]),
    ],
)
def test_told_as_well_as_can_be(value: Any, told: Any) -> None:
    """Every value is JSON that can be sent, and reads like the value."""
    text = as_json(value)
    text.encode()
    assert json.loads(text) == told


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _in_itself() -> list[Any]:
    value: list[Any] = []
    value += [value] * 3
    return value


def _bushy() -> list[Any]:
    value: list[Any] = [b""]
    for _ in range(300):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [_nested(300), _nested(3000), _nested(100_000), _in_itself(), _bushy()],
    ids=["deep", "deeper", "deepest", "in itself", "bushy"],
)
def test_nested_too_deep(value: list[Any]) -> None:
    """Levels that a person would not read are cut off in no time; the rest is told."""
    began = process_time()
    text = as_json(value)
    assert process_time() - began < 1
    assert len(text) < 500_000
    assert "..." in text
    json.loads(text)


def test_objects_of_home_assistant() -> None:
    """Home Assistant's objects are told as it tells them, whatever is beside them."""
    state = State("light.kitchen", "on", {"size": b""})
    told = json.loads(as_json([state, timedelta(1)]))[0]
    assert told["entity_id"] == "light.kitchen"
    assert told["attributes"] == {"size": ""}
