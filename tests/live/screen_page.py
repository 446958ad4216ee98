"""A page in a browser that is a named screen, as far as Home Assistant can tell."""

import asyncio
from collections.abc import Mapping
from typing import Any, override

from aiohttp.test_utils import TestClient
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket

from custom_components.azure_realtime_audio.const import DOMAIN

from ..satellite import Wav
from ..talk import AGENT
from .card import LiveCard


class ScreenPage(LiveCard):
    """A page that has a name, and plays at once what it is told to, if ``plays`` says so."""

    def __init__(
        self, socket: MockHAClientWebSocket, client: TestClient[Any, Any]
    ) -> None:
        """Use an open websocket of Home Assistant, and its web server."""
        super().__init__(socket)
        self.screen = ""
        self.heard: list[Wav] = []
        self._client = client

    async def connect(
        self, name: str = "Hall", entity_id: str = AGENT
    ) -> dict[str, Any]:
        """Be a screen; return the answer to the command."""
        begun = len(self.of_type("connected"))
        answer = await self.command(
            type=f"{DOMAIN}/screen/connect", entity_id=entity_id, name=name
        )
        if answer["success"]:
            self.subscription = answer["id"]
            connected = await self.until_event("connected", begun + 1)
            self.screen = connected["screen"]
            self._handler_id = connected["binary_handler_id"]
        return answer

    async def say(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Tell the screen something."""
        return await self.command(
            type=f"{DOMAIN}/screen/send",
            screen=self.screen,
            message={"type": kind, **fields},
        )

    async def until_run(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """Wait for the ``count``-th event of a type of the pipeline's runs; return it."""

        def found() -> list[dict[str, Any]]:
            events = [event["event"] for event in self.of_type("pipeline")]
            return [event for event in events if event["type"] == event_type]

        await self.until(lambda: len(found()) >= count)
        return found()[count - 1]

    @override
    async def leave(self) -> None:
        """Close the socket, whatever is being played."""
        for task in self._playing:
            task.cancel()
        if self._playing:
            await asyncio.wait(self._playing)
        await super().leave()

    @override
    def _take(self, event: Any) -> None:
        super()._take(event)
        plays = event.get("event", event)
        if plays["type"] in ("announce", "reply") and self.plays:
            self._playing.append(asyncio.create_task(self._play_to_end(plays)))

    async def _play_to_end(self, plays: Mapping[str, Any]) -> None:
        self.heard.append(await self.fetch(plays["url"]))
        await self.say("done", id=plays["id"])

    async def fetch(self, url: str) -> Wav:
        """Return what is to be played."""
        async with self._client.get(url) as response:
            assert response.status == 200
            assert response.content_type.endswith("wav")
            return Wav(await response.read())
