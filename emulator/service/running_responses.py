"""The responses of one session that are in progress: at most one in the conversation."""

import asyncio
from collections.abc import Callable, Coroutine
import contextlib
from typing import Any

from ..wire.conversation import Item
from ..wire.dialect import Dialect
from ..wire.errors import InvalidRequest
from .configuration import check_model, check_voice, merged
from .input_audio import InputAudio
from .responses import Response
from .session_port import SessionPort

type Start = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]


class RunningResponses:
    """Creates and cancels responses."""

    def __init__(
        self,
        session: SessionPort,
        input_audio: InputAudio,
        dialect: Dialect,
        start: Start,
    ) -> None:
        """Start without a response; `start` runs a coroutine for as long as the session."""
        self._session = session
        self._input = input_audio
        self._dialect = dialect
        self._start = start
        self._active: Response | None = None
        self._out_of_band: dict[str, Response] = {}

    def create(self, raw: dict[str, Any]) -> None:
        """Create a response. Raises InvalidRequest if the service refuses the response."""
        patch = self._dialect.response_patch(raw)
        check_model(self._session.settings, patch, "response")
        in_conversation = patch.get("conversation") != "none"
        if in_conversation and self._active:
            raise InvalidRequest(
                "Conversation already has an active response in progress: "
                f"{self._active.id}. Wait until the response is finished before creating a "
                "new one.",
                "conversation_already_has_active_response",
            )
        given = patch.pop("input", None)
        config = merged(
            {**self._session.config, "conversation": "auto", "metadata": None}, patch
        )
        if in_conversation:
            check_voice(self._session, config)
        config["own_instructions"] = patch.get("instructions")
        items = None if given is None else [self._given_item(item) for item in given]
        response = Response(self._session, config, items)
        if in_conversation:
            self._input.stop_idling()  # first: a response may end as soon as it starts
            self._active = response
        else:
            self._out_of_band[response.id] = response
        response.task = self._start(response.generate())

    async def cancel(self, response_id: str | None) -> None:
        """Cancel a response, or the active one. Raises InvalidRequest if there is none."""
        response = self._active
        if response_id is not None and (response is None or response.id != response_id):
            response = self._out_of_band.get(response_id)
        if response is None:
            raise InvalidRequest(
                "Cancellation failed: no active response found",
                "response_cancel_not_active",
            )
        if (seconds := self._session.settings.faults.take("late_cancel")) is not None:
            self._start(self._cancel_later(response, float(seconds or 0.5)))
        else:
            await response.cancel("client_cancelled")

    async def interrupt(self) -> None:
        """Cancel the active response because the user speaks."""
        if self._active:
            await self._active.cancel("turn_detected")

    def ended(self, response_id: str, audio_ms: int) -> None:
        """Forget a response that has ended; after the active one, wait for the user."""
        if self._active is not None and self._active.id == response_id:
            self._active = None
            self._input.idle_from(audio_ms)
        self._out_of_band.pop(response_id, None)

    async def _cancel_later(self, response: Response, seconds: float) -> None:
        await asyncio.sleep(seconds)  # the fault is a service that cancels late
        if response.status == "in_progress":
            await response.cancel("client_cancelled")
        else:
            with contextlib.suppress(InvalidRequest):
                await self.cancel(response.id)

    def _given_item(self, wire: dict[str, Any]) -> Item:
        """Return an item of a response's own input."""
        if wire["type"] != "item_reference":
            self._session.conversation.check_ids(wire)
            return Item.created(wire)
        found = self._session.conversation.find(wire["id"])
        if found is None:
            raise InvalidRequest(
                f"Error referencing item: the item with id '{wire['id']}' does not exist.",
                "item_reference_invalid_item_id",
            )
        return found
