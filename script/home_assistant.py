"""A real Home Assistant and the emulator, each a process of its own on loopback.

``run_emulator`` and ``run_home_assistant`` own the processes; ``home_assistant`` talks to the
second as the frontend does: REST for onboarding and config flows, one websocket for the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import itertools
import json
import os
from pathlib import Path
import signal
import socket
import sys
import time
from typing import Any

import aiohttp

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "custom_components" / "azure_realtime_audio"
SPEAKER = ROOT / "script" / "kitchen_speaker"
MICROPHONE_RATE = 16000  # Hz
MICROPHONE_BYTES = MICROPHONE_RATE * 2 // 50  # 20 ms of PCM16
USER_NAME = "admin"
PASSWORD = "admin-pass-1"
_HUNG_UP = "Home Assistant hung up"

CONFIGURATION = """\
homeassistant:
  name: Demo Home
  language: en
  country: NL
  time_zone: Europe/Amsterdam
  latitude: 52.37
  longitude: 4.89
  elevation: 2
  unit_system: metric
{core}  # Where the first person speaks from is where media may be read from.
  media_dirs:
    local: {media}
assist_pipeline:
config:
frontend:
media_source:
template:
  - light:
      - name: Kitchen Light
        unique_id: kitchen_light
        turn_on: []
        turn_off: []
{more}"""

# What a person who looks around expects beyond that: more devices, which go on the list above.
LIVED_IN = """\
      - name: Living Room Lamp
        unique_id: living_room_lamp
        turn_on: []
        turn_off: []
        set_level: []
      - name: Bedside Lamp
        unique_id: bedside_lamp
        turn_on: []
        turn_off: []
        set_level: []
  - cover:
      - name: Blinds
        unique_id: blinds
        device_class: blind
        optimistic: true
        open_cover: []
        close_cover: []
        set_cover_position: []
  - sensor:
      - name: Bedroom Temperature
        unique_id: bedroom_temperature
        device_class: temperature
        unit_of_measurement: °C
        state: "21.5"
recorder:
history:
logbook:
media_player:
  - platform: kitchen_speaker
automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
"""


class SetupError(Exception):
    """Something did not start, or Home Assistant refused a request; str() is one sentence."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def seed(config: Path, port: int, *, lived_in: bool = False) -> None:
    """Fill a config directory: our package, a kitchen light, onboarding all but done.

    A house that is ``lived_in`` also has a speaker, a history, and room for automations.
    Onboarding's last steps would add integrations that need the internet; the user step is left
    to ``HomeAssistant.log_in``.
    """
    storage = config / ".storage"
    storage.mkdir(parents=True)
    (config / "custom_components").mkdir()
    (config / "custom_components" / PACKAGE.name).symlink_to(PACKAGE)
    media = config / "media"
    media.mkdir()
    core = more = ""
    if lived_in:
        # Players fetch replies from there; nothing listens on any other address.
        core, more = f"  internal_url: http://127.0.0.1:{port}\n", LIVED_IN
        (config / "custom_components" / SPEAKER.name).symlink_to(SPEAKER)
        for name in ("automations", "scripts", "scenes"):
            (config / f"{name}.yaml").write_text("")
    (config / "configuration.yaml").write_text(
        CONFIGURATION.format(media=media, core=core, more=more)
    )
    _store(
        storage, "onboarding", 4, {"done": ["core_config", "analytics", "integration"]}
    )
    # An http: section in YAML is only on trial since 2026.8; the UI would store this.
    _store(storage, "http", 1, {"server_host": ["127.0.0.1"], "server_port": port})


def _store(storage: Path, key: str, version: int, data: Mapping[str, Any]) -> None:
    (storage / key).write_text(
        json.dumps({"version": version, "minor_version": 1, "key": key, "data": data})
    )


@dataclass(frozen=True)
class Running:
    """A process, with a log of its output."""

    process: asyncio.subprocess.Process
    log: Path

    def expect_alive(self) -> None:
        """Raise SetupError with the end of the log if the process has ended."""
        if self.process.returncode is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            raise SetupError(
                "\n".join([f"{self.log.stem} did not start:", *lines[-20:]])
            )


