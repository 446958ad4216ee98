"""What a user gets when something breaks."""
