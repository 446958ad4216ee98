"""Live conversations in a browser."""
