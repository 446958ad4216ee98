"""The actions, called as an automation calls them, against the emulator."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
import subprocess
from types import MappingProxyType
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.light import ColorMode, LightEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er, llm
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.service import async_get_all_descriptions
from homeassistant.setup import async_setup_component
import numpy as np
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    setup_test_component_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.azure_realtime_audio import services
from custom_components.azure_realtime_audio.actions import (
    audio_input as media,
    handlers,
)
from custom_components.azure_realtime_audio.const import (
    CONF_API_VERSION,
    CONF_INSTRUCTIONS,
    DEFAULT_ASSISTANT,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)
from custom_components.azure_realtime_audio.realtime.audio import (
    alaw_encode,
    ulaw_encode,
)
from emulator import Emulator, Reply, Session

from .conftest import SUBENTRY_ID

type Act = Callable[..., Coroutine[Any, Any, Any]]
type ToolCall = tuple[str, dict[str, Any]]


@pytest.fixture
def assistant_id(hass: HomeAssistant, init_integration: MockConfigEntry) -> str:
    """Return the entity id of the assistant's conversation entity."""
    return _conversation_entity(hass, SUBENTRY_ID)


@pytest.fixture
def act(hass: HomeAssistant, assistant_id: str) -> Act:
    """Return what calls an action on the assistant and returns its response."""

    async def call(action: str, context: Context | None = None, **data: Any) -> Any:
        answers = hass.services.supports_response(DOMAIN, action)
        return await hass.services.async_call(
            DOMAIN,
            action,
            {"entity_id": assistant_id} | data,
            blocking=True,
            return_response=answers is not SupportsResponse.NONE,
            context=context,
        )

    return call


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have ffmpeg make a second of a tone in several formats, and other files."""
    folder = tmp_path_factory.mktemp("samples")
    sine = "sine=frequency=440:sample_rate=44100:duration"
    tone, long_tone, film = (f"{sine}=1", f"{sine}=120", "color=size=16x16:duration=1")
    for name in ("tone.wav", "tone.mp3", "tone.ogg", "tone.m4a"):
        _generate(tone, folder / name)
    _generate(long_tone, folder / "long.wav")
    _generate(film, folder / "silent.mkv")
    (folder / "text.wav").write_text("No audio at all.")
    (folder / "list.m3u8").write_text(
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n#EXT-X-ENDLIST\n"
    )
    return folder


def _generate(source: str, path: Path) -> None:
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True)


@pytest.fixture
def media_dir(hass: HomeAssistant, samples: Path) -> Path:
    """Return the samples' folder, which Home Assistant may read and serves as media."""
    hass.config.allowlist_external_dirs = {str(samples)}
    hass.config.media_dirs["local"] = str(samples)
    return samples


@pytest.fixture
async def kitchen_light(hass: HomeAssistant) -> str:
    """Set up a light that assistants may control."""
    light = KitchenLight()
    setup_test_component_platform(hass, "light", [light])
    assert await async_setup_component(hass, "light", {"light": {"platform": "test"}})
    await hass.async_block_till_done()
    async_expose_entity(hass, "conversation", light.entity_id, True)
    return light.entity_id


class KitchenLight(LightEntity):
    """A light that goes on."""

    _attr_name = "Kitchen light"
    _attr_unique_id = "kitchen_light"
    _attr_is_on = False
    _attr_color_mode = ColorMode.ONOFF
    _attr_supported_color_modes = {ColorMode.ONOFF}

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Go on."""
        self._attr_is_on = True


@pytest.fixture
async def turn_on(hass: HomeAssistant, assistant_id: str) -> ToolCall:
    """Return a model's call of the tool that turns on the kitchen light."""
    context = llm.LLMContext(
        platform=DOMAIN,
        context=None,
        language=None,
        assistant="conversation",
        device_id=None,
    )
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, context)
    # Versions differ in the namespace they put before it.
    (name,) = [tool.name for tool in api.tools if tool.name.endswith("HassTurnOn")]
    return name, {"name": "Kitchen light"}


def _conversation_entity(hass: HomeAssistant, subentry_id: str) -> str:
    entity_id = er.async_get(hass).async_get_entity_id(
        "conversation", DOMAIN, subentry_id
    )
    assert entity_id
    return entity_id


