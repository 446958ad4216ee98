"""The actions, called as an automation calls them, against the emulator."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine
from pathlib import Path
import subprocess
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.light import ColorMode, LightEntity
from homeassistant.core import Context, HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er, llm
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
from custom_components.azure_realtime_audio.const import CONF_API_VERSION, DOMAIN
from custom_components.azure_realtime_audio.realtime.audio import (
    alaw_encode,
    ulaw_encode,
)
from emulator import Emulator, Reply, Session

from .conftest import SUBENTRY_ID
from .talk import set_timing

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
        "text": "It is on.",
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
    """A person without the right to a light cannot switch the light through the assistant."""
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
) -> None:
    """A file without end is refused, ffmpeg is stopped, and nothing of it is left."""
    set_timing(hass, max_audio=30)
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
    set_timing(hass, append=0.5)
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


async def test_descriptions(hass: HomeAssistant, assistant_id: str) -> None:
    """Every action and field is described, and every described field is taken."""
    descriptions = (await async_get_all_descriptions(hass))[DOMAIN]
    assert set(descriptions) == set(services.ACTIONS)
    for name, action in services.ACTIONS.items():
        fields = {str(field) for field in action.all_fields}
        assert set(descriptions[name]["fields"]) == fields
        assert descriptions[name]["target"]["entity"][0]["domain"] == ["conversation"]


async def _next_actions_session(emulator: Emulator) -> Session:
    """Wait for the session of the actions: the one after that of the set-up."""
    await emulator.next_session()
    return await emulator.next_session()
