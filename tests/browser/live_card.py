"""A page object: the live card on a dashboard, with what a test looks at beyond the demo."""

from pathlib import Path
from typing import override

from playwright.async_api import Page

from script.card_page import ROOM, CardPage, Sound

# The page's own microphone instead of the room's.
OWN_MICROPHONE = (
    "window.ownMicrophone = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);",
    "() => { if (ownMicrophone) navigator.mediaDevices.getUserMedia = ownMicrophone; }",
)
# Lets a test see what becomes of the microphone and of the sound.
KEEP_AUDIO = """(() => {
  const Context = AudioContext;
  const contexts = window.audioContexts = [];
  window.AudioContext = class extends Context {
    constructor(...given) {
      super(...given);
      contexts.push(this);
    }
  };
  const {mediaDevices} = navigator;
  if (!mediaDevices) return;
  const getUserMedia = mediaDevices.getUserMedia;
  mediaDevices.getUserMedia = async given =>
    window.lastStream = await getUserMedia.call(mediaDevices, given);
})()"""
# Notes when the page is told that somebody speaks.
WATCH_SOCKET = """(() => {
  window.speechStarted = [];
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({data}) => {
        if (typeof data === "string" && data.includes('"speech_started"'))
          speechStarted.push(performance.now());
      });
    }
  };
})()"""
# Cuts Home Assistant's connection, and waits until the card's status says so: before the next frame
# it may have been mended.
LOSE_CONNECTION = """status => new Promise(resolve => {
  document.querySelector("home-assistant").hass.connection.socket.close();
  const look = () => status.textContent.includes("Connection lost")
    ? resolve() : requestAnimationFrame(look);
  look();
})"""
# The next test begins a conversation of its own.
FORGET = """() => Object.keys(localStorage)
  .filter(key => key.startsWith("azure-realtime-audio"))
  .forEach(key => localStorage.removeItem(key))"""
QUIET_MS = 500


class LiveCard(CardPage):
    """The card in one page. Call ``open`` first."""

    def __init__(self, page: Page, screenshots: Path, name: str) -> None:
        """Use a page that is still empty. Screenshots are saved in a folder, under a name."""
        super().__init__(page)
        self._screenshots = screenshots
        self._name = name
        self.words = self.card.locator(".bubble.person .words")
        self.replies = self.card.locator(".bubble.reply .words")
        self.unheard = self.card.locator(".bubble.reply .unheard").last
        self.cut = self.card.locator(".cut")
        self.tools = self.card.locator(".did .what")
        self.problem = self.card.get_by_role("alert")

    @override
    async def open(self, url: str, *, speaks: bool = True) -> None:
        """Open the dashboard; with ``speaks`` the test is the microphone, else the browser's is."""
        await self.page.add_init_script(WATCH_SOCKET)
        if not speaks:
            await self.page.add_init_script(OWN_MICROPHONE[0])
        await self.page.add_init_script(ROOM)
        await self.page.add_init_script(KEEP_AUDIO)
        await self.page.goto(url)
        await self.status.wait_for()
        if not speaks:
            await self.page.evaluate(OWN_MICROPHONE[1])

    async def talk(self) -> None:
        """Tap the microphone, and wait until the assistant listens."""
        await self.press("Start talking")
        await self.until_status("Listening")

    async def say_all(self, pcm: bytes) -> None:
        """Say something, PCM16 of 24 kHz, and wait until it is said."""
        spoken = await self.say(pcm)
        await self.page.wait_for_function(
            "end => performance.now() > end", arg=spoken.end
        )

    async def until_silent(self) -> list[Sound]:
        """Wait until nothing has been heard for half a second; return what was heard."""
        await self.silence(0, QUIET_MS)
        return await self.sounds()

    async def speech_started(self) -> list[float]:
        """Return when the page was told that somebody speaks, in ms of the page."""
        told: list[float] = await self.page.evaluate("speechStarted")
        return told

    async def leave(self) -> None:
        """Take a screenshot, and close the page with nothing remembered."""
        await self.take_screenshot()
        await self.page.evaluate(FORGET)
        await self.page.close()

    async def take_screenshot(self, what: str = "") -> None:
        """Save what the page looks like."""
        name = f"{self._name}-{what}" if what else self._name
        await self.page.screenshot(path=self._screenshots / f"{name}.png")


def total(sounds: list[Sound]) -> float:
    """Return how many seconds could be heard."""
    return sum(sound.seconds or 0 for sound in sounds)
