"""One spoken turn: heard, answered, played."""
