"""Signatures for Amazon: those that it published, and those that its own library makes of the same request."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws_library import botocore
from tollway.catalog.signing import AwsKeys
from tollway.upstream.signing.aws import AwsSigner, Signable, authorization, canonical_request, signed_headers

PUBLISHED = AwsKeys(
    access_key_id="AKIDEXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    session_token=None,
    region="us-east-1",
    service="service",
)
"""The key of Amazon's published test suite for Signature Version 4."""
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DATED = (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"))
NOW_MS = 1_440_938_160_000
HOST = "bedrock-runtime.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("method", "path", "more", "signature"),
    [
        ("GET", "/", (), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", (), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            (),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            (),
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "POST",
            "/",
            (("my-header1", "value1"),),
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "GET",
            "/",
            (("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
)
def test_the_published_signatures_are_made(
    method: str, path: str, more: tuple[tuple[str, str], ...], signature: str
) -> None:
    signed = authorization(PUBLISHED, Signable(method, path, (*DATED, *more), NOTHING))
    assert signed.startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;"
    )
    assert signed.endswith(f", Signature={signature}")


def theirs(keys: AwsKeys, path: str, body: bytes, now_ms: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What botocore adds to the same request."""
    auth: Any = botocore("auth")
    moment = dt.datetime.fromtimestamp(now_ms / 1_000, dt.UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: moment)
    request = botocore("awsrequest").AWSRequest(method="POST", url=f"https://{HOST}{path}", data=body)
    request.headers["x-amz-content-sha256"] = dict(
        signed_headers(keys, method="POST", host=HOST, path=path, body=body, now_ms=now_ms)
    )["x-amz-content-sha256"]
    credentials = botocore("credentials").Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    auth.SigV4Auth(credentials, keys.service, keys.region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    model=st.text(alphabet="abz019.-:_/~+ é", min_size=1, max_size=30),
    body=st.binary(max_size=50),
    token=st.none() | st.text(alphabet="ABCabc019/+=", min_size=1, max_size=30),
    now_ms=st.integers(min_value=0, max_value=4_000_000_000_000),
)
def test_amazons_own_library_signs_the_same(model: str, body: bytes, token: str | None, now_ms: int) -> None:
    percent_encode = botocore("utils").percent_encode
    path = f"/model/m{percent_encode(model, safe='-._~')}/converse"
    keys = AwsKeys(
        access_key_id="AKID", secret_access_key="s/e+cret", session_token=token, region="eu-west-1", service="bedrock"
    )
    ours = signed_headers(keys, method="POST", host=HOST, path=path, body=body, now_ms=now_ms)
    with pytest.MonkeyPatch.context() as monkeypatch:
        expected = theirs(keys, path, body, now_ms, monkeypatch)
    assert dict(ours) == {name: expected[name] for name, _ in ours}
    assert {name for name, _ in ours} == expected.keys() - {"content-length", "content-type"}


def test_a_model_with_a_colon_is_quoted_twice() -> None:
    path = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    canonical = canonical_request(Signable("POST", path, DATED, NOTHING))
    assert "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse" in canonical


async def test_a_signer_signs_with_the_time_of_its_clock() -> None:
    signer = AwsSigner(PUBLISHED, now_ms=lambda: NOW_MS)
    headers = await signer.headers(method="POST", host="example.amazonaws.com", path="/", body=b"")
    assert headers == signed_headers(
        PUBLISHED, method="POST", host="example.amazonaws.com", path="/", body=b"", now_ms=NOW_MS
    )
    assert dict(headers)["x-amz-date"] == "20150830T123600Z"


def test_a_session_token_goes_along_and_is_signed() -> None:
    keys = AwsKeys(access_key_id="A", secret_access_key="S", session_token="T", region="r", service="bedrock")
    headers = dict(signed_headers(keys, method="POST", host="h", path="/", body=b"{}", now_ms=NOW_MS))
    assert headers["x-amz-security-token"] == "T"
    assert "x-amz-security-token" in headers["authorization"]