def _pcm(seconds: float, rate: int = 24000) -> bytes:
    time = np.arange(int(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()


def _base64(audio: bytes) -> str:
    return b64encode(audio).decode()


def _appended(session: Session) -> bytes:
    """Return the audio that the service has received."""
    return b"".join(
        b64decode(event["audio"])
        for event in session.received.of("input_audio_buffer.append")
    )


def _loudest_frequency(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2")
    return float(np.abs(np.fft.rfft(samples)).argmax() * 24000 / len(samples))


def _actions_session(emulator: Emulator) -> Session:
    """Return the session of the actions: the newest one."""
    return emulator.sessions[-1]


def _child_processes() -> list[str]:
    children = Path("/proc/self/task").glob("*/children")
    return " ".join(child.read_text() for child in children).split()


# --- A whole turn


async def test_spoken_turn_turns_on_the_light(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    media_dir: Path,
    kitchen_light: str,
    hass_admin_user: User,
    turn_on: ToolCall,
) -> None:
    """A WAV goes in, the light goes on for the caller, and a spoken answer comes out."""
    emulator.hears.append("turn on the kitchen light")
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="It is on.")]
    context = Context(user_id=hass_admin_user.id)

    heard = await act("append_audio", path=str(media_dir / "tone.wav"))
    committed = await act("commit_audio")
    answer = await act("create_response", context=context)

    assert heard == {"duration_ms": 1000}
    assert (light := hass.states.get(kitchen_light))
    assert light.state == "on"
    assert light.context.user_id == hass_admin_user.id
    session = _actions_session(emulator)
    assert committed["item_id"] in [item.id for item in session.conversation]
    (call,) = answer.pop("tool_calls")
    assert (call["name"], call["arguments"]) == turn_on
    assert call["output"]["response_type"] == "action_done"
    (first, second) = session.sent.of("response.done")
    usage = answer.pop("usage")
    for key in ("total_tokens", "input_tokens", "output_tokens"):
        parts = [event["response"]["usage"][key] for event in (first, second)]
        assert usage[key] == sum(parts)
    parts = [
        event["response"]["usage"]["input_token_details"]["cached_tokens"]
        for event in (first, second)
    ]
    assert usage["input_token_details"]["cached_tokens"] == sum(parts)
    item_ids = [
        item["id"] for event in (first, second) for item in event["response"]["output"]
    ]
    assert answer.pop("item_ids") == item_ids
    token = answer["media_content_id"].removeprefix(f"media-source://{DOMAIN}/")
    assert answer == {
        "status": "completed",
        "text": "",
        "transcript": "It is on.",
        "media_content_id": f"media-source://{DOMAIN}/{token}",
        "url": f"/api/azure_realtime_audio/reply/{token}.wav",
    }


async def test_tools_run_as_the_caller(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    assistant_id: str,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """Who may use the assistant and not the light has no light by asking the assistant."""
    user = MockUser(is_owner=False).add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {assistant_id: True}}})
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="I may not.")]
    answer = await act("create_response", context=Context(user_id=user.id))
    (call,) = answer["tool_calls"]
    assert "action_done" not in str(call["output"])
    assert hass.states.is_state(kitchen_light, "off")


