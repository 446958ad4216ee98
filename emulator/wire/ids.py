"""Identifiers as the service writes them: a prefix and 21 letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


# A client may not choose longer ids of items and calls (error captured on OpenAI and Azure).
MAX_ID_LENGTH = 32


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as `item_CJzr5TXOz2Nkq3oPFQ8bD`."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(21))}"
