"""Every error is one plain sentence with what a caller needs beside it."""

import pytest

from custom_components.azure_realtime_audio.realtime.errors import (
    CannotConnectError,
    CommandTimeoutError,
    ConnectError,
    ConnectionLostError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAuthError,
    InvalidConfigError,
    NotConnectedError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    RealtimeError,
    ResponseActiveError,
    UnsupportedApiVersionError,
)
from custom_components.azure_realtime_audio.realtime.protocol.error_codes import (
    command_error,
)


@pytest.mark.parametrize(
    ("error", "is_transient"),
    [
        (CannotConnectError(), True),
        (RateLimitedError(), True),
        (InvalidAuthError(), False),
        (ForbiddenError(), False),
        (QuotaExceededError(), False),
        (DeploymentNotFoundError(), False),
        (NotRealtimeModelError(), False),
        (UnsupportedApiVersionError(), False),
    ],
)
def test_connect_errors_tell_whether_to_try_again(
    error: ConnectError, is_transient: bool
) -> None:
    """Each is a different sentence, and knows whether waiting helps."""
    assert error.transient is is_transient
    assert str(error)
    assert str(error) != str(ConnectError())
    assert isinstance(error, RealtimeError)


def test_connect_error_takes_a_better_sentence() -> None:
    """A sentence for the particular case replaces the sentence of the class."""
    assert str(CannotConnectError("HTTP status 503")) == "HTTP status 503"


def test_rate_limit_tells_how_long_to_wait() -> None:
    """Seconds, where the service told them."""
    assert RateLimitedError().retry_after is None
    error = RateLimitedError(1.5)
    assert error.retry_after == 1.5
    assert str(error) == "Too many requests, retry in 1.5 s"


def test_config_error_names_the_key() -> None:
    """The key and the reason are there for a translated sentence as well."""
    error = InvalidConfigError("audio.output.speed", "must be a number")
    assert (error.key, error.reason) == ("audio.output.speed", "must be a number")
    assert str(error) == "audio.output.speed: must be a number"


def test_lost_connection_has_its_close_code() -> None:
    """Without a close frame there is none."""
    assert ConnectionLostError(1011).code == 1011
    assert "1011" in str(ConnectionLostError(1011))
    assert ConnectionLostError().code is None
    assert str(ConnectionLostError()) == "The connection was lost"


def test_command_errors_are_sentences() -> None:
    """The messages of errors can be shown as they are."""
    error = CommandTimeoutError("response.cancel")
    assert error.command == "response.cancel"
    assert str(error) == "The service did not answer response.cancel in time"
    assert str(NotConnectedError()) == "There is no open session"
    assert str(ResponseActiveError()) == "A response is already in progress"


def test_command_error_reads_an_error_event() -> None:
    """All that the service says about a refusal is kept."""
    error = command_error(
        {
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.foo'.",
            "param": "session.foo",
            "event_id": "event_1",
        }
    )
    assert str(error) == error.message == "Unknown parameter: 'session.foo'."
    assert error.code == "unknown_parameter"
    assert error.error_type == "invalid_request_error"
    assert error.param == "session.foo"
    assert error.event_id == "event_1"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (
            "Cancellation failed: no active response found",
            "response_cancel_not_active",
        ),
        (
            "Conversation already has an active response in progress: resp_1.",
            "conversation_already_has_active_response",
        ),
        (
            "Error committing input audio buffer: the buffer is empty.",
            "input_audio_buffer_commit_empty",
        ),
        (
            "Error deleting item: the item with id 'x' does not exist.",
            "item_delete_invalid_item_id",
        ),
        (
            "Error truncating item: the item with id 'x' does not exist.",
            "item_truncate_invalid_item_id",
        ),
        ("Something else", None),
    ],
)
def test_null_code_is_known_by_the_message(message: str, code: str | None) -> None:
    """Services of 2024 sent no codes."""
    assert command_error({"code": None, "message": message}).code == code


def test_empty_error_is_a_sentence_too() -> None:
    """An error event without anything in it does not become an empty message."""
    assert str(command_error({})) == "The service refused the command"
