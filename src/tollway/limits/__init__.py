"""How long what is counted counts: windows of time. Pure."""
