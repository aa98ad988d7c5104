"""What schemathesis also checks of every answer; it loads this with its own packages, and nothing of Tollway's."""

from typing import Any

import schemathesis  # pyright: ignore[reportMissingImports]


@schemathesis.check
def an_error_is_an_object_with_a_request_id(ctx: Any, response: Any, case: Any) -> None:
    """Every answer names its request, every refusal says something, and none is a fault.

    501 is none: it says what a model's provider cannot do.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert headers.get("x-request-id"), "the answer has no request id"
    assert response.status_code < 500 or response.status_code == 501, "a fault of ours, or of the provider"
    if response.status_code >= 400:
        error = response.json().get("error")
        assert error, f"the refusal has no error object: {response.text[:200]}"
        said = error if isinstance(error, str) else error.get("message")
        assert said, f"the error says nothing: {response.text[:200]}"
