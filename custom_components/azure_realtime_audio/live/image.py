"""A picture that a browser shows to the model."""

from binascii import Error
import re
from typing import Final

from pybase64 import b64decode

from ..errors import AssistantError

MAX_IMAGE: Final = 1024 * 1024  # bytes
_DATA_URL = re.compile(r"data:image/(?:jpeg|png);base64,")
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


class NotAnImageError(AssistantError):
    """A picture that the model cannot be shown."""

    key = "image_unreadable"


class ImageTooLargeError(NotAnImageError):
    """A picture of more than 1 MiB."""

    key = "image_too_large"


class ImageNotTakenError(NotAnImageError):
    """A picture for a service that speaks the preview protocol, which knows none."""

    key = "image_not_taken"


def checked_image(data_url: str) -> str:
    """Return a data URL that holds a JPEG or a PNG of at most 1 MiB. Raises NotAnImageError."""
    if (match := _DATA_URL.match(data_url)) is None:
        raise NotAnImageError
    encoded = data_url[match.end() :]
    if len(encoded) > MAX_IMAGE * 4 // 3 + 4:
        raise ImageTooLargeError
    try:
        image = b64decode(encoded, validate=True)
    except Error, ValueError:
        raise NotAnImageError from None
    if not image.startswith(_BEGINNINGS):
        raise NotAnImageError
    return data_url
