"""The dialects: the client uses one vocabulary for every version of the protocol."""

from copy import deepcopy
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.azure_realtime_audio.realtime.errors import InvalidConfigError
from custom_components.azure_realtime_audio.realtime.protocol.dialect import (
    PREVIEW_VOICES,
    Decoder,
    Dialect,
    aliases,
    detect,
    encode,
    flat_to_ga,
)
from custom_components.azure_realtime_audio.realtime.protocol.session_config import (
    SessionConfig,
)

GA_SESSION = {
    "type": "realtime",
    "id": "sess_1",
    "object": "realtime.session",
    "expires_at": 1,
    "output_modalities": ["audio"],
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}},
    "include": None,
}
PREVIEW_SESSION = {
    "id": "sess_1",
    "object": "realtime.session",
    "expires_at": 1,
    "modalities": ["text", "audio"],
    "voice": "alloy",
    "speed": 1.0,
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": None,
    "turn_detection": {"type": "server_vad", "threshold": 0.5},
    "max_response_output_tokens": "inf",
    "temperature": 0.8,
    "tools": [],
    "client_secret": {"value": "ek_secret"},
}


def preview() -> Decoder:
    """Return a decoder of the preview dialect."""
    return Decoder(Dialect.PREVIEW)


def decode_one(decoder: Decoder, event: dict[str, Any]) -> dict[str, Any]:
    """Decode an event that means one event, and see that it was left alone."""
    before = deepcopy(event)
    (decoded,) = decoder.decode(event)
    assert event == before
    return decoded


@pytest.mark.parametrize(
    ("session", "dialect"),
    [
        (GA_SESSION, Dialect.GA),
        ({"audio": {}}, Dialect.GA),
        ({"type": "realtime", "modalities": ["text"]}, Dialect.GA),
        (PREVIEW_SESSION, Dialect.PREVIEW),
        ({"input_audio_format": "pcm16"}, Dialect.PREVIEW),
        ({"id": "sess_1"}, None),
    ],
)
def test_session_shows_the_dialect(
    session: dict[str, Any], dialect: Dialect | None
) -> None:
    """The events that arrive decide the dialect, not the version that was asked for."""
    assert detect(session) is dialect


@pytest.mark.parametrize(
    ("canonical", "preview_name"),
    [
        ("response.output_text.delta", "response.text.delta"),
        ("response.output_text.done", "response.text.done"),
        ("response.output_audio.delta", "response.audio.delta"),
        ("response.output_audio.done", "response.audio.done"),
        (
            "response.output_audio_transcript.delta",
            "response.audio_transcript.delta",
        ),
        ("response.output_audio_transcript.done", "response.audio_transcript.done"),
    ],
)
def test_preview_names_of_streams(canonical: str, preview_name: str) -> None:
    """Preview's streams are renamed when they arrive, and listeners may use either name."""
    event = {
        "type": preview_name,
        "response_id": "resp_1",
        "item_id": "item_1",
        "delta": "x",
        "pad": 1,
    }
    assert decode_one(preview(), event) == {**event, "type": canonical}
    assert aliases(canonical) == preview_name
    assert aliases(preview_name) is None


@pytest.mark.parametrize(
    "event_type",
    ["conversation.item.done", "session.updated", "response.done", "error", "x.y"],
)
def test_most_events_have_one_name(event_type: str) -> None:
    """A listener for them hears them under that name."""
    assert aliases(event_type) is None


@pytest.mark.parametrize(
    "event_type",
    [
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "rate_limits.updated",
        "never.heard.of",
    ],
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_canonical_frames_are_passed_on_as_they_are(
    event_type: str, dialect: Dialect
) -> None:
    """Canonical frames are not even copied: a hundred of them come in a second."""
    event = {
        "type": event_type,
        "response_id": "resp_1",
        "item_id": "item_1",
        "delta": "AAAA",
        "unknown": [1],
    }
    (decoded,) = Decoder(dialect).decode(event)
    assert decoded is event


def test_preview_session_is_nested() -> None:
    """Null stays null, what is absent stays absent, an ephemeral key goes."""
    event = {"type": "session.created", "session": PREVIEW_SESSION}
    assert decode_one(preview(), event)["session"] == {
        "id": "sess_1",
        "object": "realtime.session",
        "expires_at": 1,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "turn_detection": {"type": "server_vad", "threshold": 0.5},
            },
            "output": {
                "voice": "alloy",
                "speed": 1.0,
                "format": {"type": "audio/pcmu"},
            },
        },
        "max_output_tokens": "inf",
        "temperature": 0.8,
        "tools": [],
    }


