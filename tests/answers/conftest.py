"""What tests of answers stand on."""

from ..test_conversation import assist

# Fixtures.
__all__ = ["assist"]
