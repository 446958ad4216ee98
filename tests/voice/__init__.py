"""Tests of spoken turns."""
