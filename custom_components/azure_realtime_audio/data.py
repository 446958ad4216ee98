"""What a config entry holds while it is loaded: its assistants, by the id of their subentry."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .assistant.assistant import Assistant
from .live.screens import Screens
from .live.sessions import BrowserSessions
from .voice.turns import Turns


@dataclass(frozen=True, slots=True)
class AssistantRuntime:
    """One assistant, the spoken turns that its entities share, its live sessions and screens."""

    assistant: Assistant
    turns: Turns
    live: BrowserSessions
    screens: Screens

    @classmethod
    def of(cls, assistant: Assistant) -> AssistantRuntime:
        """Give an assistant a voice."""
        turns = Turns(assistant)
        assistant.sessions.on_conversation_ended = turns.async_session_ended
        live = BrowserSessions(assistant, turns)
        return cls(assistant, turns, live, Screens(assistant))

    async def async_close(self) -> None:
        """End every turn, session, task and timer."""
        self.screens.async_close()
        await self.live.async_close()
        self.turns.async_close()
        await self.assistant.async_close()


type AzureRealtimeAudioConfigEntry = ConfigEntry[dict[str, AssistantRuntime]]
