"""The HTTP client, and nothing else: connections, pool, TLS, outbound guard."""
