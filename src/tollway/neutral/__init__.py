"""The neutral form between dialects: what a request asks, what an answer used. Knows no wire format and no provider."""