async def test_spoken_turn_on_preview(
    hass: HomeAssistant, emulator: Emulator, config_entry: MockConfigEntry
) -> None:
    """The preview protocol does the same."""
    hass.config_entries.async_update_entry(
        config_entry,
        data={**config_entry.data, CONF_API_VERSION: "2024-10-01-preview"},
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    target = {"entity_id": _conversation_entity(hass, SUBENTRY_ID)}
    emulator.replies.append(Reply(text="Good morning."))
    for action, data in (
        ("append_audio", {"audio": _base64(_pcm(0.5))}),
        ("commit_audio", {}),
        ("create_response", {"instructions": "Be kind.", "modalities": "audio"}),
    ):
        answer = await hass.services.async_call(
            DOMAIN, action, target | data, blocking=True, return_response=True
        )
    assert _actions_session(emulator).dialect == "preview"
    assert answer
    assert (answer["status"], answer["transcript"]) == ("completed", "Good morning.")
    assert answer["media_content_id"]


async def test_session_has_the_assistants_instructions_and_tools(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """The model knows the house, and a turn is ended by hand."""
    await act("create_response")
    config = _actions_session(emulator).sent.of("session.updated")[-1]["session"]
    assert config["audio"]["input"]["turn_detection"] is None
    assert "Kitchen light" in config["instructions"]
    assert "Your words are spoken aloud" in config["instructions"]
    assert turn_on[0] in [tool["name"] for tool in config["tools"]]


# --- append_audio


@pytest.mark.parametrize("name", ["tone.wav", "tone.mp3", "tone.ogg", "tone.m4a"])
async def test_append_file(
    hass: HomeAssistant, emulator: Emulator, act: Act, media_dir: Path, name: str
) -> None:
    """Whatever ffmpeg reads arrives as 24 kHz PCM16."""
    heard = await act("append_audio", path=str(media_dir / name))
    assert heard["duration_ms"] == pytest.approx(1000, abs=60)
    audio = _appended(_actions_session(emulator))
    assert len(audio) / 48 == pytest.approx(heard["duration_ms"], abs=1)
    assert _loudest_frequency(audio) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("picked", [False, True])
async def test_append_local_media(
    hass: HomeAssistant, emulator: Emulator, act: Act, media_dir: Path, picked: bool
) -> None:
    """An item of the media folder, by its id or as the media selector gives it."""
    media_id = "media-source://media_source/local/tone.mp3"
    selected = {"media_content_id": media_id, "media_content_type": "audio/mpeg"}
    heard = await act("append_audio", media_content_id=selected if picked else media_id)
    assert heard["duration_ms"] == pytest.approx(1000, abs=60)
    assert _loudest_frequency(_appended(_actions_session(emulator))) == pytest.approx(
        440, abs=2
    )


async def test_append_media_by_url(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """A media source that has no file, here the assistant's own voice, comes by its URL."""
    client = await hass_client_no_auth()
    hass.config.internal_url = str(client.make_url("")).rstrip("/")
    emulator.replies.append(Reply(text="A sentence to hear again."))
    reply = await act("create_response")
    heard = await act("append_audio", media_content_id=reply["media_content_id"])
    assert heard["duration_ms"] == 40 * len("A sentence to hear again.")
    assert _appended(_actions_session(emulator)) == b"".join(
        b64decode(event["delta"])
        for event in _actions_session(emulator).sent.of("response.output_audio.delta")
    )


@pytest.mark.parametrize(
    ("data", "duration_ms"),
    [
        ({"audio": _base64(_pcm(0.5))}, 500),
        ({"audio": _base64(_pcm(0.5, 16000)), "sample_rate": 16000}, 500),
        (
            {
                "audio": _base64(ulaw_encode(_pcm(0.5, 8000))[:-1]),
                "audio_format": "g711_ulaw",
            },
            499,
        ),
        (
            {
                "audio": _base64(alaw_encode(_pcm(0.5, 16000))),
                "audio_format": "g711_alaw",
                "sample_rate": 16000,
            },
            500,
        ),
    ],
)
async def test_append_base64(
    emulator: Emulator, act: Act, data: dict[str, Any], duration_ms: int
) -> None:
    """Raw audio of any rate and format arrives as 24 kHz PCM16."""
    assert await act("append_audio", **data) == {"duration_ms": duration_ms}
    await act("commit_audio")
    audio = _appended(_actions_session(emulator))
    assert len(audio) / 48 == pytest.approx(duration_ms, abs=1)
    assert _loudest_frequency(audio) == pytest.approx(440, abs=4)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({}, ServiceValidationError, "exactly one of"),
        ({"audio": "AAAA", "path": "/a.wav"}, ServiceValidationError, "exactly one of"),
        ({"path": "/etc/hostname"}, ServiceValidationError, "may not read"),
        ({"path": "concat:{dir}/a.wav"}, ServiceValidationError, "may not read"),
        ({"path": "{dir}/none.wav"}, ServiceValidationError, "no file"),
        ({"path": "{dir}"}, ServiceValidationError, "no file"),
        ({"path": "{dir}/text.wav"}, HomeAssistantError, "cannot be read as audio"),
        ({"path": "{dir}/silent.mkv"}, HomeAssistantError, "cannot be read as audio"),
        ({"path": "{dir}/list.m3u8"}, HomeAssistantError, "cannot be read as audio"),
        (
            {"media_content_id": "http://127.0.0.1/a.mp3"},
            ServiceValidationError,
            "not an item of a media source",
        ),
        (
            {"media_content_id": "media-source://media_source/local/none.mp3"},
            ServiceValidationError,
            "no file",
        ),
        (
            {"media_content_id": "media-source://nowhere/a"},
            HomeAssistantError,
            "nowhere",
        ),
        (
            {"media_content_id": "media-source://nowhere"},
            HomeAssistantError,
            "nowhere",
        ),
        ({"audio": "no base64!"}, HomeAssistantError, "base64"),
        (
            {"audio": "no base64!", "audio_format": "g711_ulaw"},
            HomeAssistantError,
            "base64",
        ),
        (
            {"audio": "AAAAAA==", "sample_rate": 16001},
            HomeAssistantError,
            "sample_rate",
        ),
    ],
)
async def test_append_audio_errors(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    media_dir: Path,
    data: dict[str, Any],
    error: type[HomeAssistantError],
    message: str,
) -> None:
    """Each mistake has a sentence of its own, and nothing is sent."""
    data = {
        key: value.format(dir=media_dir) if isinstance(value, str) else value
        for key, value in data.items()
    }
    with pytest.raises(error, match=message) as raised:
        await act("append_audio", **data)
    assert raised.value.translation_domain == DOMAIN or "nowhere" in message
    assert not _appended(_actions_session(emulator))


async def test_append_too_much(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    media_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file without end is refused, ffmpeg is stopped, and nothing of it is left."""
    monkeypatch.setattr(media, "MAX_AUDIO_SECONDS", 30)
    with pytest.raises(HomeAssistantError, match="longer than 30 seconds"):
        await act("append_audio", path=str(media_dir / "long.wav"))
    assert not _child_processes()
    with pytest.raises(HomeAssistantError, match="buffer too small"):
        await act("commit_audio")


async def test_append_takes_too_long(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A source that does not end is given up, and ffmpeg is stopped."""
    monkeypatch.setattr(handlers, "APPEND_TIMEOUT", 0.5)
    client = await hass_client_no_auth()
    hass.config.internal_url = str(client.make_url("")).rstrip("/")
    endless = asyncio.Event()
    emulator.replies.append(Reply(text="An endless reply.", hold=endless))
    reply = await act("create_response", wait=False)
    with pytest.raises(HomeAssistantError, match="could not be sent within 0.5"):
        await act("append_audio", media_content_id=reply["media_content_id"])
    assert not _child_processes()
    await act("cancel_response")


async def test_append_is_stopped(emulator: Emulator, act: Act, media_dir: Path) -> None:
    """A script that is stopped in the middle of a file leaves nothing of it."""
    append = asyncio.create_task(act("append_audio", path=str(media_dir / "long.wav")))
    session = await _next_actions_session(emulator)
    await session.wait_for("input_audio_buffer.append")
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    assert not _child_processes()
    with pytest.raises(HomeAssistantError, match="buffer too small"):
        await act("commit_audio")


async def test_append_without_ffmpeg(
    hass: HomeAssistant, config_entry: MockConfigEntry, media_dir: Path
) -> None:
    """A missing ffmpeg is told."""
    ffmpeg = {"ffmpeg_bin": "/nowhere/ffmpeg"}
    assert await async_setup_component(hass, "ffmpeg", {"ffmpeg": ffmpeg})
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    with pytest.raises(HomeAssistantError, match="ffmpeg cannot be started"):
        await hass.services.async_call(
            DOMAIN,
            "append_audio",
            {
                "entity_id": _conversation_entity(hass, SUBENTRY_ID),
                "path": str(media_dir / "tone.wav"),
            },
            blocking=True,
        )


# --- The audio buffer


async def test_commit_nothing(act: Act) -> None:
    """The service's own words are told."""
    with pytest.raises(HomeAssistantError, match="buffer too small") as raised:
        await act("commit_audio")
    assert raised.value.translation_key == "command_refused"


async def test_clear_audio_buffer(emulator: Emulator, act: Act) -> None:
    """What was cleared cannot be committed."""
    await act("append_audio", audio=_base64(_pcm(0.5)))
    await act("clear_audio_buffer")
    with pytest.raises(HomeAssistantError, match="buffer too small"):
        await act("commit_audio")


# --- The conversation


@pytest.mark.parametrize(
    ("role", "part_type"),
    [("user", "input_text"), ("assistant", "output_text"), ("system", "input_text")],
)
async def test_create_text_item(
    emulator: Emulator, act: Act, role: str, part_type: str
) -> None:
    """A text becomes a message of its role."""
    created = await act("create_conversation_item", text="Good morning", role=role)
    (item,) = _actions_session(emulator).conversation
    assert (item.id, item.type, item.role) == (created["item_id"], "message", role)
    assert item.content == [{"type": part_type, "text": "Good morning"}]


async def test_create_items_in_order(emulator: Emulator, act: Act) -> None:
    """A raw item takes the place it is given."""
    last = await act("create_conversation_item", text="last")
    first = await act(
        "create_conversation_item",
        item={
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "first"}],
        },
        previous_item_id="root",
    )
    second = await act(
        "create_conversation_item", text="second", previous_item_id=first["item_id"]
    )
    items = [item.id for item in _actions_session(emulator).conversation]
    assert items == [created["item_id"] for created in (first, second, last)]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({}, ServiceValidationError, "either a text or an item"),
        (
            {"text": "a", "item": {"type": "message"}},
            ServiceValidationError,
            "either a text or an item",
        ),
        ({"item": {"type": "photograph"}}, HomeAssistantError, "type"),
        (
            {
                "item": {
                    "type": "function_call_output",
                    "call_id": "call_1",
                    "output": "{}",
                }
            },
            HomeAssistantError,
            "call_1",
        ),
        (
            {"text": "a", "previous_item_id": "item_1"},
            HomeAssistantError,
            "item_1",
        ),
    ],
)
async def test_create_item_errors(
    act: Act, data: dict[str, Any], error: type[HomeAssistantError], message: str
) -> None:
    """Bad input and refusals are told."""
    with pytest.raises(error, match=message):
        await act("create_conversation_item", **data)


