"""The protocol on the wire: the shapes of events, sessions and items, and their checks."""
