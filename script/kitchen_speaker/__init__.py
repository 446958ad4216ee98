"""The speaker in the demo's kitchen: a small integration of Home Assistant."""
