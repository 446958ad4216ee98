"""The commands of the card: who may use them, and what they refuse."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from homeassistant.auth.models import Group
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.azure_realtime_audio.const import CONF_API_VERSION, DOMAIN
from emulator import Emulator

from ..actions.test_session import BOOKS
from ..conftest import API_KEY
from ..talk import AGENT
from .card import LiveCard, logged

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def data_url(image: bytes, kind: str = "png") -> str:
    """Return a picture as a browser sends it."""
    return f"data:image/{kind};base64,{b64encode(image).decode()}"


async def test_check(emulator: Emulator, card: LiveCard) -> None:
    """A check tells how the service is reached, and neither key nor host."""
    answer = await card.command(type=f"{DOMAIN}/check", entity_id=AGENT)
    told = answer["result"]
    assert told.pop("round_trip_ms") >= 0
    assert told == {
        "reachable": True,
        "dialect": "ga",
        "model": "gpt-realtime",
        "version": "0.1.0",
        "home_assistant": __version__,
    }
    assert emulator.sessions[-1].closed


async def test_check_without_a_service(emulator: Emulator, card: LiveCard) -> None:
    """A check of a service that refuses the key says so in a sentence."""
    emulator.api_key = "another"
    answer = await card.command(type=f"{DOMAIN}/check", entity_id=AGENT)
    told = answer["result"]
    assert told["reachable"] is False
    assert told["round_trip_ms"] is None
    assert told["error"].startswith("The Azure service does not accept the key.")
    assert API_KEY not in str(told)
    assert emulator.host_name not in str(told)


async def test_secret_that_the_service_repeats(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """Neither the check nor a live conversation shows the authorization of a tool."""
    await hass.services.async_call(
        DOMAIN,
        "update_session",
        {"entity_id": AGENT, "session": {"tools": [BOOKS]}},
        blocking=True,
    )
    emulator.faults.add("refuse:session.update/Not with Bearer secret-token")
    checked = await card.command(type=f"{DOMAIN}/check", entity_id=AGENT)
    await card.start()
    error = await card.until_event("error")
    for told in (checked["result"]["error"], error["message"]):
        assert "Not with ***" in told
        assert "secret-token" not in told


@pytest.mark.parametrize(
    ("command", "permissions"),
    [
        ("live/start", {"entities": {"entity_ids": {AGENT: {"read": True}}}}),
        ("check", {"entities": {"entity_ids": {AGENT: {"control": True}}}}),
        ("watch", {"entities": {"entity_ids": {AGENT: {"control": True}}}}),
    ],
)
async def test_permissions(
    hass: HomeAssistant,
    init_integration: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
    command: str,
    permissions: Mapping[str, Any],
) -> None:
    """To talk takes the right to control the entity, to look the right to read it."""
    group = Group(name="some", policy=permissions, id="some")
    hass_read_only_user.groups = [group]
    hass_read_only_user.invalidate_cache()
    socket = await hass_ws_client(hass, hass_read_only_access_token)
    await socket.send_json_auto_id({"type": f"{DOMAIN}/{command}", "entity_id": AGENT})
    answer = await socket.receive_json()
    assert answer["error"]["code"] == "unauthorized"


async def test_no_assistant(card: LiveCard) -> None:
    """An entity that is no assistant's is not found."""
    answer = await card.start(entity_id="conversation.home_assistant")
    assert answer["error"]["code"] == "not_found"
    assert answer["error"]["translation_key"] == "one_assistant"


async def test_not_loaded(
    hass: HomeAssistant, init_integration: MockConfigEntry, card: LiveCard
) -> None:
    """An assistant whose entry is not loaded is unavailable."""
    assert await hass.config_entries.async_unload(init_integration.entry_id)
    answer = await card.start()
    assert answer["error"]["code"] == "unavailable"
    assert answer["error"]["message"].startswith(f"{AGENT} is not available now")


async def test_two_in_a_window(card: LiveCard) -> None:
    """A window has two live conversations at most."""
    await card.start()
    await card.start()
    answer = await card.start()
    assert answer["error"]["code"] == "too_many_sessions"


async def test_too_many(
    hass: HomeAssistant, card: LiveCard, hass_ws_client: WebSocketGenerator
) -> None:
    """An assistant has four live conversations at most; one that ends makes room."""
    others = [LiveCard(await hass_ws_client(hass)) for _ in range(2)]
    for each in (card, card, others[0], others[0]):
        assert (await each.start())["success"]
    answer = await others[1].start()
    assert answer["error"]["code"] == "too_many_sessions"
    await others[0].stop()
    assert (await others[1].start())["success"]
    for each in others:
        await each.leave()


