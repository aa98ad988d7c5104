"""The HTTP surfaces: the raw ASGI data plane and the admin API."""
