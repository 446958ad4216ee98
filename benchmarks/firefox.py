"""Debian's Firefox, driven over its own WebDriver BiDi socket, with a silent sound card.

Playwright can drive a stock Firefox too, but only one that is newer than Debian's.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import itertools
import json
from pathlib import Path
import re
import shutil
import tempfile
from typing import Any

import aiohttp

from script.home_assistant import SetupError

START_SECONDS = 30.0
PREFERENCES = {
    "media.autoplay.default": 0,  # allowed
    "media.autoplay.blocking_policy": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
}


def is_installed() -> bool:
    """Return whether Firefox can be heard here: without a sound server it plays nothing."""
    return all(shutil.which(program) for program in ("firefox-esr", "pulseaudio"))


class Page:
    """The one page of a running Firefox."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take the socket; ``read`` has to run while the page is used."""
        self._socket = socket
        self._ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._context = ""

    async def open(self, *scripts: str) -> None:
        """Begin a session; these scripts run in every document before its own."""
        await self._send("session.new", capabilities={})
        tree = await self._send("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        for script in scripts:
            declaration = f"() => {{ {script} }}"
            await self._send("script.addPreloadScript", functionDeclaration=declaration)

    async def goto(self, url: str) -> None:
        """Load a document."""
        await self._send(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def evaluate(self, expression: str) -> Any:
        """Return what an expression, or its promise, has as JSON. Raises SetupError."""
        answer = await self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] != "success":
            raise SetupError(f"Firefox: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"].get("value", "null"))

    async def read(self) -> None:
        """Hand results to those who wait for them, until Firefox ends."""
        async for frame in self._socket:
            message = frame.json()
            if waiting := self._results.pop(message.get("id"), None):
                waiting.set_result(message)

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        result = self._results[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters}
        )
        answer = await result
        if answer["type"] != "success":
            raise SetupError(f"Firefox, {method}: {answer['message']}")
        done: dict[str, Any] = answer["result"]
        return done


@asynccontextmanager
async def firefox(user_agent: str | None, *scripts: str) -> AsyncGenerator[Page]:
    """Run Firefox, with a name of its own choice or this one, and yield its page."""
    with tempfile.TemporaryDirectory(
        prefix="azure-realtime-", ignore_cleanup_errors=True
    ) as name:
        home = Path(name)
        preferences: dict[str, Any] = dict(PREFERENCES)
        if user_agent is not None:
            preferences["general.useragent.override"] = user_agent
        lines = [
            f"user_pref({json.dumps(key)}, {json.dumps(value)});\n"
            for key, value in preferences.items()
        ]
        (home / "user.js").write_text("".join(lines))
        async with _sound_server(home) as environment:
            process = await asyncio.create_subprocess_exec(
                *("firefox-esr", "--headless", "--no-remote", "--profile", name),
                "--remote-debugging-port=0",
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
            assert process.stderr
            draining = None
            try:
                url = await _address(process.stderr)
                draining = asyncio.create_task(_drain(process.stderr))
                async with (
                    aiohttp.ClientSession() as http,
                    http.ws_connect(f"{url}/session", max_msg_size=0) as socket,
                ):
                    page = Page(socket)
                    reading = asyncio.create_task(page.read())
                    await page.open(*scripts)
                    yield page
                    reading.cancel()
            finally:
                process.terminate()
                await process.wait()
                if draining:
                    draining.cancel()


async def _address(output: asyncio.StreamReader) -> str:
    """Return where a starting Firefox listens."""
    async with asyncio.timeout(START_SECONDS):
        async for line in output:
            if found := re.search(r"BiDi listening on (ws://\S+)", line.decode()):
                return found[1]
    raise SetupError("Firefox did not start.")


async def _drain(output: asyncio.StreamReader) -> None:
    async for _ in output:
        pass


@asynccontextmanager
async def _sound_server(home: Path) -> AsyncGenerator[dict[str, str]]:
    """Run a sound server whose only card is silent; yield what a program needs to find it."""
    socket = home / "sound"
    environment = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "PULSE_SERVER": f"unix:{socket}",
        "PATH": "/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no"),
        "--exit-idle-time=-1",
        "--load=module-null-sink",
        f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not socket.exists():
                await asyncio.sleep(0.05)
        yield environment
    finally:
        process.terminate()
        await process.wait()
