"""Tests of chat log and tools."""
