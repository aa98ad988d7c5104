"""Errors in Google's form, ours and theirs."""

import json

import pytest

from tests.unit.dialects.gemini.gemini_chunks import encoded
from tollway.dialects.gemini.errors import parse_error, render_error
from tollway.errors import Refusal


def test_a_refusal_has_googles_members_and_ours() -> None:
    refusal = Refusal(
        "rate_limit_exceeded", "Too fast.", param="rpm", metadata={"limit": 3, "who": "key"}, retry_after_s=7
    )
    assert json.loads(render_error(refusal)) == {
        "error": {
            "code": 429,
            "message": "Too fast.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "rate_limit_exceeded",
                    "domain": "tollway",
                    "metadata": {"limit": "3", "who": "key"},
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"},
            ],
            "type": "rate_limit_exceeded",
            "param": "rpm",
            "metadata": {"limit": 3, "who": "key"},
        }
    }


def test_a_refusal_without_facts_has_empty_ones() -> None:
    found = json.loads(render_error(Refusal("invalid_api_key", "No.")))["error"]
    assert (found["code"], found["status"], found["metadata"], found["param"]) == (401, "UNAUTHENTICATED", {}, None)


ERROR = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}


@pytest.mark.parametrize(
    ("body", "type_", "code"),
    [
        (encoded({"error": ERROR}), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        (encoded([{"error": ERROR}]), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        (encoded({"error": {**ERROR, "details": [{}, 3, {"reason": "API_KEY_INVALID"}]}}), "INVALID_ARGUMENT", None),
        (encoded({"error": {"message": "x", "type": "t", "code": 7}}), "t", "7"),
        (b"<html>", None, None),
        (b"[]", None, None),
        (encoded({"error": ERROR}) + b" " * 70_000, None, None),
    ],
)
def test_the_reason_is_the_code(body: bytes, type_: str | None, code: str | None) -> None:
    found = parse_error(400, body)
    assert found.type == type_
    assert found.code == (code if b"API_KEY_INVALID" not in body else "API_KEY_INVALID")
    assert found.message
