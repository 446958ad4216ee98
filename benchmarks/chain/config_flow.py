"""Set up without a question."""

from typing import Any, override

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult


class ChainConfigFlow(ConfigFlow, domain="chain"):
    """Make the one entry."""

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask nothing."""
        return self.async_create_entry(title="Chain", data={})