async def test_delete_item(emulator: Emulator, act: Act) -> None:
    """An item can be deleted once."""
    created = await act("create_conversation_item", text="Forget this")
    await act("delete_item", item_id=created["item_id"])
    assert not list(_actions_session(emulator).conversation)
    with pytest.raises(HomeAssistantError, match="does not exist"):
        await act("delete_item", item_id=created["item_id"])


async def test_truncate_item(emulator: Emulator, act: Act) -> None:
    """A spoken item is cut to what was played, no longer than it is."""
    emulator.replies.append(Reply(text="A rather long answer."))
    reply = await act("create_response")
    (item_id,) = reply["item_ids"]
    with pytest.raises(HomeAssistantError, match="already shorter"):
        await act("truncate_item", item_id=item_id, audio_end_ms=60000)
    await act("truncate_item", item_id=item_id, audio_end_ms=300)
    (truncated,) = _actions_session(emulator).sent.of("conversation.item.truncated")
    assert (truncated["content_index"], truncated["audio_end_ms"]) == (0, 300)


@pytest.mark.parametrize(
    "data",
    [
        {"audio_end_ms": -1},
        {"audio_end_ms": 3_600_001},
        {"audio_end_ms": 2**64},
        {"audio_end_ms": 1, "content_index": 64},
        {"audio_end_ms": 1, "content_index": 2**64},
    ],
)
async def test_truncate_out_of_range(act: Act, data: dict[str, int]) -> None:
    """What no item can have is refused, before it is too large for the wire."""
    with pytest.raises(vol.Invalid, match="value must be at"):
        await act("truncate_item", item_id="item_1", **data)


