"""Replies of a live conversation that are played elsewhere in the house."""

import asyncio

from homeassistant.components.media_source import async_resolve_media
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockUser, async_mock_service
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from emulator import Emulator, Reply

from ..satellite import Wav, played, said_at
from ..talk import AGENT
from .card import STORY, LiveCard, logged, service_item

KITCHEN = "media_player.kitchen"


async def test_played_elsewhere(
    hass: HomeAssistant,
    emulator: Emulator,
    card: LiveCard,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    """A media player plays the whole reply, and the card shows its words."""
    hass.states.async_set(KITCHEN, "idle")
    calls = async_mock_service(hass, "media_player", "play_media")
    await card.start()
    assert (await card.send("output", media_player=KITCHEN))["success"]
    emulator.replies.append(Reply(text="Hello there", pcm=said_at(500, 0.5)))
    await card.send("text", text="Hello?")
    await card.until_event("text_done", text="Hello there")
    await hass.async_block_till_done()
    [call] = calls
    assert call.data["entity_id"] == KITCHEN
    assert call.context.user_id == hass_admin_user.id
    media = await async_resolve_media(hass, call.data["media_content_id"], KITCHEN)
    client = await hass_client_no_auth()
    wav = Wav(await (await client.get(media.url)).read())
    assert (wav.seconds, round(wav.pitch)) == (0.5, 500)
    assert card.statuses[-1] == "speaking"
    await card.until_event("turn_done")
    assert not card.of_type("audio")
    assert card.statuses[-1] == "idle"
    # From now on the card plays again.
    await card.send("output", media_player=None)
    await card.send("text", text="Hello?")
    await card.until_event("audio_done")
    assert len(calls) == 1


async def test_interrupted_elsewhere(
    hass: HomeAssistant,
    emulator: Emulator,
    card: LiveCard,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """An interruption stops the media player, and the reply ends about where it was heard to."""
    hass.states.async_set(KITCHEN, "idle")
    calls = async_mock_service(hass, "media_player", "play_media")
    stops = async_mock_service(hass, "media_player", "media_stop")
    await card.start()
    await card.send("output", media_player=KITCHEN)
    emulator.replies.append(Reply(text=STORY, pcm=said_at(500, 6.0)))
    await card.send("text", text="Tell me a story")
    await card.until_event("response_done")
    await hass.async_block_till_done()
    media = await async_resolve_media(hass, calls[0].data["media_content_id"], KITCHEN)
    client = await hass_client_no_auth()
    began = asyncio.get_running_loop().time()
    await (await client.get(media.url)).read()
    await played(0.3)
    await card.send("interrupt")
    cut = await card.until_event("interrupted")
    at_most_ms = (asyncio.get_running_loop().time() - began) * 1000
    assert 300 <= cut["audio_end_ms"] <= at_most_ms
    session = emulator.sessions[-1]
    assert service_item(session, cut["item_id"]) == cut["audio_end_ms"]
    await hass.async_block_till_done()
    assert stops[0].data["entity_id"] == KITCHEN
    assert logged(hass, card)[-1] == ("assistant", cut["text"])


async def test_player_that_cannot(
    hass: HomeAssistant, emulator: Emulator, card: LiveCard
) -> None:
    """A media player that fails is told in a sentence, and the conversation goes on."""
    hass.states.async_set(KITCHEN, "idle")
    await card.start()
    answer = await card.send("output", media_player="media_player.gone")
    assert answer["error"]["code"] == "not_found"
    await card.send("output", media_player=KITCHEN)
    await card.send("text", text="Hello?")  # there is no such action here
    error = await card.until_event("error")
    assert error["message"].startswith(f"{KITCHEN} cannot play the reply.")
    await card.until_event("turn_done")
    await card.send("output", media_player=None)
    await card.send("text", text="Say: here I am")
    await card.until_event("text_done", text="here I am")


async def test_player_of_others(
    hass: HomeAssistant,
    emulator: Emulator,
    card: LiveCard,
    hass_admin_user: MockUser,
) -> None:
    """Who may not control a media player cannot have a reply played there."""
    hass.states.async_set(KITCHEN, "idle")
    await card.start()
    hass_admin_user.groups = []
    hass_admin_user.mock_policy({"entities": {"entity_ids": {AGENT: True}}})
    answer = await card.send("output", media_player=KITCHEN)
    assert answer["error"]["code"] == "unauthorized"