def test_ga_session_stays_as_it_is() -> None:
    """Down to its nulls."""
    event = {"type": "session.updated", "session": GA_SESSION}
    assert decode_one(Decoder(Dialect.GA), event) == event


@pytest.mark.parametrize(
    ("asked", "session", "spoken"),
    [
        (Dialect.GA, PREVIEW_SESSION, Dialect.PREVIEW),
        (Dialect.PREVIEW, GA_SESSION, Dialect.GA),
        (Dialect.PREVIEW, {"id": "sess_1", "voice": "alloy"}, Dialect.PREVIEW),
    ],
)
def test_decoder_follows_the_frame(
    asked: Dialect, session: dict[str, Any], spoken: Dialect
) -> None:
    """A service that speaks the other dialect is understood from its first frame."""
    decoder = Decoder(asked)
    event = {"type": "session.created", "session": session}
    assert "audio" in decode_one(decoder, event)["session"]
    assert decoder.dialect is spoken


def test_transcription_session_updated_is_a_session_update() -> None:
    """An early preview name."""
    event = {
        "type": "transcription_session.updated",
        "session": {"input_audio_format": "g711_alaw", "turn_detection": None},
    }
    assert decode_one(preview(), event) == {
        "type": "session.updated",
        "session": {
            "audio": {
                "input": {"format": {"type": "audio/pcma"}, "turn_detection": None}
            }
        },
    }


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
        ({"modalities": ["audio"]}, {"output_modalities": ["audio"]}),
        ({"modalities": None}, {"output_modalities": None}),
        (
            {"turn_detection": {"type": "none"}},
            {"audio": {"input": {"turn_detection": None}}},
        ),
        (
            {"input_audio_noise_reduction": None},
            {"audio": {"input": {"noise_reduction": None}}},
        ),
        (
            {"input_audio_format": "opus"},
            {"audio": {"input": {"format": "opus"}}},
        ),
        ({"shape": {"of": "things"}}, {"shape": {"of": "things"}}),
        ({}, {}),
    ],
)
def test_flat_keys_are_nested(flat: dict[str, Any], nested: dict[str, Any]) -> None:
    """Nothing is checked, added or lost."""
    assert flat_to_ga(flat) == nested


def item(**more: Any) -> dict[str, Any]:
    """Return an assistant's message of preview."""
    return {
        "id": "item_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "audio", "transcript": "Hi"},
            {"type": "output_audio", "transcript": "Hi"},
        ],
        **more,
    }


CANONICAL_TYPES = ["output_text", "output_audio", "output_audio"]


def part_types(item: dict[str, Any]) -> list[str]:
    """Return the types of an item's parts."""
    return [part["type"] for part in item["content"]]