# --- create_response


async def test_response_in_writing(emulator: Emulator, act: Act) -> None:
    """A written answer has a text and nothing to play."""
    await act("create_conversation_item", text="Good morning")
    emulator.replies.append(Reply(text="Good morning to you."))
    reply = await act("create_response", modalities="text")
    assert reply["text"] == "Good morning to you."
    assert reply["transcript"] == ""
    assert reply["media_content_id"] is None
    assert reply["url"] is None


async def test_response_fields(emulator: Emulator, act: Act) -> None:
    """Each field goes into the response; instructions keep what is known of the house."""
    await act(
        "create_response",
        instructions="Answer like a pirate.",
        modalities=["audio", "text"],
        voice="marin",
        metadata={"topic": "pirates"},
    )
    (created,) = _actions_session(emulator).received.of("response.create")
    config = created["response"]
    assert config["instructions"].endswith("\nAnswer like a pirate.")
    assert "Your words are spoken aloud" not in config["instructions"]
    assert "conversation" not in config
    assert config["output_modalities"] == ["audio"]
    assert config["audio"]["output"]["voice"] == "marin"
    assert config["metadata"] == {"topic": "pirates"}


async def test_exact_words(act: Act) -> None:
    """Without tools the instructions are the caller's alone."""
    reply = await act(
        "create_response",
        instructions='Say exactly: "Dinner is ready."',
        run_tools=False,
    )
    assert reply["transcript"] == "Dinner is ready."


async def test_out_of_band_response_runs_beside(
    hass: HomeAssistant, emulator: Emulator, act: Act, turn_on: ToolCall
) -> None:
    """A response outside the conversation does not wait, and is not remembered."""
    more = asyncio.Event()
    emulator.replies += [
        Reply(text="A long story.", hold=more),
        Reply(text="Quick note.", tool_calls=[turn_on]),
    ]
    story = await act("create_response", wait=False)
    note = await act("create_response", conversation="none")
    assert note["transcript"] == "Quick note."
    (call,) = note["tool_calls"]
    assert call.pop("call_id")
    assert call == {"name": turn_on[0], "arguments": turn_on[1], "output": None}
    conversation = [item.id for item in _actions_session(emulator).conversation]
    assert not set(note["item_ids"]) & set(conversation)
    assert story["status"] == "in_progress"
    more.set()
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_racing_responses(emulator: Emulator, act: Act) -> None:
    """Of two answers asked for at once, one is refused at once."""
    answers = await asyncio.gather(
        act("create_response"), act("create_response"), return_exceptions=True
    )
    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(refused, HomeAssistantError)
    assert refused.translation_key == "response_active"
    (answer,) = [answer for answer in answers if isinstance(answer, dict)]
    assert answer["status"] == "completed"


async def test_response_while_one_is_active(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """While an answer is made another is refused; afterwards it is not."""
    more = asyncio.Event()
    emulator.replies.append(Reply(text="A long story.", hold=more))
    await act("create_response", wait=False)
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "response_active"
    more.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await act("create_response"))["status"] == "completed"


