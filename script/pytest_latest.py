"""A pytest plugin: the test tools for Home Assistant 2026.10 on 2026.11.

Load it first: `PYTHONPATH=script pytest -p pytest_latest`. No release of
pytest-homeassistant-custom-component for 2026.11 exists yet; delete this file when one
does.
"""

# 2026.11 puts httpx2 in the place of httpx, and must do so before anyone imports it.
import homeassistant  # noqa: F401  # imported for its effect
from homeassistant.components import logger
from homeassistant.components.logger import helpers

# The test tools import this from where it was.
if not hasattr(logger, "_clear_logger_overwrites"):
    vars(logger)["_clear_logger_overwrites"] = vars(helpers)["_clear_logger_overwrites"]