async def test_another_windows_session(
    hass: HomeAssistant, card: LiveCard, hass_ws_client: WebSocketGenerator
) -> None:
    """A window cannot speak in the live conversation of another."""
    other = LiveCard(await hass_ws_client(hass))
    await card.start()
    other.session = card.session
    answer = await other.send("text", text="Open the door")
    assert answer["error"]["code"] == "not_found"
    await other.leave()


async def test_taken_over(
    hass: HomeAssistant, card: LiveCard, hass_ws_client: WebSocketGenerator
) -> None:
    """A conversation goes on in one window at a time: the last to begin."""
    other = LiveCard(await hass_ws_client(hass))
    await card.start()
    await card.send("text", text="My name is Ada")
    await card.until_event("turn_done")
    await other.start(conversation_id=card.conversation_id)
    assert other.conversation_id == card.conversation_id
    assert (await card.until_event("ended"))["reason"] == "taken_over"
    await other.send("text", text="What is my name?")
    await other.until_event("turn_done")
    assert other.words == "Your name is Ada."
    assert len(card.of_type("turn_done")) == 1
    await other.leave()


async def test_another_users_conversation(
    hass: HomeAssistant,
    card: LiveCard,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
) -> None:
    """A user does not get the live conversation of another."""
    hass_read_only_user.groups = [
        Group(name="some", policy={"entities": {"entity_ids": {AGENT: True}}})
    ]
    hass_read_only_user.invalidate_cache()
    other = LiveCard(await hass_ws_client(hass, hass_read_only_access_token))
    await card.start()
    answer = await other.start(conversation_id=card.conversation_id)
    assert answer["error"]["code"] == "unauthorized"
    assert not card.of_type("ended")
    await card.leave()
    await hass.async_block_till_done()
    answer = await other.start(conversation_id=card.conversation_id)
    assert answer["error"]["code"] == "unauthorized"
    assert (await other.start())["success"]
    await other.leave()


async def test_picture(hass: HomeAssistant, emulator: Emulator, card: LiveCard) -> None:
    """The model sees a picture, and answers what is asked of it."""
    await card.start()
    picture = data_url(PNG)
    answer = await card.send("image", data_url=picture, text="Say: a lamp")
    assert answer["success"]
    await card.until_event("turn_done")
    assert card.words == "a lamp"
    session = emulator.sessions[-1]
    [shown] = session.received.of("conversation.item.create")
    assert shown["item"]["content"][0] == {
        "type": "input_image",
        "image_url": picture,
    }
    assert logged(hass, card)[0] == ("user", "Say: a lamp")
    # Without a question something stands for it that the model is never told.
    await card.send("image", data_url=picture)
    await card.until_event("turn_done", 2)
    assert logged(hass, card)[2] == ("user", "(a picture)")
    assert len(session.received.of("conversation.item.create")) == 2


@pytest.mark.parametrize(
    ("picture", "key"),
    [
        (data_url(PNG + bytes(1024 * 1024)), "image_too_large"),
        (data_url(PNG, "svg+xml"), "image_unreadable"),
        (data_url(b"<svg>"), "image_unreadable"),
        ("data:image/png;base64,!", "image_unreadable"),
        ("https://example.com/lamp.png", "image_unreadable"),
    ],
)
async def test_no_picture(
    emulator: Emulator, card: LiveCard, picture: str, key: str
) -> None:
    """What is no picture, or too large, is refused in a sentence, and the reply goes on."""
    await card.start()
    answer = await card.send("image", data_url=picture)
    assert answer["error"]["code"] == "invalid_format"
    assert answer["error"]["translation_key"] == key
    assert not card.of_type("turn_started")


async def test_picture_for_preview(
    hass: HomeAssistant,
    emulator: Emulator,
    config_entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """The preview protocol has no pictures, and the card knows it from the beginning."""
    hass.config_entries.async_update_entry(
        config_entry,
        data={**config_entry.data, CONF_API_VERSION: "2025-04-01-preview"},
    )
    assert await hass.config_entries.async_setup(config_entry.entry_id)
    card = LiveCard(await hass_ws_client(hass))
    await card.start()
    assert card.last("started")["takes_images"] is False
    answer = await card.send("image", data_url=data_url(PNG))
    assert answer["error"]["translation_key"] == "image_not_taken"
    # Speech works as it does with GA.
    await card.speak()
    await card.until_event("turn_done")
    assert card.words == "Hello! How can I help?"
    await card.leave()