@asynccontextmanager
async def run(
    *command: str | Path, log: Path, **environment: str
) -> AsyncGenerator[Running]:
    """Run a command in the repository; end it and its children with the context."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
            env=os.environ | environment,
        )
    try:
        yield Running(process, log)
    finally:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await process.wait()
        finally:
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


@asynccontextmanager
async def run_emulator(log: Path, *arguments: str) -> AsyncGenerator[Running]:
    """Run the emulator on a port of its choice; ``emulator_url`` tells which."""
    emulator = (sys.executable, "-m", "emulator", "--host", "127.0.0.1", "--port", "0")
    async with run(*emulator, *arguments, log=log) as running:
        yield running


async def emulator_url(emulator: Running) -> str:
    """Wait until the emulator listens; return its URL, such as ws://127.0.0.1:40123."""
    while True:
        for line in emulator.log.read_text().splitlines():
            if line.startswith("listening on "):
                return line.removeprefix("listening on ")
        emulator.expect_alive()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def run_home_assistant(
    config: Path, log: Path, **environment: str
) -> AsyncGenerator[Running]:
    """Run Home Assistant, with more variables in its environment.

    All that Home Assistant needs is installed, so it is told not to look for more.
    """
    hass = Path(sys.executable).parent / "hass"
    command = (hass, "--config", config, "--skip-pip")
    async with run(*command, log=log, **environment) as running:
        yield running


