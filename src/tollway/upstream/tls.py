"""TLS contexts for connections to providers: always verified. Knows no origin and no connection."""

import ssl
from pathlib import Path


def client_context(*, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies chain and host name against the system's authorities and those of `ca_file` (PEM).

    Raises OSError when the file cannot be read and ssl.SSLError when it holds no certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
