"""What usage costs. Pure."""
