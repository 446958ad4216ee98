"""The settings that a session accepts."""

from typing import Any

import pytest

from emulator import Emulator
from emulator.wire.schema import SERVER_VAD

from .conftest import PREVIEW, Connect

FIRST_PREVIEW = PREVIEW.replace("2025-04-01", "2024-10-01")


def tool(name: str, **extra: Any) -> dict[str, Any]:
    """Return a function tool."""
    parameters = {"type": "object", "properties": {}}
    return {"type": "function", "name": name, "parameters": parameters, **extra}


async def test_ga_defaults(connect: Connect) -> None:
    """A GA session starts with the settings that were captured (2025-12, 2026-09)."""
    client = await connect()
    session = client.seen[0]["session"]
    assert session["type"] == "realtime"
    assert session["id"].startswith("sess_")
    assert session["output_modalities"] == ["audio"]
    assert session["audio"] == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": SERVER_VAD,
        },
        "output": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "voice": "alloy",
            "speed": 1.0,
        },
    }
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert "temperature" not in session
    assert session["expires_at"] > 1_700_000_000


async def test_preview_defaults(connect: Connect) -> None:
    """A preview session starts with the settings that were captured (2025-12)."""
    session = (await connect(PREVIEW)).seen[0]["session"]
    assert session["modalities"] == ["text", "audio"]
    assert session["input_audio_format"] == session["output_audio_format"] == "pcm16"
    assert session["turn_detection"]["silence_duration_ms"] == 200
    assert session["temperature"] == 0.8
    assert session["max_response_output_tokens"] == "inf"
    assert not session.keys() & {"type", "audio", "output_modalities"}


async def test_only_what_is_named_changes(connect: Connect) -> None:
    """An update merges; null is a value."""
    client = await connect()
    await client.update(instructions="Be brief.", tools=[tool("one")])
    session = await client.update(audio={"input": {"turn_detection": None}})
    assert session["instructions"] == "Be brief."
    assert [t["name"] for t in session["tools"]] == ["one"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    session = await client.update(
        audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}},
        tools=[],
    )
    assert session["audio"]["input"]["turn_detection"] == {
        **SERVER_VAD,
        "threshold": 0.7,
    }
    assert session["tools"] == []


async def test_a_refused_update_changes_nothing(connect: Connect) -> None:
    """One bad key also keeps the good keys from being taken."""
    client = await connect()
    await client.send(
        "session.update",
        event_id="u",
        session={"type": "realtime", "instructions": "changed", "tempo": 3},
    )
    error = await client.error()
    assert error["event_id"] == "u"
    assert (await client.update(output_modalities=["text"]))[
        "instructions"
    ] != "changed"
    assert client.types().count("session.updated") == 1