async def test_response_takes_too_long(emulator: Emulator, act: Act) -> None:
    """An answer that does not end is cancelled, and the next one works."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    with pytest.raises(HomeAssistantError, match="within 1 seconds"):
        await act("create_response", timeout=1)
    (done,) = _actions_session(emulator).sent.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert (await act("create_response"))["status"] == "completed"


@pytest.mark.parametrize(
    ("error", "key", "sentence"),
    [
        ({"message": "Out of GPUs."}, "response_failed", "Out of GPUs"),
        ({"type": "server_error"}, "response_failed", "server_error"),
        ({"code": "insufficient_quota"}, "quota_exceeded", "spending limit"),
        ({"code": "rate_limit_exceeded"}, "rate_limited", "Wait a moment"),
    ],
)
async def test_failed_response(
    emulator: Emulator, act: Act, error: dict[str, str], key: str, sentence: str
) -> None:
    """A failure of the model is an error that says why, and what helps."""
    emulator.replies.append(Reply(status="failed", error=error))
    with pytest.raises(HomeAssistantError, match=sentence) as raised:
        await act("create_response")
    assert raised.value.translation_key == key


async def test_refused_response(emulator: Emulator, act: Act) -> None:
    """A refusal is told, and the next answer works."""
    emulator.faults.add("refuse:response.create", times=1)
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "command_refused"
    assert (await act("create_response"))["status"] == "completed"


@pytest.mark.parametrize("begun", [False, True])
async def test_stopped_script(
    hass: HomeAssistant, emulator: Emulator, act: Act, begun: bool
) -> None:
    """A script that is stopped while it waits takes the answer with it."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    if not begun:
        emulator.faults.add("late_ack:response.create", times=1)
    speaking = _status_becomes(hass, "speaking")
    answer = asyncio.create_task(act("create_response"))
    session = await _next_actions_session(emulator)
    await (speaking if begun else session.wait_for("response.create"))
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    (done,) = session.sent.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert (await act("create_response"))["status"] == "completed"


async def test_incomplete_response(emulator: Emulator, act: Act) -> None:
    """An answer that was cut short is an answer all the same."""
    emulator.replies.append(Reply(text="To be", status="incomplete"))
    reply = await act("create_response")
    assert reply["status"] == "incomplete"
    assert reply["transcript"]


async def test_connection_lost_during_response(emulator: Emulator, act: Act) -> None:
    """A socket that dies is told at once."""
    emulator.faults.add("ends_at:audio/1006", times=1)
    emulator.replies.append(Reply(text="A sentence that takes more than three deltas."))
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "connection_lost"


async def test_unattended_response_fails(
    emulator: Emulator, act: Act, caplog: pytest.LogCaptureFixture, hass: HomeAssistant
) -> None:
    """A failure nobody waits for is in the log."""
    emulator.replies.append(
        Reply(
            status="failed", error={"type": "server_error", "message": "Out of GPUs."}
        )
    )
    await act("create_response", wait=False)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "ended early: The model could not answer: Out of GPUs" in caplog.text


# --- Tools


async def test_tools_left_to_the_caller(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """With run_tools off a call is told, and can be answered by further actions."""
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="If you say so.")]
    reply = await act("create_response", run_tools=False)
    (call,) = reply["tool_calls"]
    assert call["output"] is None
    assert (light := hass.states.get(kitchen_light))
    assert light.state == "off"
    output = {"type": "function_call_output", "output": "done by hand"}
    await act("create_conversation_item", item=output | {"call_id": call["call_id"]})
    assert (await act("create_response"))["transcript"] == "If you say so."


async def test_tool_errors_are_told_to_the_model(emulator: Emulator, act: Act) -> None:
    """A call that cannot be run gets an error for an output, and the model goes on."""
    emulator.replies += [
        Reply(tool_calls=[("HassFly", {}), ("HassTurnOn", "{broken")]),
        Reply(text="I cannot do that."),
    ]
    reply = await act("create_response")
    assert reply["transcript"] == "I cannot do that."
    unknown, broken = reply["tool_calls"]
    assert "error" in unknown["output"]
    assert broken["arguments"] == "{broken"
    assert "error" in broken["output"]


async def test_tool_rounds_are_bounded(
    hass: HomeAssistant,
    emulator: Emulator,
    act: Act,
    kitchen_light: str,
    turn_on: ToolCall,
) -> None:
    """A model that calls tools for ever is stopped; ten rounds are fine."""
    call = Reply(tool_calls=[turn_on])
    emulator.replies += [*[call] * 10, Reply(text="At last.")]
    reply = await act("create_response")
    assert len(reply["tool_calls"]) == 10
    assert reply["transcript"] == "At last."
    emulator.replies += [call] * 11
    with pytest.raises(HomeAssistantError, match="more than 10 times"):
        await act("create_response")


