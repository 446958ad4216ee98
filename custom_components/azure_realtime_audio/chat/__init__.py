"""Home Assistant's chat log and tools as items and functions of the service."""
