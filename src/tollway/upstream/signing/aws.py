"""Amazon's Signature Version 4 as pure functions, and the signer made of them. Knows no connection and no service.

What is signed, and how: docs.aws.amazon.com, "Create a signed AWS API request". The canonical path is the path as it
stands on the wire, quoted once more, as every service but S3 demands: a model's `:` is `%3A` on the wire and `%253A` in
what is signed.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from tollway.catalog.signing import AwsKeys

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


class Signable(NamedTuple):
    """What of a request is signed."""

    method: str
    path: str
    """As it stands on the wire, with its query."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case; `host` and `x-amz-date` are among them."""
    body_sha256: str


def signed_headers(  # the sixth is the time
    credentials: AwsKeys, *, method: str, host: str, path: str, body: bytes, now_ms: int
) -> list[tuple[str, str]]:
    """Return the headers that a request needs beside its own `host`, which is signed as well."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = sha256(body).hexdigest()
    added = [("x-amz-content-sha256", digest), ("x-amz-date", moment)]
    if credentials.session_token is not None:
        added.append(("x-amz-security-token", credentials.session_token))
    signable = Signable(method, path, (("host", host), *added), digest)
    return [*added, ("authorization", authorization(credentials, signable))]


def authorization(credentials: AwsKeys, signable: Signable) -> str:
    """Return the value of the `authorization` header."""
    moment = next(value for name, value in signable.headers if name == "x-amz-date")
    scope = f"{moment[:8]}/{credentials.region}/{credentials.service}/{TERMINATOR}"
    digest = sha256(canonical_request(signable).encode()).hexdigest()
    text = f"{ALGORITHM}\n{moment}\n{scope}\n{digest}"
    signature = _hmac(_signing_key(credentials, moment[:8]), text).hex()
    names = ";".join(sorted(name for name, _ in signable.headers))
    return f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def canonical_request(signable: Signable) -> str:
    """Return the request in the one form in which both sides see it."""
    path, _, query = signable.path.partition("?")
    headers = sorted(signable.headers)
    pairs = sorted(tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair)
    return "\n".join(
        (
            signable.method,
            quote(path, safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(value.split())}" for name, value in headers),
            "",
            ";".join(name for name, _ in headers),
            signable.body_sha256,
        )
    )


def _signing_key(credentials: AwsKeys, day: str) -> bytes:
    key = b"AWS4" + credentials.secret_access_key.encode()
    for text in (day, credentials.region, credentials.service, TERMINATOR):
        key = _hmac(key, text)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


class AwsSigner:
    """Signs requests with one access key."""

    def __init__(self, keys: AwsKeys, *, now_ms: Callable[[], int]) -> None:
        """Take the key and the wall clock: a signature is refused when it is five minutes off."""
        self._keys = keys
        self._now_ms = now_ms

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:
        """Return the signature and what it stands on."""
        return signed_headers(self._keys, method=method, host=host, path=path, body=body, now_ms=self._now_ms())
