"""A page object: the live card on a dashboard of its own, with a microphone that a test speaks into."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any

from playwright.async_api import Locator, Page, expect

CARD = "azure-realtime-audio-card"

# What leaves the page's speaker, and when the page is told that somebody speaks. Times are those of
# the page, in ms.
LISTEN = """(() => {
  const heard = window.heard = {loudSeconds: 0, lastLoud: 0, pauses: [], speechStarted: []};
  const ear = `registerProcessor("test-ear", class extends AudioWorkletProcessor {
    process([[samples]]) {
      const isLoud = samples?.some(sample => Math.abs(sample) > 0.003);
      const seconds = (samples?.length ?? 0) / sampleRate;
      if (isLoud) this.port.postMessage({seconds, end: currentTime + seconds});
      return true;
    }
  })`;
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const {context} = this;
      const url = URL.createObjectURL(new Blob([ear], {type: "text/javascript"}));
      context.audioWorklet.addModule(url).then(() => {
        const node = new AudioWorkletNode(context, "test-ear", {numberOfOutputs: 0});
        connect.call(this, node);
        node.port.onmessage = ({data}) => {
          const now = performance.now() - (context.currentTime - data.end) * 1000;
          if (heard.lastLoud && now - heard.lastLoud > 60)
            heard.pauses.push({at: heard.lastLoud, loudSeconds: heard.loudSeconds});
          heard.loudSeconds += data.seconds;
          heard.lastLoud = now;
        };
      });
    }
    return connect.call(this, target, ...rest);
  };
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      window.socket = this;
      this.addEventListener("message", ({data}) => {
        if (typeof data === "string" && data.includes('"speech_started"'))
          heard.speechStarted.push(performance.now());
      });
    }
  };
})()"""

# A microphone into which `say` puts PCM16 of 24 kHz, at the pace of speech.
SPEAK = """(() => {
  let room;
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext({sampleRate: 24000});
    room = context.createMediaStreamDestination();
    return room.stream;
  };
  window.say = text => new Promise(resolve => {
    const samples = new Int16Array(Uint8Array.fromBase64(text).buffer);
    const buffer = room.context.createBuffer(1, samples.length, 24000);
    buffer.copyToChannel(Float32Array.from(samples, sample => sample / 32768), 0);
    const source = room.context.createBufferSource();
    source.buffer = buffer;
    source.connect(room);
    source.onended = resolve;
    source.start();
  });
})()"""


@dataclass(frozen=True)
class Pause:
    """A silence between two sounds: when it began, and how much was loud before."""

    at: float
    loudSeconds: float  # noqa: N815  # the page's own name


@dataclass(frozen=True)
class Heard:
    """What the speaker has given out: seconds that were loud, the last of them, pauses between.

    ``speech_started`` tells when the page learned that somebody speaks. Times are in ms.
    """

    loud_seconds: float
    last_loud: float
    pauses: list[Pause]
    speech_started: list[float]


class LiveCard:
    """The card in one page. Call ``open`` first."""

    def __init__(self, page: Page, screenshots: Path, name: str) -> None:
        """Use a page that is still empty. Screenshots are saved in a folder, under a name."""
        self.page = page
        self.element = page.locator(CARD)
        self._screenshots = screenshots
        self._name = name

    async def open(self, url: str, *, speaks: bool = True) -> None:
        """Open the dashboard; with ``speaks`` the test is the microphone, else the browser's is."""
        await self.page.add_init_script(LISTEN)
        if speaks:
            await self.page.add_init_script(SPEAK)
        await self.page.goto(url)
        await expect(self.element).to_be_visible()

    async def talk(self) -> None:
        """Tap the microphone, and wait until the assistant is ready."""
        await self.element.get_by_role("button", name="Start talking").click()
        await self.has_state("Listening")

    async def say(self, pcm: bytes) -> None:
        """Say something, PCM16 of 24 kHz, and wait until it is said."""
        await self.page.evaluate("say", b64encode(pcm).decode())

    async def has_state(self, *states: str) -> None:
        """Wait until the card shows one of these words."""
        pattern = "|".join(states)
        await expect(
            self.element.locator(".state, .summary, .pill").first
        ).to_contain_text(re.compile(pattern))

    @property
    def person(self) -> Locator:
        """What the person has said, bubble by bubble."""
        return self.element.locator(".bubble.person .words")

    @property
    def replies(self) -> Locator:
        """What the assistant has said, bubble by bubble."""
        return self.element.locator(".bubble.reply .words")

    @property
    def unheard(self) -> Locator:
        """What of the last reply has not been heard yet."""
        return self.element.locator(".bubble.reply .unheard").last

    @property
    def tools(self) -> Locator:
        """What was done, line by line."""
        return self.element.locator(".did .what")

    @property
    def problem(self) -> Locator:
        """The sentence about what is wrong."""
        return self.element.get_by_role("alert")

    async def heard(self) -> Heard:
        """Return what the speaker has given out."""
        read: dict[str, Any] = await self.page.evaluate("heard")
        return Heard(
            loud_seconds=read["loudSeconds"],
            last_loud=read["lastLoud"],
            pauses=[Pause(**pause) for pause in read["pauses"]],
            speech_started=read["speechStarted"],
        )

    async def until_loud(self, seconds: float) -> None:
        """Wait until so much of a reply has been heard."""
        await self.page.wait_for_function(
            "seconds => heard.loudSeconds >= seconds", arg=seconds
        )

    async def until_silent(self) -> Heard:
        """Wait until nothing has been heard for half a second."""
        await self.page.wait_for_function("performance.now() - heard.lastLoud > 500")
        return await self.heard()

    async def take_screenshot(self, what: str = "") -> None:
        """Save what the page looks like."""
        name = f"{self._name}-{what}" if what else self._name
        await self.page.screenshot(path=self._screenshots / f"{name}.png")
