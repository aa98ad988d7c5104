"""Errors in OpenAI's form, written and read."""

import json

import pytest

from tollway.dialects.error_body import MESSAGE_CHARS_MAX, WORD_CHARS_MAX
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import ProviderError
from tollway.errors import CODES, Refusal

SILENT = "the provider answered with status 500 and no message"


def parse(body: bytes) -> ProviderError:
    return OPENAI_CHAT.parse_error(500, body)


def test_a_refusal_has_all_five_fields() -> None:
    refusal = Refusal("insufficient_quota", "No.", param="x", metadata={"balance_usd": "0.01"})
    assert json.loads(OPENAI_CHAT.render_error(refusal)) == {
        "error": {
            "message": "No.",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
            "param": "x",
            "metadata": {"balance_usd": "0.01"},
        }
    }


@pytest.mark.parametrize("code", CODES)
def test_metadata_is_always_an_object(code: str) -> None:
    error = json.loads(OPENAI_CHAT.render_error(Refusal(code, "No.")))["error"]
    assert (error["metadata"], error["param"], error["code"]) == ({}, None, code)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":{"message":"M","type":"t","code":"c","param":null}}', ProviderError("M", "t", "c")),
        (b'{"error":{"message":"M","code":400}}', ProviderError("M", None, "400")),
        (b'{"error":{"message":"M","code":true,"type":{}}}', ProviderError("M", None, None)),
        (b'{"error":"M","code":"c"}', ProviderError("M", None, "c")),
        (b'[{"error":{"code":400,"message":"M","status":"INVALID_ARGUMENT"}}]', ProviderError("M", None, "400")),
        (b'{"message":"M","type":"t"}', ProviderError("M", "t", None)),
        (b'{"code":7,"msg":"M"}', ProviderError("M", None, "7")),
        (b'{"detail":[{"loc":["body"],"msg":"M"}]}', ProviderError('[{"loc":["body"],"msg":"M"}]', None, None)),
        (b'{"error":{"message":"  "}}', ProviderError(SILENT, None, None)),
        (b'{"error":{"message":"a\\n\\u0000b"}}', ProviderError("a b", None, None)),
        (b'{"error":null}', ProviderError(SILENT, None, None)),
        (b'"M"', ProviderError("M", None, None)),
        (b'""', ProviderError(SILENT, None, None)),
        (b"[]", ProviderError("[]", None, None)),
        (b"null", ProviderError("null", None, None)),
        (b"Not found", ProviderError("Not found", None, None)),
        (b"\xff\xfe", ProviderError("\ufffd\ufffd", None, None)),
        (b"\x00\x01", ProviderError(SILENT, None, None)),
        (b"<html><h1>502</h1>", ProviderError(SILENT, None, None)),
        (b"", ProviderError(SILENT, None, None)),
        (b'{"error":{"message":"\xff"}}', ProviderError('{"error":{"message":"\ufffd"}}', None, None)),
    ],
)
def test_an_error_of_any_shape_is_read(body: bytes, error: ProviderError) -> None:
    assert parse(body) == error


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 1_000_000,
        b'{"error":{"message":"' + b"x" * 60_000 + b'","code":"' + b"c" * 5_000 + b'"}}',
        b'{"error":{"message":"' + b"x" * 1_000_000 + b'"}}',
        b"[" * 60_000,
        "ä".encode() * 1_000_000,
    ],
)
def test_what_is_repeated_of_an_error_is_bounded(body: bytes) -> None:
    error = parse(body)
    assert 0 < len(error.message) <= MESSAGE_CHARS_MAX
    assert len(error.code or "") <= WORD_CHARS_MAX
