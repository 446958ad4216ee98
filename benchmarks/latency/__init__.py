"""How long turns take to begin, on loopback and far away from the service."""