@pytest.mark.parametrize(
    "event_type",
    [
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "response.output_item.added",
        "response.output_item.done",
    ],
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_assistant_parts_have_one_name(event_type: str, dialect: Dialect) -> None:
    """GA services send the old part types in places too."""
    event = {"type": event_type, "response_id": "resp_1", "item": item()}
    assert part_types(decode_one(Decoder(dialect), event)["item"]) == CANONICAL_TYPES


@pytest.mark.parametrize(
    "other",
    [
        {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
        {"type": "message", "role": "assistant", "content": None},
        {"type": "message", "role": "assistant"},
        {"type": "function_call_output", "call_id": "c", "output": "{}"},
    ],
)
def test_other_items_stay_as_they_are(other: dict[str, Any]) -> None:
    """Only what an assistant said is named differently."""
    event = {"type": "conversation.item.retrieved", "item": other}
    assert decode_one(preview(), event) == event


def test_content_part_keeps_its_type() -> None:
    """A content part is of type "audio" or "text" in GA as well."""
    event = {"type": "response.content_part.added", "part": {"type": "audio"}}
    assert decode_one(preview(), event) is event


@pytest.mark.parametrize("extra", [{"status": "completed"}, {"status": "incomplete"}])
def test_created_item_is_added_and_done(extra: dict[str, Any]) -> None:
    """Preview tells once what GA tells twice."""
    event = {
        "type": "conversation.item.created",
        "event_id": "event_1",
        "previous_item_id": "item_0",
        "item": item(**extra),
    }
    added, done = preview().decode(event)
    assert added["type"] == "conversation.item.added"
    assert done["type"] == "conversation.item.done"
    for decoded in (added, done):
        assert decoded["event_id"] == "event_1"
        assert decoded["previous_item_id"] == "item_0"
        assert part_types(decoded["item"]) == CANONICAL_TYPES
    assert aliases("conversation.item.added") == "conversation.item.created"


def test_item_of_a_response_is_done_with_its_output() -> None:
    """In GA's order: first the conversation's item, then the response's."""
    decoder = preview()
    created = {
        "type": "conversation.item.created",
        "previous_item_id": "item_0",
        "item": item(status="in_progress", content=[]),
    }
    assert decode_one(decoder, created) == {
        **created,
        "type": "conversation.item.added",
    }
    output_done = {
        "type": "response.output_item.done",
        "event_id": "event_9",
        "response_id": "resp_1",
        "output_index": 0,
        "item": item(),
    }
    item_done, done = decoder.decode(output_done)
    assert item_done == {
        "type": "conversation.item.done",
        "event_id": "event_9",
        "previous_item_id": "item_0",
        "item": done["item"],
    }
    assert done["type"] == "response.output_item.done"
    assert part_types(done["item"]) == CANONICAL_TYPES
    # Once: the item of a later response with the same id would be another story.
    assert len(decoder.decode(output_done)) == 1


def test_function_name_comes_from_the_item() -> None:
    """Later preview versions leave it out of the arguments."""
    decoder = preview()
    call = {"id": "item_1", "type": "function_call", "name": "turn_on"}
    of_response = {"response_id": "resp_1", "item": call}
    decode_one(decoder, {"type": "response.output_item.added", **of_response})
    arguments = {
        "type": "response.function_call_arguments.done",
        "item_id": "item_1",
        "arguments": "{}",
    }
    assert decode_one(decoder, arguments) == {**arguments, "name": "turn_on"}
    named = {**arguments, "name": "other"}
    assert decode_one(decoder, named) == named
    decode_one(decoder, {"type": "response.output_item.done", **of_response})
    assert decode_one(decoder, arguments) == arguments


def test_early_names_of_fields() -> None:
    """Services of 2024-10 have `value` and `index`."""
    decoder = preview()
    part = {"response_id": "resp_1", "item_id": "item_1"}
    text = {"type": "response.text.done", **part, "value": "Hi"}
    assert decode_one(decoder, text) == {
        "type": "response.output_text.done",
        **part,
        "text": "Hi",
    }
    both = {**text, "type": "response.output_text.done", "text": "Hi"}
    assert decode_one(decoder, both) == both
    heard = {"item_id": "i", "audio_end_ms": 1}
    truncated = {"type": "conversation.item.truncated", **heard, "index": 2}
    assert decode_one(decoder, truncated) == {
        "type": "conversation.item.truncated",
        **heard,
        "content_index": 2,
    }
    today = {**truncated, "content_index": 1}
    assert decode_one(decoder, today) == today


@pytest.mark.parametrize("event_type", ["response.created", "response.done"])
def test_preview_response_is_nested(event_type: str) -> None:
    """The settings of a response are nested like a session's, its items like the conversation's."""
    event = {
        "type": event_type,
        "response": {
            "id": "resp_1",
            "modalities": ["text", "audio"],
            "voice": "alloy",
            "output_audio_format": "pcm16",
            "status_details": "failed",
            "output": [item()],
            "usage": None,
        },
    }
    response = decode_one(preview(), event)["response"]
    assert response == {
        "id": "resp_1",
        "output_modalities": ["audio"],
        "audio": {
            "output": {
                "voice": "alloy",
                "format": {"type": "audio/pcm", "rate": 24000},
            }
        },
        "status_details": {"type": "failed"},
        "output": response["output"],
        "usage": None,
    }
    assert part_types(response["output"][0]) == CANONICAL_TYPES


def test_ga_response_stays_as_it_is() -> None:
    """Null and empty fields included."""
    event = {
        "type": "response.done",
        "response": {
            "id": "resp_1",
            "status_details": {"type": "cancelled", "reason": "turn_detected"},
            "output": [],
            "output_modalities": ["audio"],
            "audio": {"output": {"voice": "marin"}},
            "metadata": None,
        },
    }
    assert decode_one(Decoder(Dialect.GA), event) == event


# --- Outbound


def sent(dialect: Dialect, key: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Encode an event of which `key` is the payload; return the payload on the wire."""
    event_type = {
        "session": "session.update",
        "response": "response.create",
        "item": "conversation.item.create",
    }[key]
    event = {"type": event_type, "event_id": "event_1", key: payload}
    before = deepcopy(event)
    encoded = encode(event, dialect)
    assert event == before
    assert encoded["type"] == event_type
    assert encoded["event_id"] == "event_1"
    wire: dict[str, Any] = encoded[key]
    return wire


EVERYTHING: dict[str, Any] = {
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "t", "language": "de", "keywords": ["Licht"]},
            "noise_reduction": {"type": "far_field", "strength": 1},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "idle_timeout_ms": 6000,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "sage", "speed": 1.1},
    },
    "tools": [{"type": "function", "name": "f"}],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 100,
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "truncation": "auto",
    "tracing": None,
    "include": None,
    "prompt": None,
    "temperature": 0.8,
}


def test_ga_session_has_its_type_and_no_temperature() -> None:
    """GA refuses an update for either."""
    wire = sent(Dialect.GA, "session", EVERYTHING)
    assert wire == {
        "type": "realtime",
        **{key: value for key, value in EVERYTHING.items() if key != "temperature"},
    }


def test_preview_session_is_flat_and_has_no_key_of_ga() -> None:
    """Preview refuses the whole update for one unknown key."""
    assert sent(Dialect.PREVIEW, "session", EVERYTHING) == {
        "instructions": "Be brief.",
        "modalities": ["audio", "text"],
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "t", "language": "de"},
        "input_audio_noise_reduction": {"type": "far_field"},
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "output_audio_format": "g711_ulaw",
        "voice": "sage",
        "speed": 1.1,
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": {"type": "function", "name": "f"},
        "max_response_output_tokens": 100,
        "temperature": 0.8,
    }


def test_null_is_sent_and_absent_is_not() -> None:
    """Null switches off, absent leaves as it is."""
    session = {"audio": {"input": {"turn_detection": None, "transcription": None}}}
    assert sent(Dialect.PREVIEW, "session", session) == {
        "turn_detection": None,
        "input_audio_transcription": None,
    }
    assert sent(Dialect.GA, "session", session) == {"type": "realtime", **session}
    text = {"output_modalities": ["text"]}
    assert sent(Dialect.PREVIEW, "session", text) == {"modalities": ["text"]}


RESPONSE = {
    "instructions": "x",
    "output_modalities": ["audio"],
    "audio": {"output": {"voice": "verse", "format": {"type": "audio/pcma"}}},
    "max_output_tokens": 5,
    "temperature": 0.7,
    "conversation": "none",
    "metadata": {"a": "b"},
    "tools": [],
    "tool_choice": "auto",
    "input": [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi"}],
        },
        {"type": "item_reference", "id": "item_1"},
    ],
    "reasoning": {"effort": "low"},
}


def test_response_of_ga() -> None:
    """Only the temperature goes."""
    wire = sent(Dialect.GA, "response", RESPONSE)
    assert wire == {k: v for k, v in RESPONSE.items() if k != "temperature"}


def test_response_of_preview() -> None:
    """Flat, without a limit of tokens, and with preview's parts."""
    assert sent(Dialect.PREVIEW, "response", RESPONSE) == {
        "instructions": "x",
        "modalities": ["audio", "text"],
        "voice": "verse",
        "output_audio_format": "g711_alaw",
        "temperature": 0.7,
        "conversation": "none",
        "metadata": {"a": "b"},
        "tools": [],
        "tool_choice": "auto",
        "input": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "Hi"}],
            },
            {"type": "item_reference", "id": "item_1"},
        ],
    }
    text = {"output_modalities": ["text"]}
    assert sent(Dialect.PREVIEW, "response", text) == {"modalities": ["text"]}


