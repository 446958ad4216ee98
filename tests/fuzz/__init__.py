"""Strange input, in quantity."""
