"""Who may ask for what. Pure."""
