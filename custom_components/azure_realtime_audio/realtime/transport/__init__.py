"""Bytes: where the service is, one socket to it, and what a refusal means."""
