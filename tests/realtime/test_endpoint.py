"""The endpoint: pasted addresses become one form, and refusals become distinct errors."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.azure_realtime_audio.realtime.errors import (
    CannotConnectError,
    ConnectError,
    DeploymentNotFoundError,
    ForbiddenError,
    InvalidAuthError,
    InvalidConfigError,
    InvalidHostError,
    NotRealtimeModelError,
    QuotaExceededError,
    RateLimitedError,
    ServiceFailingError,
    UnsupportedApiVersionError,
)
from custom_components.azure_realtime_audio.realtime.protocol.dialect import Dialect
from custom_components.azure_realtime_audio.realtime.transport.endpoint import (
    Endpoint,
    normalize_host,
)
from custom_components.azure_realtime_audio.realtime.transport.refusals import (
    handshake_error,
    is_transient_close,
    refusal_error,
)

AZURE = "res.openai.azure.com"


@pytest.mark.parametrize(
    ("pasted", "host"),
    [
        (AZURE, AZURE),
        (" RES.OpenAI.Azure.com/\n", AZURE),
        ("HTTPS://res.openai.azure.com", AZURE),
        ("//res.openai.azure.com", AZURE),
        ("wss://res.openai.azure.com:443/", AZURE),
        ("res.openai.azure.com.", AZURE),
        ("https://res.openai.azure.com/openai/v1/", AZURE),
        ("https://res.openai.azure.com/openai/deployments/d/chat?api-version=1", AZURE),
        ("wss://res.openai.azure.com/openai/v1/realtime?model=d&api-key=KEY", AZURE),
        (f"{AZURE}?api-key=KEY", AZURE),
        (
            "https://res.services.ai.azure.com/api/projects/p",
            "res.services.ai.azure.com",
        ),
        (
            "https://eastus2.api.cognitive.microsoft.com/",
            "eastus2.api.cognitive.microsoft.com",
        ),
        ("res.cognitiveservices.azure.com/x", "res.cognitiveservices.azure.com"),
        ("https://gw.example.com:8443/azure//ai/", "gw.example.com:8443/azure/ai"),
        ("gw.example.com/azure/OpenAI/v1/realtime", "gw.example.com/azure"),
        ("my_gateway:8443", "my_gateway:8443"),
        ("192.168.1.7:8443", "192.168.1.7:8443"),
        ("[2001:DB8:0:0::7]:8443/x", "[2001:db8::7]:8443/x"),
        ("ws://127.0.0.1:1234", "ws://127.0.0.1:1234"),
        ("http://127.9.9.9:80/openai/v1", "ws://127.9.9.9"),
        ("http://LocalHost:8080/base", "ws://localhost:8080/base"),
        ("ws://[0:0:0:0:0:0:0:1]:1", "ws://[::1]:1"),
        ("wss://127.0.0.1:1234", "127.0.0.1:1234"),
        ("localhost", "localhost"),
        ("ws://localhost.:8080", "ws://localhost:8080"),
        # What is left is what is meant, and what the form shows.
        ("evil.com?.openai.azure.com", "evil.com"),
        ("evil.com/.openai.azure.com", "evil.com/.openai.azure.com"),
        ("XN--80AK6AA92E.com", "xn--80ak6aa92e.com"),
    ],
)
def test_host_is_reduced(pasted: str, host: str) -> None:
    """Scheme, default port, the service's own path, query and case go."""
    assert normalize_host(pasted) == host
    assert normalize_host(host) == host


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "   ",
        "https://",
        "https:///openai",
        "user:secret@res.openai.azure.com",
        "https://secret@res.openai.azure.com/",
        "https:user:secret@res.openai.azure.com",
        "https://res.openai.azure.com/@secret",
        "evil.com#.openai.azure.com",
        "evil.com\\.openai.azure.com",
        "evil.com;.openai.azure.com",
        "evil.com%23.openai.azure.com",
        "evil.com%0d%0aHost:secret",
        "evil.com\n.openai.azure.com",
        "res.openai.azure.com:443@evil.com",
        "res.openai.azure.com%00.evil.com",
        "res.openai.azure.com\u3002evil.com",
        "res\u00ad.openai.azure.com",
        "\u202eres.openai.azure.com",
        "\uff52es.openai.azure.com",
        "evil.com\r\nHost: secret",
        "evil.com\t.openai.azure.com",
        "evil.com\x00.openai.azure.com",
        "evil.com .openai.azure.com",
        "evil.com%2f.openai.azure.com",
        "res.openai.azure.com\uff0fsecret",
        "r\u0435s.openai.azure.com",
        "res..openai.azure.com",
        "-res.openai.azure.com",
        "res-.openai.azure.com",
        f"{'a' * 64}.openai.azure.com",
        f"{'a.' * 127}com",
        "ftp://res.openai.azure.com",
        "javascript://res.openai.azure.com",
        "https://https://res.openai.azure.com",
        "res.openai.azure.com:",
        "res.openai.azure.com:0",
        "res.openai.azure.com:65536",
        "res.openai.azure.com:443:443",
        "127.1",
        "2130706433",
        "0x7f.1",
        "1.2.3.256",
        "[::1",
        "[1.2.3.4]",
        "gw.example.com/../x",
        "gw.example.com/./x",
        "gw.example.com/%2e%2e/x",
        "http://res.openai.azure.com",
        "ws://192.168.1.7:8080",
        "http://[::ffff:127.0.0.1]",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://localhost%2eevil.com",
        "http://localhost@evil.com",
        "http://0177.0.0.1",
        "http://0x7f000001",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::1%25eth0]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "http://[2001:db8::7]",
    ],
)
def test_host_that_could_be_another_is_refused(pasted: str) -> None:
    """The error repeats no part of the host: a password may be in it."""
    with pytest.raises(InvalidHostError) as raised:
        normalize_host(pasted)
    assert "secret" not in str(raised.value)
    assert raised.value.__dict__ == {}


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                [*"ab1.:/?#@[]\\%-_~ \t", "ws://", "https://", "127.0.0.1", "openai"]
            ),
            max_size=12,
        ).map("".join),
    )
)
def test_any_text_is_refused_or_means_one_server(text: str) -> None:
    """The standard library reads the URL as it was meant, and nothing slips in."""
    try:
        endpoint = Endpoint.parse(text, "a/b&c d", "")
    except InvalidHostError:
        return
    assert normalize_host(endpoint.base) == endpoint.base
    url = urlsplit(endpoint.url)
    assert url.scheme == ("wss" if endpoint.secure else "ws")
    assert url.username is None
    assert url.password is None
    assert url.fragment == ""
    assert url.netloc + url.path.removesuffix("/openai/v1/realtime") == (
        endpoint.base.removeprefix("ws://")
    )
    assert parse_qs(url.query) == {"model": ["a/b&c d"]}
    if not endpoint.secure:
        host = url.hostname or ""
        assert host in {"localhost", "::1"} or host.startswith("127.")


