"""One assistant, with no voice in it: its sessions, settings and availability."""
