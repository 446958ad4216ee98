"""A page object: the Assist dialog of Home Assistant's frontend."""

import asyncio
from dataclasses import dataclass
import json
from pathlib import Path
import re
from typing import Any, Literal

from playwright.async_api import Locator, Page, WebSocket, expect

# The dialog puts this behind a text that is still streaming.
STREAMING = "…"
# Longer than the 10 s that the integration waits for the service to acknowledge a command.
RUN_SECONDS = 20.0

# Playwright looks into open shadow roots by itself; a script in the page has to do so.
_READ_BUBBLES = """chat => {
  const frame = chat.shadowRoot.querySelector(".messages").getBoundingClientRect();
  // A long line in a code block can leave the bubble's box as it is, so the text counts too.
  const textBoxes = root => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const boxes = [];
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      boxes.push(...range.getClientRects());
    }
    return boxes;
  };
  return [...chat.shadowRoot.querySelectorAll(".message")].map(message => {
    // Only a direct child: "Show details" holds the tool calls, which are code on purpose.
    const markdown = message.querySelector(":scope > ha-markdown");
    const text = markdown?.shadowRoot?.querySelector("ha-markdown-element");
    const boxes = [message.getBoundingClientRect(), ...(text ? textBoxes(text) : [])];
    const kind = ["error", "user"].find(name => message.classList.contains(name));
    return {
      who: kind ?? "assistant",
      text: text?.innerText.trim() ?? "",
      tags: [...(text?.querySelectorAll("*") ?? [])].map(element => element.localName),
      overhang: Math.max(...boxes.map(
        box => Math.max(frame.left - box.left, box.right - frame.right, 0))),
    };
  });
}"""

# The dialog keeps its audio element to itself, but has to call play() to be heard. What comes out
# of the element is listened to, and what goes into it is counted on a second request: Home
# Assistant gives every listener of a reply the same at the same time.
RECORD_SOUNDS = """(() => {
  const ear = `registerProcessor("ear", class extends AudioWorkletProcessor {
    process([[samples]]) {
      const first = samples?.findIndex(sample => Math.abs(sample) > 0.001) ?? -1;
      if (first >= 0) this.port.postMessage({
        at: currentTime + first / sampleRate,
        seconds: samples.filter(sample => Math.abs(sample) > 0.001).length / sampleRate,
      });
      return true;
    }
  })`;
  const listening = isSecureContext && (async () => {
    const context = new AudioContext();
    const module = new Blob([ear], {type: "text/javascript"});
    await context.audioWorklet.addModule(URL.createObjectURL(module));
    return context;
  })();
  const listen = async (element, sound) => {
    const context = await listening;
    await context.resume();
    const node = new AudioWorkletNode(context, "ear");
    context.createMediaElementSource(element).connect(node).connect(context.destination);
    node.port.onmessage = ({data}) => {
      if (!sound.loudSeconds) {
        sound.loudAt = performance.now() - (context.currentTime - data.at) * 1000;
        sound.bytesWhenLoud = sound.bytes;
        sound.events.push("loud");
      }
      sound.loudSeconds += data.seconds;
    };
  };
  const count = async (url, sound) => {
    const reply = await fetch(url, {cache: "no-store"});
    sound.type = reply.headers.get("Content-Type");
    const reader = reply.body.getReader();
    for (let part; !(part = await reader.read()).done; ) {
      sound.sentAt ??= performance.now();
      sound.head ??= part.value.slice(0, 3).toHex();
      sound.bytes += part.value.length;
    }
  };
  const play = HTMLMediaElement.prototype.play;
  const known = new WeakSet();
  window.recordedSounds = [];
  HTMLMediaElement.prototype.play = function () {
    if (!known.has(this)) {
      known.add(this);
      const sound = {events: [], seconds: 0, type: null, head: null, bytes: 0, sentAt: null,
        loudAt: null, bytesWhenLoud: 0, loudSeconds: 0};
      window.recordedSounds.push(sound);
      for (const type of ["playing", "ended", "error"])
        this.addEventListener(type, () => sound.events.push(type));
      for (const type of ["timeupdate", "ended"])
        this.addEventListener(type, () => { sound.seconds = this.currentTime; });
      window.playAgain = () => { this.currentTime = 0; return this.play(); };
      count(this.src, sound).catch(() => {});
      return listen(this, sound).then(() => play.call(this));
    }
    return play.call(this);
  };
})()"""


@dataclass(frozen=True)
class Bubble:
    """A message in the dialog, as rendered.

    `tags` are the HTML elements in the text. `overhang` is how far the bubble or its text reaches
    beyond the dialog's left or right edge, in CSS pixels.
    """

    who: Literal["user", "assistant", "error"]
    text: str
    tags: list[str]
    overhang: float