@pytest.mark.parametrize("api_version", [None, "", " v1 ", "V1"])
def test_ga_is_the_default(api_version: str | None) -> None:
    """GA has the model in the query, and no API version."""
    endpoint = Endpoint.parse(AZURE, " my model/ü ", api_version)
    assert endpoint.dialect is Dialect.GA
    assert endpoint.secure
    assert endpoint.url == (
        "wss://res.openai.azure.com/openai/v1/realtime?model=my%20model%2F%C3%BC"
    )


@pytest.mark.parametrize("api_version", ["2024-12-17", "2025-04-01-preview"])
def test_date_is_preview(api_version: str) -> None:
    """Preview has its own path and two parameters."""
    endpoint = Endpoint.parse("ws://127.0.0.1:99/base", "d&x", f" {api_version} ")
    assert endpoint.dialect is Dialect.PREVIEW
    assert not endpoint.secure
    assert endpoint.url == (
        f"ws://127.0.0.1:99/base/openai/realtime?api-version={api_version}&deployment=d%26x"
    )


@pytest.mark.parametrize(
    "api_version", ["2025-13-01", "latest", "2025-04-01&x=1", "v2", "20250401"]
)
def test_other_versions_are_refused(api_version: str) -> None:
    """A version is a date."""
    with pytest.raises(InvalidConfigError) as raised:
        Endpoint.parse(AZURE, "d", api_version)
    assert raised.value.key == "api_version"


@pytest.mark.parametrize("deployment", ["", "  ", "a\r\nb"])
def test_deployment_must_be_text(deployment: str) -> None:
    """Only the service can judge other properties of the name."""
    with pytest.raises(InvalidConfigError) as raised:
        Endpoint.parse(AZURE, deployment)
    assert raised.value.key == "deployment"


