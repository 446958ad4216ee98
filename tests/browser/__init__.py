"""Browser tests: the Assist dialog of Home Assistant's frontend in Chromium."""
