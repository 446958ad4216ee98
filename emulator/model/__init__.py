"""The model behind the service: its ears, its mind and its voice."""
