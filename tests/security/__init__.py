"""Tests of secrets that must not leave the house, and of attacks that must not get in."""
