"""Turns of other people's clients with the emulator."""
