"""Fixtures for tests of answers."""

from ..test_conversation import assist

# Fixtures.
__all__ = ["assist"]
