"""Tests of the answers that a user gets when a part fails."""
