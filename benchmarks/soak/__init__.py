"""Many conversations at once, in real time, while the service and the house misbehave."""
