"""What an automation asks for."""
