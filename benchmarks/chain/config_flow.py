"""The config flow of the chain, which asks nothing."""

from typing import Any, override

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult


class ChainConfigFlow(ConfigFlow, domain="chain"):
    """Makes the one entry."""

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Create the entry without a form."""
        return self.async_create_entry(title="Chain", data={})