@dataclass(frozen=True)
class Sound:
    """An audio element that the page has played: its media events in order, and its position.

    The event "loud" is its first sample that can be heard, at `loudAt` ms of the page's time; of
    the `bytes` of its file the first was there at `sentAt`, and so many `bytesWhenLoud`; `head` are
    the first three, in hex. There have been `loudSeconds` of samples that can be heard.
    """

    events: list[Literal["playing", "loud", "ended", "error"]]
    seconds: float
    type: str | None
    head: str | None
    bytes: int
    sentAt: float | None  # noqa: N815  # the page's own name
    loudAt: float | None  # noqa: N815
    bytesWhenLoud: int  # noqa: N815
    loudSeconds: float  # noqa: N815

    @property
    def media_events(self) -> list[str]:
        """Return the events of the audio element itself."""
        return [event for event in self.events if event != "loud"]


class AssistDialog:
    """The Assist dialog in one page. Call `open` first."""

    def __init__(self, page: Page, screenshots: Path, name: str) -> None:
        """Use a page that is still empty. Screenshots are saved in a folder, under a name."""
        self._page = page
        self._screenshots = screenshots
        self._name = name
        self._chat = page.locator("ha-assist-chat")
        self._run_ended = asyncio.Event()
        page.on("websocket", self._watch)

    @property
    def reply(self) -> Locator:
        """The text of the last message that is not the user's."""
        return self._chat.locator(".message.hass > ha-markdown").last

    @property
    def alert(self) -> Locator:
        """The box that the frontend opens for "Error playing audio." and similar."""
        return self._page.locator("dialog-box")

    async def open(self, url: str, pipeline: str) -> None:
        """Open the dashboard and its Assist dialog, and choose a pipeline by name."""
        await self._page.add_init_script(RECORD_SOUNDS)
        await self._page.goto(url)
        await self._page.get_by_role("button", name=re.compile("^Assist")).click()
        chosen = self._page.locator(
            "ha-voice-command-dialog ha-dropdown > [slot=trigger]"
        )
        await chosen.click()
        await self._page.get_by_role("menuitem", name=pipeline).click()
        await expect(chosen).to_have_text(pipeline)
        await expect(self.reply).to_have_text("How can I assist?")

    async def type(self, text: str) -> None:
        """Type a message and send it with the Enter key."""
        self._run_ended.clear()
        await self._chat.get_by_role("textbox").fill(text)
        await self._page.keyboard.press("Enter")

    async def talk(self) -> None:
        """Turn the microphone on, which hears the recording."""
        self._run_ended.clear()
        await self._chat.get_by_role("button", name="Start listening").click()

    async def bubbles(self) -> list[Bubble]:
        """Return the messages that follow the dialog's greeting."""
        read: list[dict[str, Any]] = await self._chat.evaluate(_READ_BUBBLES)
        return [Bubble(**bubble) for bubble in read[1:]]

    async def answered(self) -> list[Bubble]:
        """Wait for the end of the pipeline run, and return the messages in their final form.

        Raises TimeoutError if the run does not end.
        """
        async with asyncio.timeout(RUN_SECONDS):
            await self._run_ended.wait()
        texts = self._chat.locator(".message > ha-markdown")
        # The frontend renders the text of a message some time after the message itself.
        for text in await texts.all():
            await expect(text).to_have_text(re.compile(rf"[^{STREAMING}\s]\s*$"))
        return await self.bubbles()

    async def heard(self, *events: str) -> Sound:
        """Wait for one of these media events of the last sound, and return that sound."""
        await self._page.wait_for_function(
            "events => recordedSounds.at(-1)?.events.some(type => events.includes(type))",
            arg=events,
        )
        return (await self.sounds())[-1]

    async def sounds(self) -> list[Sound]:
        """Return every sound of the page."""
        read: list[dict[str, Any]] = await self._page.evaluate("recordedSounds")
        return [Sound(**sound) for sound in read]

    async def play_again(self) -> None:
        """Play the last sound once more, from its beginning."""
        await self._page.evaluate(
            "() => { recordedSounds.at(-1).events.length = 0; return playAgain(); }"
        )

    async def take_screenshot(self, moment: str = "") -> None:
        """Save a screenshot of the page."""
        name = f"{self._name}-{moment}" if moment else self._name
        await self._page.screenshot(path=self._screenshots / f"{name}.png")

    def _watch(self, websocket: WebSocket) -> None:
        websocket.on("framereceived", self._receive)

    def _receive(self, frame: str | bytes) -> None:
        """Note the end of a pipeline run, which the page does not show."""
        received = json.loads(frame)
        for message in received if isinstance(received, list) else [received]:
            event = message.get("event") or {}
            if message["type"] == "event" and event.get("type") == "run-end":
                self._run_ended.set()
