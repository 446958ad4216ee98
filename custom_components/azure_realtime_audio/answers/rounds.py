"""One loop of responses and the tools that they call, for chats and for actions."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from homeassistant.helpers import llm

from ..chat.tools import MAX_TOOL_ROUNDS, ToolBudget, TooManyToolRoundsError, tool_input
from ..errors import translated
from ..realtime import (
    CommandTimeoutError,
    ConnectionLostError,
    Delta,
    Response,
    ToolCall,
)


class LostBeforeAWordError(ConnectionLostError):
    """The connection was lost before the model had said anything."""


@dataclass(frozen=True, slots=True)
class Round:
    """One response, and the tools that it calls.

    ``may_call_tools`` is False for a response after the last round of tools that an answer
    may take: its calls must not be run.
    """

    budget: ToolBudget
    is_first: bool
    may_call_tools: bool

    def tool_input(
        self, llm_api: llm.APIInstance | None, call: ToolCall
    ) -> llm.ToolInput:
        """Return a call of the model as Home Assistant's, to be run.

        Raises InvalidToolCallError, TooManyToolCallsError and TooManyToolRoundsError.
        """
        if not self.may_call_tools:
            raise TooManyToolRoundsError
        return tool_input(llm_api, call, self.budget)


async def async_rounds(
    respond: Callable[[Round], Awaitable[bool]], deadline: float, seconds: float
) -> None:
    """Ask for one response after another, until the model has no more to say.

    ``respond`` has one response made and its tools run, and returns whether the model waits
    for their results. ``deadline`` is the event loop's time at which the answer has to be
    complete, ``seconds`` after it began. Raises RealtimeError, and HomeAssistantError if the
    answer takes too long or too many rounds.
    """
    budget = ToolBudget()
    try:
        async with asyncio.timeout_at(deadline):
            for number in range(MAX_TOOL_ROUNDS + 1):
                this = Round(budget, number == 0, number < MAX_TOOL_ROUNDS)
                try:
                    is_waiting = await respond(this)
                except LostBeforeAWordError:
                    # Safe to retry: no tool has run, and the new session has the history.
                    is_waiting = await respond(replace(this, is_first=False))
                if not is_waiting:
                    return
    except TimeoutError:
        raise translated("response_timeout", seconds=f"{seconds:g}") from None
    raise translated(
        "too_many_tool_rounds", rounds=str(MAX_TOOL_ROUNDS), tools=budget.spent
    )


async def async_read_to_end(
    response: Response, stall: float, on_delta: Callable[[Delta], None]
) -> None:
    """Read a response to its end, as long as it does not stall for so many seconds.

    Raises CommandTimeoutError and ConnectionLostError.
    """
    position = 0
    try:
        while True:
            for delta in response.deltas[position:]:
                on_delta(delta)
                position += 1
            if response.is_done:
                break
            async with asyncio.timeout(stall):
                await response.changed()
    except TimeoutError:
        raise CommandTimeoutError("response.create") from None
    await async_require_end(response)


async def async_require_end(response: Response) -> None:
    """Raise why a response has no proper end, if it has none.

    Raises CommandTimeoutError, and ConnectionLostError: LostBeforeAWordError, where the
    response can be asked for once more.
    """
    if not response.is_done:
        raise CommandTimeoutError("response.create")
    try:
        await response.done()
    except ConnectionLostError as err:
        if response.deltas:
            raise
        raise LostBeforeAWordError(err.code) from err
