"""A spoken turn does not hold the event loop, however large the house."""

import asyncio
import time

from homeassistant.components.conversation import ChatLog
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant
import pytest

from ..satellite import Satellite

# What asyncio's debug mode reports is longer. Time of the CPU, because another process may
# hold the CPU meanwhile.
SLOW_SECONDS = 0.02


class Steps:
    """The steps of the event loop that were slow, and how often core has made a prompt."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Watch from now on."""
        self.slow: list[str] = []
        self.prompts = 0
        run = asyncio.Handle._run  # noqa: SLF001 - all that the loop runs goes through it
        provide = ChatLog.async_provide_llm_data

        def timed(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            run(handle)
            if time.thread_time() - start >= SLOW_SECONDS:
                self.slow.append(repr(handle))

        async def counted(*args: object) -> None:
            self.prompts += 1
            await provide(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(asyncio.Handle, "_run", timed)
        monkeypatch.setattr(ChatLog, "async_provide_llm_data", counted)

    def of_the_turn(self) -> list[str]:
        """Return the slow steps, but for those of the emulator, which has a loop elsewhere."""
        return [step for step in self.slow if "web_protocol.py" not in step]


@pytest.mark.parametrize("entities", [0, 5_000])
async def test_nothing_holds_the_event_loop(
    hass: HomeAssistant,
    satellite: Satellite,
    monkeypatch: pytest.MonkeyPatch,
    entities: int,
) -> None:
    """Core writes the exposed entities into a prompt: only that takes long in a large house."""
    for number in range(entities):
        entity_id = f"light.number_{number}"
        hass.states.async_set(entity_id, "on", {"friendly_name": f"Light {number}"})
        async_expose_entity(hass, "conversation", entity_id, True)
    await hass.async_block_till_done()
    steps = Steps(monkeypatch)
    for _ in range(3):
        run = await satellite.run()
        assert run.error is None
    slow = steps.of_the_turn()
    assert len(slow) <= (steps.prompts if entities else 0), slow
