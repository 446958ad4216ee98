"""Random values of fields and actions are accepted, or refused by name."""

import asyncio
from contextlib import suppress
import os
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from homeassistant.core import HomeAssistant, ServiceResponse, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import load_yaml_dict
from hypothesis import example, given, settings, strategies as st
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol
from yarl import URL

from custom_components.azure_realtime_audio import services
from custom_components.azure_realtime_audio.const import DOMAIN
from custom_components.azure_realtime_audio.realtime import (
    InvalidConfigError,
    InvalidHostError,
    SessionConfig,
)
from custom_components.azure_realtime_audio.realtime.protocol.dialect import (
    Dialect,
    encode,
)
from custom_components.azure_realtime_audio.realtime.transport.endpoint import (
    Endpoint,
    normalize_host,
)
from emulator import Emulator, Reply
from tests.talk import AGENT

from .mutation import Mutator

# So many times as much as usual: script/fuzz --settings.
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
PIECES = (
    *(
        "ws://",
        "WSS://",
        "https://",
        "http:",
        "//",
        "/",
        "\\",
        "?",
        "#",
        "@",
        ":",
        ":443",
    ),
    *(
        "user:pw@",
        "[::1]",
        "[::ffff:1.2.3.4]",
        "[fe80::1%25eth0]",
        "127.0.0.1",
        "0x7f.1",
    ),
    *("localhost", "evil.com", ".openai.azure.com", "xn--e1aybc", "\u0430", "\uff0e"),
    *(
        "\r\n",
        "\t",
        "\x00",
        " ",
        "%2f",
        "%00",
        "..",
        ".",
        "openai",
        "v1",
        ";",
        "_",
        "-",
    ),
)
GA_SESSION = {
    "type": "realtime",
    "instructions": "Be brief",
    "output_modalities": ["audio"],
    "max_output_tokens": 100,
    "tool_choice": {"type": "function", "name": "turn_on"},
    "tools": [
        {
            "type": "function",
            "name": "turn_on",
            "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
        }
    ],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
        },
        "output": {"voice": "marin", "speed": 1.0, "format": {"type": "audio/pcmu"}},
    },
}
FLAT_SESSION = {
    "modalities": ["text", "audio"],
    "voice": "alloy",
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
    "temperature": 0.8,
    "max_response_output_tokens": "inf",
}


@settings(max_examples=1500 * TIMES, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join))
@example("evil.com#.openai.azure.com")
@example("evil.com\\@res.openai.azure.com")
def test_host(text: str) -> None:
    """An accepted host means the same to every parser, and normalizing it again changes nothing."""
    try:
        host = normalize_host(text)
    except InvalidHostError:
        return
    assert normalize_host(host) == host
    endpoint = Endpoint.parse(host, "d")
    ours, theirs = urlsplit(endpoint.url), URL(endpoint.url)
    assert (ours.hostname, ours.port) == (theirs.raw_host, theirs.explicit_port)
    assert str(theirs) == endpoint.url  # what is sent is what was checked
    assert "@" not in ours.netloc
    assert theirs.user is theirs.password is None
    assert theirs.fragment == ""


@pytest.mark.parametrize("session", [GA_SESSION, FLAT_SESSION])
def test_session_config(session: dict[str, Any]) -> None:
    """A setting is refused by name before anything is sent, or can be sent."""
    mutator = Mutator([session | {"type": "realtime"}], Random(7))
    taken = 0
    for _ in range(4000 * TIMES):
        frame = mutator.frame()
        try:
            value = orjson.loads(frame)
        except ValueError:
            continue
        if not isinstance(value, dict):
            continue
        with suppress(InvalidConfigError):
            config = SessionConfig(value)
            event = {"type": "session.update", "session": config.as_dict()}
            for dialect in Dialect:
                orjson.dumps(encode(event, dialect))
            taken += 1
        assert value == orjson.loads(frame)  # what is given is left alone
    assert taken > 10 * TIMES


# Of every action, data that it takes, with every field in one or another.
IN_DOORBELL = {"conversation": "doorbell"}
DATA: dict[str, list[dict[str, Any]]] = {
    "append_audio": [
        {"audio": "AAAA", "audio_format": "pcm16", "sample_rate": 8000, **IN_DOORBELL},
        {"path": "/media/question.wav"},
        {"media_content_id": "media-source://media_source/local/question.mp3"},
    ],
    "commit_audio": [{}, IN_DOORBELL],
    "clear_audio_buffer": [{}, IN_DOORBELL],
    "create_conversation_item": [
        {
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            },
            "previous_item_id": "root",
        },
        {"text": "hello", "role": "system", **IN_DOORBELL},
    ],
    "delete_item": [{"item_id": "item_1"}, {"item_id": "item_1", **IN_DOORBELL}],
    "reset_conversation": [{}, IN_DOORBELL],
    "truncate_item": [
        {"item_id": "item_1", "audio_end_ms": 1, "content_index": 0},
        {"item_id": "item_1", "audio_end_ms": 1, **IN_DOORBELL},
    ],
    "create_response": [
        {
            "instructions": "Be brief",
            "modalities": ["text"],
            "voice": "alloy",
            "conversation": "none",
            "metadata": {"a": "b"},
            "run_tools": False,
            "wait": True,
            "timeout": 5,
        },
        {"wait": False},
    ],
    "cancel_response": [{}, IN_DOORBELL],
    "set_model_speak_done": [{}, IN_DOORBELL],
    "update_session": [
        {"session": FLAT_SESSION},
        {"session": GA_SESSION, **IN_DOORBELL},
    ],
}


def test_every_field_of_every_action_is_fuzzed() -> None:
    """Every field in services.yaml is damaged here."""
    path = Path(services.__file__).with_name("services.yaml")
    described = load_yaml_dict(str(path))
    assert {action: set().union(*data) for action, data in DATA.items()} == {
        action: set(description.get("fields", ()))
        for action, description in described.items()
    }


@pytest.mark.parametrize("action", DATA)
async def test_action_data(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    emulator: Emulator,
    action: str,
) -> None:
    """An action does what it is told or says why not, and the next call works."""
    mutator = Mutator([{"type": "x", **data} for data in DATA[action]], Random(action))
    for _ in range(60 * TIMES):
        try:
            data = orjson.loads(mutator.frame())
        except ValueError:
            continue
        if not isinstance(data, dict):
            continue
        data.pop("type", None)
        emulator.replies.append(Reply(text="Yes", audio=False))
        with suppress(HomeAssistantError, vol.Invalid):
            await _act(hass, action, **data)
        emulator.replies.clear()
    await _act(hass, "cancel_response")
    emulator.replies.append(Reply(text="Still here."))
    answer = await _act(hass, "create_response", modalities=["text"])
    assert answer
    assert "Still here." in (answer["text"], answer["transcript"])


async def _act(hass: HomeAssistant, action: str, **data: Any) -> ServiceResponse:
    returns = services.ACTIONS[action].supports_response is not SupportsResponse.NONE
    async with asyncio.timeout(10):
        return await hass.services.async_call(
            DOMAIN,
            action,
            {**data, "entity_id": AGENT},
            blocking=True,
            return_response=returns,
        )
