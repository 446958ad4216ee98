"""The socket: the address of the service, one websocket, the meaning of a refusal."""
