"""What tests of the actions stand on."""

from ..test_services import act, assistant_id, kitchen_light, turn_on

# Fixtures.
__all__ = ["act", "assistant_id", "kitchen_light", "turn_on"]
