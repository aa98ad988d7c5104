"""Access tokens for a service account: what is sent for one, how long it is kept, and what is said when there is none."""

import asyncio
import json
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tollway.catalog.signing import GoogleServiceAccount
from tollway.errors import FailureKind, SetupError, UpstreamFailure
from tollway.upstream.signing.google import GRANT, GoogleSigner

TOKEN_URI = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
START_MS = 1_700_000_000_000


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def framed(text: str) -> str:
    """Text in the frame of a PEM file, which stands in no file of ours as a whole."""
    kind = "PRIVATE KEY"
    return f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n"


def account(private_key: str) -> GoogleServiceAccount:
    return GoogleServiceAccount(
        client_email="robot@project.iam.gserviceaccount.com", private_key=private_key, token_uri=TOKEN_URI, scope=SCOPE
    )


class Endpoint:
    """A token endpoint on a clock of its own: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.posts: list[tuple[str, bytes]] = []
        self.answers: list[tuple[int, bytes] | UpstreamFailure] = []
        self.open = asyncio.Event()
        self.open.set()

    async def post(self, uri: str, form: bytes) -> tuple[int, bytes]:
        self.posts.append((uri, form))
        await self.open.wait()
        answer = self.answers.pop(0) if self.answers else self.token(f"token-{len(self.posts)}")
        if isinstance(answer, UpstreamFailure):
            raise answer
        return answer

    def token(self, text: str) -> tuple[int, bytes]:
        return 200, json.dumps({"access_token": text, "expires_in": 3599, "token_type": "Bearer"}).encode()

    def signer(self) -> GoogleSigner:
        return GoogleSigner(account(pem(KEY)), post=self.post, now_ms=lambda: self.now_ms)


async def token_of(signer: GoogleSigner) -> str:
    headers = await signer.headers(method="POST", host="h", path="/", body=b"{}")
    ((name, value),) = headers
    assert name == "authorization"
    return value.removeprefix("Bearer ")


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_a_signed_assertion_is_exchanged_for_a_token() -> None:
    endpoint = Endpoint()
    assert await token_of(endpoint.signer()) == "token-1"
    ((uri, form),) = endpoint.posts
    fields = parse_qs(form.decode(), strict_parsing=True)
    head, claims, signature = fields["assertion"][0].split(".")
    assert uri == TOKEN_URI
    assert fields["grant_type"] == [GRANT]
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(decoded(claims)) == {
        "iss": "robot@project.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": TOKEN_URI,
        "iat": START_MS // 1_000,
        "exp": START_MS // 1_000 + 3_600,
    }
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())


async def test_a_token_is_kept_until_five_minutes_before_its_end() -> None:
    endpoint = Endpoint()
    signer = endpoint.signer()
    assert await token_of(signer) == "token-1"
    endpoint.now_ms = START_MS + 3_298_999
    assert await token_of(signer) == "token-1"
    endpoint.now_ms = START_MS + 3_299_000
    assert await token_of(signer) == "token-2"
    assert len(endpoint.posts) == 2


async def test_however_many_wait_one_token_is_fetched() -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    signer = endpoint.signer()
    waiting = [asyncio.create_task(token_of(signer)) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever asked first may leave
    await asyncio.sleep(0)
    endpoint.open.set()
    assert await asyncio.gather(*waiting[1:]) == ["token-1"] * 19
    assert len(endpoint.posts) == 1


async def test_a_refresh_that_nobody_waits_for_is_not_lost() -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    signer = endpoint.signer()
    waiting = asyncio.create_task(token_of(signer))
    await asyncio.sleep(0)
    waiting.cancel()
    endpoint.open.set()
    await asyncio.sleep(0.01)
    assert await token_of(signer) == "token-1"
    assert len(endpoint.posts) == 1


async def test_while_a_token_is_good_a_refresh_that_fails_is_not_told() -> None:
    endpoint = Endpoint()
    signer = endpoint.signer()
    assert await token_of(signer) == "token-1"
    endpoint.now_ms = START_MS + 3_400_000
    endpoint.answers = [(500, b""), (500, b"")]
    assert await token_of(signer) == "token-1"
    endpoint.now_ms = START_MS + 3_599_000
    with pytest.raises(UpstreamFailure):
        await token_of(signer)
    assert await token_of(signer) == "token-4"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((400, b'{"error":"invalid_grant","error_description":"SECRET"}'), FailureKind.CONNECT, "400 (invalid_grant)"),
        ((401, b'{"error":"<b>SECRET"}'), FailureKind.CONNECT, "401 (no reason given)"),
        ((503, b"<html>SECRET"), FailureKind.CONNECT, "503 (no reason given)"),
        ((200, b"SECRET"), FailureKind.JUNK, "did not answer with an access token"),
        ((200, b'{"access_token":"","expires_in":3600}'), FailureKind.JUNK, "no usable access token"),
        ((200, b'{"access_token":"SECRET\\r\\nx: y","expires_in":3600}'), FailureKind.JUNK, "no usable access token"),
        (UpstreamFailure(FailureKind.TIMEOUT, "it took too long"), FailureKind.TIMEOUT, "it took too long"),
    ],
)
async def test_a_failure_is_told_without_a_secret(
    answer: tuple[int, bytes] | UpstreamFailure, kind: FailureKind, words: str
) -> None:
    endpoint = Endpoint()
    endpoint.answers = [answer]
    with pytest.raises(UpstreamFailure) as caught:
        await token_of(endpoint.signer())
    assert caught.value.kind is kind
    assert words in caught.value.message
    assert "SECRET" not in caught.value.message


async def test_a_refresh_that_is_cancelled_leaves_no_token() -> None:
    endpoint = Endpoint()
    endpoint.open.clear()
    signer = endpoint.signer()
    waiting = asyncio.create_task(token_of(signer))
    await asyncio.sleep(0)
    refreshing = signer._refreshing
    assert refreshing is not None
    refreshing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    endpoint.open.set()
    assert await token_of(signer) == "token-1"


@pytest.mark.parametrize("text", ["", "SECRET", framed("SECRET"), "\ud800SECRET"])
def test_a_key_that_is_none_is_a_mistake_to_mend(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        GoogleSigner(account(text), post=Endpoint().post, now_ms=lambda: START_MS)
    assert "robot@project" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_key_of_another_kind_is_a_mistake_to_mend() -> None:
    with pytest.raises(SetupError):
        GoogleSigner(account(pem(ec.generate_private_key(ec.SECP256R1()))), post=Endpoint().post, now_ms=lambda: 0)
