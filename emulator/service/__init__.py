"""One session of the service: the handshake, its commands, its turns and its responses."""
