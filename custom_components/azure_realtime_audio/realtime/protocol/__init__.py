"""The protocol without any I/O: no socket, no task, no sleep."""