def test_items_have_the_dialect_s_parts() -> None:
    """Only an assistant's text differs."""
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi"}],
    }
    assert sent(Dialect.GA, "item", said) == said
    assert sent(Dialect.PREVIEW, "item", said)["content"] == [
        {"type": "text", "text": "Hi"}
    ]
    output = {"type": "function_call_output", "call_id": "c", "output": "{}"}
    for dialect in Dialect:
        assert sent(dialect, "item", output) == output


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "response.create"},
        {"type": "response.cancel", "response_id": "resp_1"},
    ],
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_other_commands_are_the_same(event: dict[str, Any], dialect: Dialect) -> None:
    """And are not copied."""
    assert encode(event, dialect) is event


@pytest.mark.parametrize(
    ("key", "payload", "named"),
    [
        (
            "session",
            {"tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]},
            "tools[1].type",
        ),
        ("session", {"tool_choice": {"type": "mcp"}}, "tool_choice.type"),
        ("session", {"audio": {"output": {"voice": "marin"}}}, "voice"),
        ("session", {"audio": {"output": {"voice": {"id": "v"}}}}, "voice"),
        ("response", {"tools": [{"type": "mcp"}]}, "tools[0].type"),
        ("response", {"audio": {"output": {"voice": "cedar"}}}, "voice"),
        (
            "response",
            {"input": [{"type": "mcp_call"}]},
            "input[0].type",
        ),
        ("item", {"type": "mcp_approval_response"}, "item.type"),
        (
            "item",
            {
                "type": "message",
                "content": [{"type": "input_text"}, {"type": "input_image"}],
            },
            "item.content[1].type",
        ),
    ],
)
def test_what_preview_lacks_is_refused_by_name(
    key: str, payload: dict[str, Any], named: str
) -> None:
    """Dropping it would change what was meant."""
    with pytest.raises(InvalidConfigError) as raised:
        sent(Dialect.PREVIEW, key, payload)
    assert raised.value.key == named


FLAT_SESSIONS = st.fixed_dictionaries(
    {},
    optional={
        "instructions": st.text(max_size=5),
        "modalities": st.sampled_from([["audio", "text"], ["text"]]),
        "voice": st.sampled_from(PREVIEW_VOICES),
        "speed": st.floats(0.25, 1.5),
        "input_audio_format": st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw"]),
        "output_audio_format": st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw"]),
        "input_audio_transcription": st.sampled_from([None, {"model": "t"}]),
        "input_audio_noise_reduction": st.sampled_from([None, {"type": "near_field"}]),
        "turn_detection": st.sampled_from(
            [
                None,
                {"type": "server_vad", "threshold": 0.4, "create_response": False},
                {"type": "semantic_vad", "eagerness": "low"},
            ]
        ),
        "tools": st.sampled_from(
            [
                [{"type": "function", "name": "f"}],
                [
                    {
                        "type": "function",
                        "name": "f",
                        "parameters": {"type": "object", "properties": {}},
                    }
                ],
            ]
        ),
        "tool_choice": st.sampled_from(["auto", {"type": "function", "name": "f"}]),
        "temperature": st.floats(0.6, 1.2),
        "max_response_output_tokens": st.sampled_from(["inf", 1, 4096]),
    },
)


@settings(deadline=None)
@given(FLAT_SESSIONS)
def test_flat_settings_survive_the_way_through_ga(flat: dict[str, Any]) -> None:
    """Flat in, GA inside, the same flat out; and back as the service would echo it."""
    config = SessionConfig(flat)
    assert SessionConfig(config.as_dict()) == config
    wire = sent(Dialect.PREVIEW, "session", config.as_dict())
    assert wire == flat
    echoed = decode_one(preview(), {"type": "session.updated", "session": wire})
    assert SessionConfig(echoed["session"]) == config
