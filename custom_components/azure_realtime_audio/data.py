"""What a config entry holds while it is loaded: its assistants, by the id of their subentry."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .assistant.assistant import Assistant
from .voice.turns import Turns


@dataclass(frozen=True, slots=True)
class AssistantRuntime:
    """One assistant, and the spoken turns that its entities share."""

    assistant: Assistant
    turns: Turns

    @classmethod
    def of(cls, assistant: Assistant) -> AssistantRuntime:
        """Give an assistant a voice."""
        turns = Turns(assistant)
        assistant.sessions.on_conversation_ended = turns.async_session_ended
        return cls(assistant, turns)

    async def async_close(self) -> None:
        """End every turn, session, task and timer."""
        self.turns.async_close()
        await self.assistant.async_close()


type AzureRealtimeAudioConfigEntry = ConfigEntry[dict[str, AssistantRuntime]]
