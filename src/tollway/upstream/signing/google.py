"""Access tokens for a service account of Google's, fetched by a signed assertion (RFC 7523) and kept while they last.

Knows no connection: what posts is given in, and goes through the outbound guard like everything else. The metadata
server of Google's machines is never asked; the guard forbids its address.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tollway.catalog.signing import GoogleServiceAccount
from tollway.errors import FailureKind, SetupError, UpstreamFailure

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_S = 3_600
"""How long an assertion is good for: as long as Google allows."""

RENEWED_BEFORE_MS = 5 * 60 * 1_000
"""A token is renewed when it has this long to live: a request must not outlive its token on the way."""

WORD_CHARS_MAX = 100
"""Longest error word of the token endpoint that is repeated."""

PostForm = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Posts a form to an address; returns the status and the body, or raises UpstreamFailure."""


class _Answer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float


class _Refused(msgspec.Struct, frozen=True):
    error: str


class _Token(NamedTuple):
    text: str
    until_ms: float


_ENCODE = msgspec.json.Encoder().encode
_ANSWER = msgspec.json.Decoder(_Answer)
_REFUSED = msgspec.json.Decoder(_Refused)
_HEADER = _ENCODE({"alg": "RS256", "typ": "JWT"})


def private_key(account: GoogleServiceAccount) -> RSAPrivateKey:
    """Return the key of an account; raises SetupError, in words that do not hold it."""
    try:
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SetupError(
            (
                f"the private key of {account.client_email} is not an RSA key in PEM: take it from the account's JSON file",
            )
        )
    return key


def assertion(account: GoogleServiceAccount, key: RSAPrivateKey, now_s: int) -> str:
    """Return the signed statement that is exchanged for an access token."""
    claims = {
        "iss": account.client_email,
        "scope": account.scope,
        "aud": account.token_uri,
        "iat": now_s,
        "exp": now_s + ASSERTION_S,
    }
    signed = _base64(_HEADER) + b"." + _base64(_ENCODE(claims))
    return (signed + b"." + _base64(key.sign(signed, PKCS1v15(), SHA256()))).decode("ascii")


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


class GoogleSigner:
    """Gives requests the account's access token, one refresh at a time whoever waits for it."""

    def __init__(self, account: GoogleServiceAccount, *, post: PostForm, now_ms: Callable[[], int]) -> None:
        """Take the account, what posts, and the wall clock; raises SetupError for a key that is none."""
        self._account = account
        self._key = private_key(account)
        self._post = post
        self._now_ms = now_ms
        self._token: _Token | None = None
        self._refreshing: asyncio.Task[_Token] | None = None

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:  # noqa: ARG002
        """Return the token's header; raises UpstreamFailure when there is none to be had."""
        return [("authorization", f"Bearer {await self._current()}")]

    async def _current(self) -> str:
        token, now_ms = self._token, self._now_ms()
        if token is not None and now_ms < token.until_ms - RENEWED_BEFORE_MS:
            return token.text
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._refreshed)
        try:
            # Who waits may leave, such as a client that hangs up: the others still get their token.
            return (await asyncio.shield(self._refreshing)).text
        except UpstreamFailure:
            if token is None or now_ms >= token.until_ms:
                raise
            return token.text

    def _refreshed(self, task: asyncio.Task[_Token]) -> None:
        self._refreshing = None
        if not task.cancelled() and task.exception() is None:
            self._token = task.result()

    async def _refresh(self) -> _Token:
        now_ms = self._now_ms()
        form = {"grant_type": GRANT, "assertion": assertion(self._account, self._key, now_ms // 1_000)}
        status, body = await self._post(self._account.token_uri, urlencode(form).encode("ascii"))
        if status != 200:
            raise UpstreamFailure(
                FailureKind.CONNECT, f"no access token for the service account: {_refusal(status, body)}"
            )
        try:
            answer = _ANSWER.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise UpstreamFailure(FailureKind.JUNK, "the token endpoint did not answer with an access token") from None
        if not answer.access_token or not (answer.access_token.isascii() and answer.access_token.isprintable()):
            raise UpstreamFailure(FailureKind.JUNK, "the token endpoint answered with no usable access token")
        return _Token(answer.access_token, now_ms + answer.expires_in * 1_000)


def _refusal(status: int, body: bytes) -> str:
    """Return the status and the error word; a description may repeat what was sent."""
    try:
        word = _REFUSED.decode(body).error[:WORD_CHARS_MAX]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        word = ""
    shown = word if word.replace("_", "").isalnum() else "no reason given"
    return f"the token endpoint answered {status} ({shown})"
