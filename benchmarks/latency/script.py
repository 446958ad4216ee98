"""A model that takes a chosen number of rounds of tools in each turn."""

from collections import deque
from typing import override

from emulator import Emulator, Reply, Session


class Script(deque[Reply]):
    """The replies of an emulator, by what its newest session holds.

    An answer that is taken back would use up a reply of a plain queue, and the next turn would
    have a round too few. This queue finds the next reply in the conversation as it is.
    """

    def __init__(self, emulator: Emulator, tool: str) -> None:
        """Take the place of the emulator's replies; the model calls the tool whose name ends so."""
        super().__init__([Reply()])  # never empty
        self._emulator = emulator
        self._tool = tool
        self.text = "Yes"
        self.rounds = 0
        emulator.replies = self

    @override
    def popleft(self) -> Reply:
        """Return the next reply of the turn, and keep it."""
        session = self._emulator.sessions[-1]
        if _results(session) >= self.rounds:
            return Reply(text=self.text)
        name = next(
            tool["name"]
            for tool in session.config["tools"]
            if tool["name"].endswith(self._tool)
        )
        return Reply(tool_calls=[(name, {"number": 7})])


def _results(session: Session) -> int:
    """Return how many results of tools there are since the user spoke."""
    count = 0
    for item in session.conversation:
        if item.role == "user":
            count = 0
        count += item.type == "function_call_output"
    return count