# --- cancel_response, set_model_speak_done


async def test_cancel_response(emulator: Emulator, act: Act) -> None:
    """An answer in the making is stopped, and says so."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    answer = asyncio.create_task(act("create_response"))
    session = await _next_actions_session(emulator)
    await session.sent.wait_for("response.created")
    assert await act("cancel_response") == {"cancelled": True}
    assert (await answer)["status"] == "cancelled"
    assert await act("cancel_response") == {"cancelled": False}


def _status_becomes(hass: HomeAssistant, status: str) -> asyncio.Future[None]:
    """Return a future that waits for the status sensor."""
    reached: asyncio.Future[None] = hass.loop.create_future()

    @callback
    def on_change(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state and state.state == status and not reached.done():
            reached.set_result(None)

    async_track_state_change_event(hass, _status_sensor(hass), on_change)
    return reached


def _status_sensor(hass: HomeAssistant) -> str:
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{SUBENTRY_ID}_status"
    )
    assert entity_id
    return entity_id


async def _next_actions_session(emulator: Emulator) -> Session:
    """Wait for the session of the actions: the one after that of the set-up."""
    await emulator.next_session()
    return await emulator.next_session()


async def test_cancel_while_a_tool_runs(
    hass: HomeAssistant, emulator: Emulator, act: Act, turn_on: ToolCall
) -> None:
    """The tool is not undone, but no answer follows it; a race is refused meanwhile."""
    light = SlowLight()
    setup_test_component_platform(hass, "light", [light])
    assert await async_setup_component(hass, "light", {"light": {"platform": "test"}})
    await hass.async_block_till_done()
    async_expose_entity(hass, "conversation", light.entity_id, True)
    emulator.replies += [Reply(tool_calls=[turn_on]), Reply(text="Next answer.")]
    answer = asyncio.create_task(act("create_response"))
    await light.asked.wait()
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "response_active"
    assert await act("cancel_response") == {"cancelled": True}
    light.may_go_on.set()
    reply = await answer
    assert reply["status"] == "cancelled"
    assert reply["tool_calls"][0]["output"]["response_type"] == "action_done"
    assert (await act("create_response"))["transcript"] == "Next answer."


class SlowLight(KitchenLight):
    """A light that goes on when it is told it may."""

    def __init__(self) -> None:
        """Wait to be asked."""
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Go on, later."""
        self.asked.set()
        await self.may_go_on.wait()
        await super().async_turn_on()


async def test_set_model_speak_done(hass: HomeAssistant, act: Act) -> None:
    """The status leaves speaking when the player says it is done."""
    await act("create_response")
    assert hass.states.is_state(_status_sensor(hass), "speaking")
    await act("set_model_speak_done")
    assert hass.states.is_state(_status_sensor(hass), "idle")


# --- update_session


async def test_update_session(emulator: Emulator, act: Act) -> None:
    """Returns the session in force, less what its owner alone should know."""
    tool = {
        "type": "mcp",
        "server_label": "books",
        "server_url": "https://books.example.com",
        "authorization": "secret token",
        "headers": {"X-Key": "secret key"},
    }
    vad = {"type": "server_vad", "silence_duration_ms": 800}
    updated = await act(
        "update_session", session={"turn_detection": vad, "tools": [tool]}
    )
    session = updated["session"]
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 800
    assert session["tools"][0]["server_label"] == "books"
    assert "secret" not in str(updated)
    assert "Your words are spoken aloud" in session["instructions"]


