"""The answer of the service when it refuses a client event."""

from typing import Any


class InvalidRequest(Exception):
    """The service refuses a client event: it sends an `error` event, and the session goes on."""

    def __init__(
        self, message: str, code: str | None, param: str | None = None
    ) -> None:
        """Keep the three fields that tell a client what was wrong."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    def event(self, client_event_id: str | None) -> dict[str, Any]:
        """Return the `error` event; `client_event_id` is the refused event's own id."""
        return {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": client_event_id,
            },
        }
