"""Requests that want more than a key in a header: who signs them, and with what. Knows no dialect and no connection."""
