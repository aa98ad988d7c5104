"""Tollway, an AI gateway that keeps the books: relays model calls and charges them exactly once."""

__version__ = "0.1.0"
