"""What must not leave the house, and what must not get in."""
