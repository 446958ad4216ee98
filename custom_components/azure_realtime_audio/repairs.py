"""Issues: what only a person can mend, and how. They go away by themselves."""

from typing import Any

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import voluptuous as vol

from .const import DOMAIN


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None
) -> RepairsFlow:
    """Return the flow that mends an issue, which other settings can do."""
    assert data is not None
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    return ChangeConnectionFlow(data["entry_id"], issue.translation_placeholders or {})


class ChangeConnectionFlow(RepairsFlow):
    """Tells what is wrong, and leads on to the form of the connection.

    That tries the connection before it saves anything. The issue stays until it works.
    """

    def __init__(self, entry_id: str, placeholders: dict[str, str]) -> None:
        """Remember what it is about."""
        self._entry_id = entry_id
        self._placeholders = placeholders

    async def async_step_init(self, _: dict[str, str]) -> RepairsFlowResult:
        """Begin; what is passed here is not from a form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Say what is wrong, then open the form."""
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({}),
                description_placeholders=self._placeholders,
            )
        flow = await self.hass.config_entries.flow.async_init(
            DOMAIN,
            context=ConfigFlowContext(
                source=SOURCE_RECONFIGURE, entry_id=self._entry_id
            ),
        )
        return self.async_abort(
            reason="change_connection",
            next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"]),
        )
