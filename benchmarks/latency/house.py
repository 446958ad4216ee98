"""The Home Assistant that is timed, far from its service, and what is set up in it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
import tempfile
from typing import Any

from benchmarks.certificate import write_certificate
from benchmarks.delay_proxy import DelayProxy
from emulator import Emulator
from script.home_assistant import (
    HomeAssistant,
    SetupError,
    free_port,
    home_assistant,
    run_home_assistant,
    seed,
)

DOMAIN = "azure_realtime_audio"
CHAIN = Path(__file__).parent.parent / "chain"
OBSERVER = Path(__file__).parent.parent / "observer"  # brings a tool
SPEED = 8.0  # of the reply's sound, in multiples of real time
LETTER_SECONDS = 0.04  # of the emulator's voice


@dataclass(frozen=True)
class Assistant:
    """An assistant of the integration, and the pipeline of its three entities."""

    agent: str
    pipeline: str


@dataclass(frozen=True)
class Assistants:
    """The assistants that the turns talk to."""

    plain: Assistant
    named: Assistant  # {{ user_name }} in the instructions
    timed: Assistant  # {{ now() }}
    over_tls: Assistant


@dataclass
class House:
    """A Home Assistant in a process of its own; the service shares that of the satellites."""

    home: HomeAssistant
    emulator: Emulator
    proxy: DelayProxy
    tls_proxy: DelayProxy
    chain: str = ""  # the pipeline of three models
    _pipelines: set[str] = field(default_factory=set)

    async def set_up(self, *, tls: bool) -> Assistants:
        """Set the integration up; with ``tls``, all assistants speak it, and else the last."""
        entry_id, plain = await self._set_up_deployment(
            self.tls_proxy if tls else self.proxy
        )
        named = await self._add_assistant(
            entry_id, "Named", "You talk to {{ user_name }}. Speak briefly."
        )
        timed = await self._add_assistant(
            entry_id, "Timed", "It is {{ now() }}. Speak briefly."
        )
        over_tls = plain
        if not tls:
            _, over_tls = await self._set_up_deployment(self.tls_proxy)
        return Assistants(plain, named, timed, over_tls)

    async def _set_up_deployment(self, proxy: DelayProxy) -> tuple[str, Assistant]:
        """Set the integration up as a user does; return the entry's id and its assistant."""
        done = await self.home.fill_in(
            "config/config_entries/flow",
            {"handler": DOMAIN},
            {"host_name": proxy.url, "deployment": "bench", "api_key": "bench"},
        )
        entry_id: str = done["result"]["entry_id"]
        await self.home.entry_loaded(entry_id)
        return entry_id, await self._new_assistant()

    async def _add_assistant(
        self, entry_id: str, name: str, instructions: str
    ) -> Assistant:
        """Add an assistant as a user does."""
        await self.home.fill_in(
            "config/config_entries/subentries/flow",
            {"handler": [entry_id, "conversation"]},
            {"name": name, "instructions": instructions},
        )
        await self.home.entry_loaded(entry_id)
        return await self._new_assistant()

    async def _new_assistant(self) -> Assistant:
        """Return the assistant whose pipeline has been made since the last call."""
        while True:
            answer = await self.home.command("assist_pipeline/pipeline/list")
            for pipeline in answer["pipelines"]:
                if pipeline["stt_engine"] and pipeline["id"] not in self._pipelines:
                    self._pipelines.add(pipeline["id"])
                    return Assistant(pipeline["conversation_engine"], pipeline["id"])
            await asyncio.sleep(0.05)

    async def set_up_chain(self) -> None:
        """Set the chain up, and make a pipeline of it."""
        done = await self.home.rest(
            "POST", "config/config_entries/flow", {"handler": "chain"}
        )
        await self.home.entry_loaded(done["result"]["entry_id"])
        pipeline = await self.home.command(
            "assist_pipeline/pipeline/create",
            name="Chain",
            language="en",
            conversation_engine="conversation.chain",
            conversation_language="en",
            stt_engine="stt.chain",
            stt_language="en",
            tts_engine="tts.chain",
            tts_language="en",
            **dict.fromkeys(("tts_voice", "wake_word_entity", "wake_word_id")),
        )
        self.chain = pipeline["id"]
        self._pipelines.add(self.chain)

    async def device(self, name: str) -> str:
        """Return the id of a device of the chain's."""
        devices: list[dict[str, Any]] = await self.home.command(
            "config/device_registry/list"
        )
        for device in devices:
            if ["chain", name] in device["identifiers"]:
                device_id: str = device["id"]
                return device_id
        raise SetupError(f"There is no device {name!r}.")

    async def put_into(self, device_id: str, area_id: str | None) -> None:
        """Put a device into an area, or into none."""
        await self.home.command(
            "config/device_registry/update", device_id=device_id, area_id=area_id
        )


@asynccontextmanager
async def running_house() -> AsyncGenerator[House]:
    """Run Home Assistant, which trusts the certificate of the proxy that speaks TLS."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-realtime-"))
        )
        config, port = folder / "config", free_port()
        seed(config, port)
        for component in (CHAIN, OBSERVER):
            link = config / "custom_components" / component.name
            link.symlink_to(component)
        with (config / "configuration.yaml").open("a") as configuration:
            configuration.write("observer:\n")
        emulator = await stack.enter_async_context(
            Emulator(api_key="bench", deployment="bench", speed=SPEED, first_audio_ms=0)
        )
        certificate = write_certificate(folder)
        proxy = await stack.enter_async_context(DelayProxy(emulator.port))
        tls_proxy = await stack.enter_async_context(
            DelayProxy(emulator.port, certificate=certificate)
        )
        starting = await stack.enter_async_context(
            run_home_assistant(
                config,
                folder / "home-assistant.log",
                REQUESTS_CA_BUNDLE=str(certificate),
            )
        )
        home = await stack.enter_async_context(
            home_assistant(f"http://127.0.0.1:{port}", starting)
        )
        house = House(home, emulator, proxy, tls_proxy)
        await house.set_up_chain()
        yield house
