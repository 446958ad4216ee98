"""A continuous conversation in a browser: heard, answered and interrupted while it goes on."""
