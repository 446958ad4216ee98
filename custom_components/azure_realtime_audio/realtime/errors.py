"""What can go wrong with a Realtime session.

Every message is one plain sentence that can be shown to a person. None contains a key.
"""

from typing import ClassVar, Self


class RealtimeError(Exception):
    """The root of every error that this library raises."""

    def without_traceback(self) -> Self:
        """Return an equal error without a traceback.

        A traceback, the error's own or that of its cause, refers to frames, and the frames
        refer to whatever keeps the error. An error that is kept, or raised for several
        callers, is therefore kept in this form: otherwise only the garbage collector could
        free what it refers to.
        """
        error = type(self).__new__(type(self), *self.args)
        error.__dict__.update(self.__dict__)
        error.__cause__ = self.__cause__ and self.__cause__.with_traceback(None)
        return error


class InvalidHostError(RealtimeError):
    """The host name cannot be reduced to a server that may be trusted with the key.

    The host name itself is not kept: it may have a password in it.
    """


class UnencryptedHostError(InvalidHostError):
    """The connection would not be encrypted, and the server is not this machine."""


class InvalidConfigError(RealtimeError):
    """A setting is unknown, out of range or of the wrong type. Nothing was sent."""

    def __init__(self, key: str, reason: str) -> None:
        """`key` is the dotted key as the caller wrote it, `reason` continues the sentence."""
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class InvalidAudioError(RealtimeError):
    """The audio is not base64, not whole samples, or too much for one event."""


class ConnectError(RealtimeError):
    """The service did not let us in. `transient` tells whether another try makes sense."""

    transient: ClassVar[bool] = False
    message: ClassVar[str] = "The service refused the connection"

    def __init__(self, message: str | None = None) -> None:
        """Take the class's own sentence unless a better one is known."""
        super().__init__(message or self.message)


class CannotConnectError(ConnectError):
    """No server answered, or it answered that it cannot serve now."""

    transient = True
    message = "The service cannot be reached"


class ServiceFailingError(CannotConnectError):
    """The service was reached, and has trouble of its own."""

    message = "The service has trouble of its own"


class InvalidAuthError(ConnectError):
    """The key or token is missing, wrong, or lacks the role."""

    message = "The service does not accept the key"


class ForbiddenError(ConnectError):
    """Network rules, a blocked resource or a deactivated account keep us out."""

    message = "The resource does not allow this connection"


class QuotaExceededError(ConnectError):
    """What the account may spend is spent. Waiting does not help, unlike RateLimitedError."""

    message = "The account has no quota left"


class DeploymentNotFoundError(ConnectError):
    """The resource has no deployment of that name, or no Realtime endpoint."""

    message = "The resource has no such deployment, or no Realtime endpoint"


class NotRealtimeModelError(ConnectError):
    """The deployment's model does not speak the Realtime protocol, or is retired."""

    message = "The deployed model does not support Realtime, or is retired"


class RateLimitedError(ConnectError):
    """The quota is used up for now. `retry_after` is in seconds, None when not told."""

    transient = True
    message = "Too many requests"

    def __init__(self, retry_after: float | None = None) -> None:
        """Say how long to wait where the service said so."""
        super().__init__(
            self.message
            if retry_after is None
            else f"{self.message}, retry in {retry_after:g} s"
        )
        self.retry_after = retry_after


class UnsupportedApiVersionError(ConnectError):
    """The service does not offer this API version (any more)."""

    message = "The service does not offer this API version"


class NotConnectedError(RealtimeError):
    """A command was given while there is no open session."""

    def __init__(self) -> None:
        """There is nothing to add."""
        super().__init__("There is no open session")


class ConnectionLostError(RealtimeError):
    """The socket went away while a command or a response was pending."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        """`code` is the WebSocket close code, None when there was no close frame.

        `reason` is what the frame says beside, which is for no person to read.
        """
        super().__init__(
            "The connection was lost"
            if code is None
            else f"The connection was lost (close code {code})"
        )
        self.code = code
        self.reason = reason


class CommandTimeoutError(RealtimeError):
    """The service did not acknowledge a command in time."""

    def __init__(self, command: str) -> None:
        """`command` is the client event's type."""
        super().__init__(f"The service did not answer {command} in time")
        self.command = command


class CommandError(RealtimeError):
    """The service refused a command with an `error` event. The session lives on."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        error_type: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Take the fields of the event's `error`; `event_id` is the refused command's."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.error_type = error_type
        self.param = param
        self.event_id = event_id


class ResponseActiveError(RealtimeError):
    """A response was asked for while one is active in the default conversation."""

    def __init__(self) -> None:
        """There is nothing to add."""
        super().__init__("A response is already in progress")