def turns(**config: Any) -> dict[str, Any]:
    """Return a session with server VAD."""
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", **config}}}}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"tempo": 3}, "unknown_parameter", "session.tempo"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        (
            {"audio": {"output": {"pitch": 1}}},
            "unknown_parameter",
            "session.audio.output.pitch",
        ),
        ({"type": None}, "invalid_value", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        (
            {"output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"output_modalities": ["smell"]},
            "invalid_value",
            "session.output_modalities[0]",
        ),
        (
            {"audio": {"output": {"voice": "nova"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"audio": {"output": {"speed": 2}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"turn_detection": {"threshold": 0.5}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            turns(threshold=1.1),
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            turns(idle_timeout_ms=4000),
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            turns(eagerness="low"),
            "unknown_parameter",
            "session.audio.input.turn_detection.eagerness",
        ),
        (
            {"audio": {"input": {"noise_reduction": {"type": "middle"}}}},
            "invalid_value",
            "session.audio.input.noise_reduction.type",
        ),
        (
            {"tools": [tool("fine"), tool("light.on")]},
            "invalid_value",
            "session.tools[1].name",
        ),
        ({"tools": {"name": "x"}}, "invalid_type", "session.tools"),
        ({"tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"instructions": 7}, "invalid_type", "session.instructions"),
        ({"reasoning": {"effort": "low"}}, "invalid_parameter", "session.reasoning"),
        (
            {"truncation": {"type": "retention_ratio"}},
            "missing_required_parameter",
            "session.truncation.retention_ratio",
        ),
    ],
)
async def test_ga_refusals(
    connect: Connect, session: dict[str, Any], code: str, param: str
) -> None:
    """Every refusal names the key."""
    client = await connect()
    await client.send("session.update", session={"type": "realtime", **session})
    error = await client.error()
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        code,
        param,
    )


async def test_ga_wants_the_type_every_time(connect: Connect) -> None:
    """GA requires the session's type in every update (captured on Azure)."""
    client = await connect()
    await client.send("session.update", session={"instructions": "x"})
    assert (await client.error())[
        "message"
    ] == "Missing required parameter: 'session.type'."


@pytest.mark.parametrize(
    ("path", "session", "param"),
    [
        (PREVIEW, {"type": "realtime"}, "session.type"),
        (PREVIEW, {"output_modalities": ["text"]}, "session.output_modalities"),
        (PREVIEW, {"audio": {}}, "session.audio"),
        (PREVIEW, {"tracing": None}, "session.tracing"),
        (PREVIEW, {"modalities": ["audio"]}, "session.modalities"),
        (PREVIEW, {"voice": "marin"}, "session.voice"),
        (FIRST_PREVIEW, {"voice": "coral"}, "session.voice"),
        (PREVIEW, {"input_audio_format": "mp3"}, "session.input_audio_format"),
        (PREVIEW, {"temperature": 1.3}, "session.temperature"),
        (
            PREVIEW,
            {"tools": [{"type": "mcp", "server_label": "x"}]},
            "session.tools[0].type",
        ),
    ],
)
async def test_preview_refusals(
    connect: Connect, path: str, session: dict[str, Any], param: str
) -> None:
    """Preview does not know GA's keys, and has limits of its own."""
    client = await connect(path)
    await client.send("session.update", session=session)
    assert (await client.error())["param"] == param


async def test_preview_update(emulator: Emulator, connect: Connect) -> None:
    """Every flat key is taken, and echoed flat."""
    client = await connect(PREVIEW)
    wanted = {
        "modalities": ["text"],
        "instructions": "Be brief.",
        "voice": "coral",
        "speed": 1.2,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {"type": "none"},
        "tools": [tool("one")],
        "tool_choice": {"type": "function", "name": "one"},
        "temperature": 0.7,
        "max_response_output_tokens": 100,
    }
    for forced in (
        wanted["tool_choice"],
        {"type": "function", "function": {"name": "one"}},
    ):
        await client.send("session.update", session={**wanted, "tool_choice": forced})
        session = (await client.until("session.updated"))["session"]
        assert session.items() >= {**wanted, "turn_detection": None}.items()
    assert emulator.sessions[0].config["audio"]["output"]["format"] == {
        "type": "audio/pcma"
    }


async def test_voice_is_fixed_once_heard(connect: Connect) -> None:
    """After the model has spoken its voice cannot change; naming the same one is no change."""
    client = await connect()
    await client.update(audio={"output": {"voice": "marin"}})
    await client.ask("hello")
    await client.until("response.done")
    await client.update(audio={"output": {"voice": "marin"}})
    for command, body in (
        (
            "session.update",
            {"session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}},
        ),
        ("response.create", {"response": {"audio": {"output": {"voice": "ash"}}}}),
    ):
        await client.send(command, **body)
        assert (await client.error())["code"] == "cannot_update_voice"


async def test_reasoning_models(emulator: Emulator, connect: Connect) -> None:
    """The 2.x line reasons, and says in which phase a message is."""
    emulator.model = "gpt-realtime-2"
    client = await connect()
    session = await client.update(reasoning={"effort": "low"})
    assert session["model"] == "gpt-realtime-2"
    await client.ask("hello")
    done = (await client.until("response.done"))["response"]
    assert done["output"][0]["phase"] == "final_answer"


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"temperature": 1}, "response.temperature"),
        ({"conversation": "mine"}, "response.conversation"),
        ({"metadata": {"k" * 65: "v"}}, f"response.metadata.{'k' * 65}"),
        ({"metadata": dict.fromkeys(map(str, range(17)), "v")}, "response.metadata"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"reasoning": {"effort": "low"}}, "response.reasoning"),
        ({"input": [{"type": "message", "role": "user"}]}, "response.input[0].content"),
    ],
)
async def test_refused_responses(
    connect: Connect, response: dict[str, Any], param: str
) -> None:
    """A response's own settings are checked as the session's are; none is made."""
    client = await connect()
    await client.send("response.create", response=response)
    assert (await client.error())["param"] == param
    await client.update(instructions="x")
    assert "response.created" not in client.types()


async def test_response_overrides(connect: Connect) -> None:
    """Settings of a response hold for that response only."""
    client = await connect(PREVIEW)
    await client.ask(
        "hello", modalities=["text"], max_output_tokens=50, temperature=0.9
    )
    done = (await client.until("response.done"))["response"]
    assert done["temperature"] == 0.9
    assert (done["modalities"], done["max_output_tokens"]) == (["text"], 50)
    await client.ask("hello")
    assert (await client.until("response.done"))["response"]["modalities"] == [
        "text",
        "audio",
    ]
