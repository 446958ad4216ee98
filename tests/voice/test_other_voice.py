"""A pipeline that speaks with another voice than the assistant's."""

from collections.abc import AsyncGenerator

from homeassistant.components.assist_pipeline import PipelineEventType
from homeassistant.components.tts import (
    TextToSpeechEntity,
    TTSAudioRequest,
    TTSAudioResponse,
)
from homeassistant.components.tts.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, Reply

from ..satellite import Satellite, new_conversation, said_at, speak_to
from ..talk import AGENT
from ..turns import TOO_OFTEN, TROUBLE


class OtherVoice(TextToSpeechEntity):
    """A silent text-to-speech engine that notes the texts it was given."""

    entity_id = "tts.other"
    _attr_name = "Other"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.said: list[str] = []

    async def async_stream_tts_audio(
        self, request: TTSAudioRequest
    ) -> TTSAudioResponse:
        """Note a text as it comes."""

        async def speak() -> AsyncGenerator[bytes]:
            text = "".join([piece async for piece in request.message_gen])
            self.said.append(text.strip())
            yield said_at(300)

        return TTSAudioResponse("wav", speak())


@pytest.fixture
async def voice(hass: HomeAssistant, init_integration: MockConfigEntry) -> OtherVoice:
    """Let another voice speak in the pipeline of the assistant."""
    voice = OtherVoice()
    await hass.data[DATA_COMPONENT].async_add_entities([voice])
    await speak_to(hass, AGENT, voice=voice.entity_id)
    return voice


@pytest.fixture
def satellite(hass: HomeAssistant, voice: OtherVoice) -> Satellite:
    """Have a satellite that uses the pipeline."""
    return Satellite(hass, new_conversation())


async def test_service_away(
    emulator: Emulator, satellite: Satellite, voice: OtherVoice
) -> None:
    """The other voice says why the assistant cannot be reached."""
    emulator.faults.add("http_503")
    run = await satellite.run()
    assert run.error is None
    assert run.event(PipelineEventType.TTS_START)["tts_input"] == TROUBLE
    assert voice.said == [TROUBLE]


async def test_answer(
    emulator: Emulator, satellite: Satellite, voice: OtherVoice
) -> None:
    """The other voice says the model's words."""
    emulator.replies.append(Reply(text="At your service."))
    await satellite.run()
    assert voice.said == ["At your service."]


async def test_failed_in_the_middle(
    emulator: Emulator, satellite: Satellite, voice: OtherVoice
) -> None:
    """The other voice says the beginning of an answer, and then why the answer broke off."""
    error = {"code": "rate_limit_exceeded", "message": "Slow down"}
    emulator.replies.append(Reply(text="Let me", status="failed", error=error))
    await satellite.run()
    assert voice.said == [f"Let me\n\n{TOO_OFTEN}"]
