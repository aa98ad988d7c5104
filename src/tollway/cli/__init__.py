"""The admin calls as commands."""