@asynccontextmanager
async def home_assistant(url: str, starting: Running) -> AsyncGenerator[HomeAssistant]:
    """Wait until Home Assistant answers at ``url``, become its owner and connect to it."""
    async with aiohttp.ClientSession() as http:
        await _answering(url, http, starting)
        token = await _log_in(url, http)
    async with connected(url, token) as house:
        yield house


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncGenerator[HomeAssistant]:
    """Connect to Home Assistant with an access token; any number of times."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.ws_connect(f"{url}/api/websocket", max_msg_size=0) as websocket,
    ):
        await websocket.receive_json()
        await websocket.send_json({"type": "auth", "access_token": token})
        if (await websocket.receive_json())["type"] != "auth_ok":
            raise SetupError("Home Assistant refused the login")
        house = HomeAssistant(url, token, http, websocket)
        reader = asyncio.create_task(house.read())
        try:
            yield house
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


async def _answering(url: str, http: aiohttp.ClientSession, starting: Running) -> None:
    while True:
        with suppress(aiohttp.ClientError):
            async with http.get(f"{url}/api/onboarding") as reply:
                if reply.ok:
                    return
        starting.expect_alive()
        await asyncio.sleep(0.1)


async def _log_in(url: str, http: aiohttp.ClientSession) -> str:
    """Make the owner as onboarding does; return an access token."""
    owner = {
        "name": "Admin",
        "username": USER_NAME,
        "password": PASSWORD,
        "language": "en",
    }
    client = {"client_id": f"{url}/"}
    async with http.post(f"{url}/api/onboarding/users", json=client | owner) as reply:
        reply.raise_for_status()
        grant = {
            "grant_type": "authorization_code",
            "code": (await reply.json())["auth_code"],
        }
    async with http.post(f"{url}/auth/token", data=client | grant) as reply:
        reply.raise_for_status()
        token: str = (await reply.json())["access_token"]
        return token


class HomeAssistant:
    """A logged-in connection to Home Assistant at ``url`` (http://127.0.0.1:PORT)."""

    def __init__(
        self,
        url: str,
        token: str,
        http: aiohttp.ClientSession,
        websocket: aiohttp.ClientWebSocketResponse[bool],
    ) -> None:
        """Take an authenticated session and websocket; ``read`` has to run while it is used."""
        self.url = url
        self.token = token
        self._http = http
        self._websocket = websocket
        self._ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any] | SetupError]] = {}

    async def rest(
        self, method: str, path: str, payload: Mapping[str, Any] | None = None
    ) -> Any:
        """Make a REST request to /api/``path`` and return the JSON of the answer."""
        async with self._http.request(
            method, f"{self.url}/api/{path}", json=payload
        ) as reply:
            if not reply.ok:
                raise SetupError(
                    f"{method} {path}: {reply.status} {await reply.text()}"
                )
            return await reply.json()

    async def fill_in(
        self, path: str, start: Mapping[str, Any], answers: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Go through a one-step config flow at /api/``path`` as the UI does.

        Fields that ``answers`` has nothing for, in sections too, stay as the form suggests.
        Returns the flow's result.
        """
        form = await self.rest("POST", path, start)
        result: dict[str, Any] = await self.rest(
            "POST",
            f"{path}/{form['flow_id']}",
            _filled(form["data_schema"], answers),
        )
        if result["type"] == "form":
            raise SetupError(f"The form {form['step_id']!r} says {result['errors']}")
        return result

    async def entry_loaded(self, entry_id: str) -> None:
        """Wait until a config entry is set up."""
        while True:
            answer = await self.command("config_entries/get_single", entry_id=entry_id)
            match answer["config_entry"]:
                case {"state": "loaded"}:
                    return
                case {"state": "setup_error" | "setup_retry", "reason": reason}:
                    raise SetupError(f"The config entry does not load: {reason}")
            await asyncio.sleep(0.05)

    async def fetch(self, path: str) -> AsyncGenerator[bytes]:
        """Yield what a media player would get from ``path``, as it comes."""
        async with self._http.get(f"{self.url}{path}") as reply:
            if not reply.ok:
                raise SetupError(f"GET {path}: {reply.status}")
            async for data in reply.content.iter_any():
                yield data

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a websocket command and return its result."""
        return await self._send(next(self._ids), command, fields)

    async def events(
        self, command: str, **fields: Any
    ) -> AsyncGenerator[dict[str, Any]]:
        """Send a websocket command that subscribes; return its events, the first included.

        They end with SetupError where the command fails later, or Home Assistant hangs up.
        """
        number = next(self._ids)
        queue = self._events[number] = asyncio.Queue()
        await self._send(number, command, fields)
        return _drain(queue)

    async def speak(
        self, handler: int, speech: bytes, ended: Callable[[], None]
    ) -> None:
        """Be the microphone of a pipeline run until cancelled.

        Sends ``speech`` (PCM16 mono of 16 kHz) to the binary handler as fast as it is spoken,
        calls ``ended``, and goes on with a silent room.
        """
        start = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(start + number * 0.02 - time.monotonic())
            piece = speech[number * MICROPHONE_BYTES : (number + 1) * MICROPHONE_BYTES]
            pcm = piece.ljust(MICROPHONE_BYTES, b"\0")
            await self._websocket.send_bytes(bytes([handler]) + pcm)
            if piece and (number + 1) * MICROPHONE_BYTES >= len(speech):
                ended()

    async def action(
        self, action: str, entity_id: str, *, answers: bool = True, **data: Any
    ) -> dict[str, Any]:
        """Perform an action on an entity; return the response data where it ``answers``."""
        domain, service = action.split(".")
        result = await self.command(
            "call_service",
            domain=domain,
            service=service,
            service_data=data,
            target={"entity_id": entity_id},
            return_response=answers,
        )
        response: dict[str, Any] = result.get("response") or {}
        return response

    async def lasting_token(self) -> str:
        """Return an access token for a day; that of a login is good for half an hour."""
        token: str = await self.command(
            "auth/long_lived_access_token", client_name="A long run", lifespan=1
        )
        return token

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        state: str = (await self.rest("GET", f"states/{entity_id}"))["state"]
        return state

    async def _send(self, number: int, command: str, fields: Mapping[str, Any]) -> Any:
        result = self._results[number] = asyncio.get_running_loop().create_future()
        await self._websocket.send_json({"id": number, "type": command, **fields})
        answer = await result
        if not answer["success"]:
            raise SetupError(f"{command}: {answer['error']['message']}")
        return answer["result"]

    async def read(self) -> None:
        """Hand incoming messages to those who wait for them, until the connection ends."""
        try:
            async for frame in self._websocket:
                received = frame.json()
                for message in received if isinstance(received, list) else [received]:
                    self._hand_on(message)
        finally:
            for waiting in self._results.values():
                if not waiting.done():
                    waiting.set_exception(SetupError(_HUNG_UP))
            for queue in self._events.values():
                queue.put_nowait(SetupError(_HUNG_UP))

    def _hand_on(self, message: dict[str, Any]) -> None:
        number = message["id"]
        if message["type"] == "event":
            self._events[number].put_nowait(message["event"])
        elif waiting := self._results.pop(number, None):
            if not waiting.done():  # the sender may have given up
                waiting.set_result(message)
        elif number in self._events and not message["success"]:
            # Core sends a second result where a command fails after its first one.
            self._events[number].put_nowait(SetupError(message["error"]["message"]))


def _filled(
    fields: Iterable[Mapping[str, Any]], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill in a form that came over REST."""
    filled: dict[str, Any] = {}
    for field in fields:
        name = field["name"]
        suggested = field.get("description", {}).get("suggested_value")
        if field.get("type") == "expandable":
            filled[name] = _filled(field["schema"], answers)
        elif name in answers:
            filled[name] = answers[name]
        elif suggested is not None:
            filled[name] = suggested
    return filled


async def _drain(
    queue: asyncio.Queue[dict[str, Any] | SetupError],
) -> AsyncGenerator[dict[str, Any]]:
    while True:
        event = await queue.get()
        if isinstance(event, SetupError):
            raise event
        yield event