def body(code: object, message: str = "No.") -> str:
    """Return an error as Azure writes it."""
    return json.dumps({"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, body("OpperationNotSupported"), NotRealtimeModelError),
        (400, body("OperationNotSupported"), NotRealtimeModelError),
        (400, body("BadRequest", "API version not supported"), "version"),
        (404, body("UnsupportedApiVersion"), "version"),
        (400, body("BadRequest"), CannotConnectError),
        (401, body("401", "Wrong key, or wrong API version."), InvalidAuthError),
        (401, "", InvalidAuthError),
        (403, "<html>", ForbiddenError),
        (404, body("DeploymentNotFound"), DeploymentNotFoundError),
        (404, body("404", "Resource not found"), DeploymentNotFoundError),
        (404, '{"code": "DeploymentNotFound"}', DeploymentNotFoundError),
        (400, body("ServiceModelDeprecated"), NotRealtimeModelError),
        (404, body("model_retired"), NotRealtimeModelError),
        (410, "", NotRealtimeModelError),
        (403, body("billing_hard_limit_reached"), QuotaExceededError),
        (429, body("429"), RateLimitedError),
        (429, body("insufficient_quota"), QuotaExceededError),
        (500, "[]", ServiceFailingError),
        (503, '{"error": "busy"}', ServiceFailingError),
        (302, "", CannotConnectError),
    ],
)
def test_http_refusals_are_told_apart(
    status: int, text: str, kind: type[ConnectError] | str
) -> None:
    """Azure answers the handshake with a status."""
    error = handshake_error(status, {}, text)
    expected = UnsupportedApiVersionError if kind == "version" else kind
    assert type(error) is expected
    if issubclass(expected, CannotConnectError):
        assert str(status) in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After-Ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("code", ["429", "rate_limit_exceeded"])
def test_rate_limit_tells_when_to_return(
    headers: dict[str, str], seconds: float | None, code: str
) -> None:
    """The header may be in ms, in seconds, or a date."""
    error = handshake_error(429, headers, body(code))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


def test_rate_limit_reads_a_date_to_come() -> None:
    """A date becomes seconds from now."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = handshake_error(429, {"retry-after": moment}, "")
    assert isinstance(error, RateLimitedError)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 60


@pytest.mark.parametrize(
    ("error", "close_code", "kind"),
    [
        ({"code": "invalid_api_key"}, 3000, InvalidAuthError),
        ({"code": "invalid_request_error.invalid_api_key"}, None, InvalidAuthError),
        (None, 3000, InvalidAuthError),
        ({"code": None, "message": "x"}, 3000, InvalidAuthError),
        ({"code": "invalid_model"}, 4000, NotRealtimeModelError),
        ({"code": "model_not_found"}, 4000, DeploymentNotFoundError),
        ({"code": "missing_model"}, 4000, DeploymentNotFoundError),
        ({"code": "beta_api_shape_disabled"}, 4000, UnsupportedApiVersionError),
        ({}, 4000, NotRealtimeModelError),
        ({"code": "insufficient_quota"}, 1000, QuotaExceededError),
        ({"code": "account_deactivated"}, 1000, ForbiddenError),
        ({"code": "billing_hard_limit_reached"}, 1000, QuotaExceededError),
        ({"code": "rate_limit_exceeded"}, 1013, RateLimitedError),
        (None, 1008, ServiceFailingError),
        ({"code": "server_error"}, 1011, ServiceFailingError),
        (None, None, ServiceFailingError),
    ],
)
def test_refusals_after_the_upgrade_are_told_apart(
    error: dict[str, Any] | None, close_code: int | None, kind: type[ConnectError]
) -> None:
    """OpenAI upgrades, says what is wrong, and closes."""
    assert type(refusal_error(error, close_code)) is kind


def test_refusal_does_not_repeat_the_service() -> None:
    """The service's sentence may have a part of the key in it."""
    error = {"code": "invalid_api_key", "message": "Incorrect API key: sk-secret"}
    assert "secret" not in str(refusal_error(error, 3000))
    assert "secret" not in str(handshake_error(401, {}, body("401", "sk-secret")))


@pytest.mark.parametrize(
    "code", [None, 1001, 1005, 1006, 1008, 1011, 1012, 1013, 1014, 1015]
)
def test_transient_close_codes(code: int | None) -> None:
    """The official SDK's set of codes to try again after."""
    assert is_transient_close(code)


@pytest.mark.parametrize("code", [1000, 1002, 3000, 4000])
def test_final_close_codes(code: int) -> None:
    """Another try would end the same way."""
    assert not is_transient_close(code)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("", None),
        ("fault", None),
        ("policy violation", None),
        ("session_limit_reached", None),
        ("Too many concurrent sessions", None),
        ("rate_limit_exceeded", RateLimitedError),
        ("invalid_api_key", InvalidAuthError),
        ("Invalid API key provided: sk-secret", InvalidAuthError),
        ("Unauthorized", InvalidAuthError),
        ("403 Forbidden", ForbiddenError),
        ("invalid_request_error.insufficient_quota", QuotaExceededError),
        ("model_not_found: no such deployment", DeploymentNotFoundError),
    ],
)
def test_policy_violation(reason: str, kind: type[ConnectError] | None) -> None:
    """1008 is final only with a reason that is."""
    error = refusal_error(None, 1008, reason)
    assert type(error) is (kind or ServiceFailingError)
    assert is_transient_close(1008, reason) is error.transient
    assert "secret" not in str(error)