async def test_what_an_action_sets_stays(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """The assistant's own instructions and tools do not take the place of the caller's."""
    tool = {"type": "function", "name": "fly", "parameters": {"type": "object"}}
    settings = {"instructions": "You are a pilot.", "tools": [tool]}
    await act("update_session", session=settings)
    emulator.replies.append(Reply(tool_calls=[("fly", {})]))
    reply = await act("create_response")
    config = _actions_session(emulator).sent.of("session.updated")[-1]["session"]
    assert config["instructions"] == "You are a pilot."
    assert [tool["name"] for tool in config["tools"]] == ["fly"]
    assert reply["tool_calls"][0]["output"] is None


async def test_update_session_error(emulator: Emulator, act: Act) -> None:
    """A wrong setting is named before anything is sent."""
    with pytest.raises(HomeAssistantError, match="silence") as raised:
        await act("update_session", session={"silence": 3})
    assert raised.value.translation_key == "invalid_config"


# --- Who may act on what


@pytest.mark.parametrize("kind", ["nobody", "sensor", "both", "all"])
async def test_not_one_assistant(
    hass: HomeAssistant, config_entry: MockConfigEntry, kind: str
) -> None:
    """An action takes exactly one assistant."""
    hass.config_entries.async_add_subentry(
        config_entry,
        _assistant("second", DEFAULT_ASSISTANT | {CONF_LLM_HASS_API: []}),
    )
    await hass.config_entries.async_setup(config_entry.entry_id)
    both = [_conversation_entity(hass, id_) for id_ in (SUBENTRY_ID, "second")]
    targets = {
        "nobody": "none",
        "sensor": _status_sensor(hass),
        "both": both,
        "all": "all",
    }
    with pytest.raises(ServiceValidationError, match="exactly one assistant"):
        await hass.services.async_call(
            DOMAIN, "cancel_response", {"entity_id": targets[kind]}, blocking=True
        )


async def test_target_a_device(hass: HomeAssistant, assistant_id: str) -> None:
    """The assistant's device will do."""
    entity = er.async_get(hass).async_get(assistant_id)
    assert entity
    assert dr.async_get(hass).async_get(entity.device_id or "")
    assert await hass.services.async_call(
        DOMAIN,
        "cancel_response",
        {"device_id": entity.device_id},
        blocking=True,
        return_response=True,
    ) == {"cancelled": False}


async def test_target_is_required(hass: HomeAssistant, assistant_id: str) -> None:
    """Without a target the call is invalid."""
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(DOMAIN, "cancel_response", {}, blocking=True)


async def test_unloaded_assistant(
    hass: HomeAssistant, act: Act, init_integration: MockConfigEntry
) -> None:
    """An assistant that is not loaded is unavailable."""
    await hass.config_entries.async_unload(init_integration.entry_id)
    with pytest.raises(HomeAssistantError, match="not available now"):
        await act("cancel_response")


async def test_unreachable_service(
    hass: HomeAssistant, emulator: Emulator, act: Act
) -> None:
    """The first action says why; from then on the assistant is unavailable."""
    emulator.faults.add("http_503")
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "cannot_connect"
    with pytest.raises(HomeAssistantError, match="not available now"):
        await act("create_response")


async def test_invalid_key_starts_reauth(
    hass: HomeAssistant, emulator: Emulator, act: Act, config_entry: MockConfigEntry
) -> None:
    """A key that does not work any more is told, and asked for."""
    emulator.faults.add("http_401")
    with pytest.raises(HomeAssistantError) as raised:
        await act("commit_audio")
    assert raised.value.translation_key == "invalid_auth"
    await hass.async_block_till_done()
    assert [*config_entry.async_get_active_flows(hass, {"reauth"})]


async def test_permissions(
    hass: HomeAssistant, emulator: Emulator, act: Act, hass_read_only_user: User
) -> None:
    """Only who may control the assistant may act on it."""
    with pytest.raises(Unauthorized):
        await act("commit_audio", context=Context(user_id=hass_read_only_user.id))
    with pytest.raises(UnknownUser):
        await act("commit_audio", context=Context(user_id="nobody"))
    assert len(emulator.sessions) == 1


async def test_bad_template(
    hass: HomeAssistant, config_entry: MockConfigEntry, act: Act
) -> None:
    """Instructions that cannot be rendered are told."""
    subentry = config_entry.subentries[SUBENTRY_ID]
    data = {**subentry.data, CONF_INSTRUCTIONS: "{{ 1 / 0 }}"}
    hass.config_entries.async_update_subentry(config_entry, subentry, data=data)
    await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError) as raised:
        await act("create_response")
    assert raised.value.translation_key == "prompt_failed"


async def test_unload_ends_a_reply(
    hass: HomeAssistant, emulator: Emulator, act: Act, config_entry: MockConfigEntry
) -> None:
    """A reply nobody waits for ends with the entry, and so does one that is waited for."""
    emulator.replies.append(Reply(text="A long story.", hold=asyncio.Event()))
    await act("create_response", wait=False)
    assert await hass.config_entries.async_unload(config_entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _actions_session(emulator).closed


async def test_descriptions(hass: HomeAssistant, assistant_id: str) -> None:
    """Every action and field is described, and every described field is taken."""
    descriptions = (await async_get_all_descriptions(hass))[DOMAIN]
    assert set(descriptions) == set(services.ACTIONS)
    for name, action in services.ACTIONS.items():
        fields = {str(field) for field in action.fields}
        assert set(descriptions[name]["fields"]) == fields
        assert descriptions[name]["target"]["entity"][0]["domain"] == ["conversation"]


def _assistant(subentry_id: str, data: Mapping[str, Any]) -> ConfigSubentry:
    return ConfigSubentry(
        data=MappingProxyType(dict(data)),
        subentry_id=subentry_id,
        subentry_type=SUBENTRY_CONVERSATION,
        title="Second",
        unique_id=None,
    )
