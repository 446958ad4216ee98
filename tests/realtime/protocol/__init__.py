"""The core of the protocol, without a socket or a clock."""
