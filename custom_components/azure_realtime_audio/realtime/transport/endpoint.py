"""The address of a deployment."""

from dataclasses import dataclass
from datetime import date
import ipaddress
import re
from typing import Self
from urllib.parse import quote

from ..errors import InvalidConfigError, InvalidHostError, UnencryptedHostError
from ..protocol.dialect import Dialect

# A base path behind one of these is always a copied page or project path, never a gateway's.
AZURE_DOMAINS = (
    ".openai.azure.com",
    ".services.ai.azure.com",
    ".cognitiveservices.azure.com",
    ".openai.azure.us",
    ".services.ai.azure.us",
    ".cognitiveservices.azure.us",
    ".openai.azure.cn",
    ".cognitiveservices.azure.cn",
    ".api.cognitive.microsoft.com",
)
_PLAIN_SCHEMES = {"ws", "http"}
_SECURE_SCHEMES = {"wss", "https"}

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:-]+")
_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(-preview)?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of one deployment."""

    base: str
    deployment: str
    api_version: str | None = None

    @classmethod
    def parse(
        cls, host_name: str, deployment: str, api_version: str | None = None
    ) -> Self:
        """Read what a person typed or pasted.

        An empty API version or "v1" is GA, a date such as "2025-04-01-preview" is preview.
        Raises InvalidHostError, or InvalidConfigError for the deployment or the API version.
        """
        return cls(
            normalize_host(host_name), _deployment(deployment), _version(api_version)
        )

    @property
    def dialect(self) -> Dialect:
        """The dialect that the client asks for. The service's first frame tells which one it speaks."""
        return Dialect.GA if self.api_version is None else Dialect.PREVIEW

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted. Only a loopback address may be without encryption."""
        return not self.base.startswith("ws://")

    @property
    def url(self) -> str:
        """The WebSocket URL, percent-encoded. It never contains the key.

        GA has no api-version: with one, Azure answers 401 (Azure docs 2026-02-23).
        """
        base = f"wss://{self.base}" if self.secure else self.base
        deployment = quote(self.deployment, safe="")
        if self.api_version is None:
            return f"{base}/openai/v1/realtime?model={deployment}"
        return f"{base}/openai/realtime?api-version={self.api_version}&deployment={deployment}"


def normalize_host(value: str) -> str:
    """Return the canonical text of a host that a person has pasted: one text for one server.

    "https://RES.openai.azure.com/openai/v1/" becomes "res.openai.azure.com"; a gateway keeps its
    port and base path ("gw.example.com:8443/azure"). A loopback address given with ws:// or
    http:// stays plain ("ws://127.0.0.1:1234"). The result normalises to itself.

    Raises InvalidHostError for anything else than a host this could be, above all for what
    different URL parsers read differently: user-info, fragments, backslashes, control characters,
    non-ASCII look-alikes.
    """
    text = value.strip()
    if not text:
        raise InvalidHostError("The host name is empty")
    if (
        not text.isascii()
        or not text.isprintable()
        or any(char in text for char in ' #\\<>"^`{|}')
    ):
        raise InvalidHostError("The host name has characters that no host name has")
    scheme, _, rest = text.partition("?")[0].rpartition("://")
    scheme = scheme.lower()
    authority, _, path = rest.removeprefix("//").partition("/")
    if "@" in authority + path:
        raise InvalidHostError("The host name must not contain a user name or password")

    host, port = _split_authority(authority)
    plain = scheme in _PLAIN_SCHEMES
    if scheme and not plain and scheme not in _SECURE_SCHEMES:
        raise InvalidHostError(
            "The host name must begin with https://, wss:// or nothing"
        )
    if plain and not _is_loopback(host):
        raise UnencryptedHostError(
            "Unencrypted connections are possible to this machine only"
        )

    base = host if port in {None, 80 if plain else 443} else f"{host}:{port}"
    base_path = "" if host.endswith(AZURE_DOMAINS) else _base_path(path)
    return f"{'ws://' if plain else ''}{base}{base_path}"


def _deployment(value: str) -> str:
    """Check a deployment name. The service itself judges its characters."""
    deployment = value.strip()
    if not deployment:
        raise InvalidConfigError("deployment", "must not be empty")
    if not deployment.isprintable():
        raise InvalidConfigError("deployment", "must be printable text")
    return deployment


def _version(value: str | None) -> str | None:
    """Return the date of a preview version, None for GA."""
    version = (value or "").strip().lower()
    if version in {"", "v1"}:
        return None
    match = _VERSION.fullmatch(version)
    try:
        date.fromisoformat(match[1] if match else version)
    except ValueError:
        match = None
    if match is None:
        raise InvalidConfigError(
            "api_version", 'must be empty, "v1" or a date such as 2025-04-01-preview'
        )
    return version


def _split_authority(authority: str) -> tuple[str, int | None]:
    """Return canonical host and port."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidHostError("The host name is not a host name")
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise InvalidHostError("The port must be from 1 to 65535")
    return _host(match[1].lower().removesuffix(".")), port


def _host(host: str) -> str:
    """Check a host name, an IPv4 address or an IPv6 address in brackets."""
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        labels = host.split(".")
        # As browsers do: what ends in a number is an IPv4 address or nothing. Else "127.1" and
        # "0x7f.1" would mean different hosts to different readers.
        if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
            return str(ipaddress.IPv4Address(host))
    except ipaddress.AddressValueError as err:
        raise InvalidHostError("The address is not an IP address") from err
    if len(host) > 253 or not all(len(x) < 64 and _LABEL.fullmatch(x) for x in labels):
        raise InvalidHostError("The host name is not a host name")
    return host


def _is_loopback(host: str) -> bool:
    """Return whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _base_path(path: str) -> str:
    """Return a gateway's base path: the part before the service's own "/openai"."""
    base: list[str] = []
    for segment in filter(None, path.split("/")):
        if segment.lower() == "openai":
            break
        if not _SEGMENT.fullmatch(segment) or segment in {".", ".."}:
            raise InvalidHostError("The path of the host name is not a plain path")
        base.append(segment)
    return "".join(f"/{segment}" for segment in base)
