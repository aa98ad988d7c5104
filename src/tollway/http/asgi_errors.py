"""What a client of FastAPI's routes is told of an error: how to mend what is theirs, and nothing of a defect of ours."""

from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tollway.errors import CommandRefused, NotThere, OnlyTheOperator, Refusal
from tollway.ids import IdError
from tollway.money import AmountError

BAD_REQUEST = 400

ERRORS = (Refusal, CommandRefused, AmountError, IdError, RequestValidationError, HTTPException, Exception)
"""What a route may raise. The last is for defects: the caller gets the same form, and the server still logs the error."""


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param", "metadata"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "metadata": {"type": "object"},
            },
        }
    },
}
REFUSED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "Refused; the message says what to mend.",
        "content": {"application/json": {"schema": _ERROR}},
    }
}
"""What every route may answer: without it the framework would describe a 422 that nobody ever gets."""


def refusal_of(error: Exception, *, nothing: str) -> Refusal:
    """Return what an error is told as; `nothing` is the sentence for a path or method that there is not."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _refusal_of_body(error)
    code, said = "internal_error", "This gateway failed at it; its log says why."
    if isinstance(error, HTTPException):
        code, said = "not_found", nothing
        if error.status_code == BAD_REQUEST:  # FastAPI's word for a body that Python's JSON reader chokes on
            code, said = "invalid_request", "The body cannot be read: send JSON in UTF-8, without deep nesting."
    elif isinstance(error, CommandRefused | AmountError | IdError):
        code, said = "not_found" if isinstance(error, NotThere) else "invalid_request", str(error)
        if isinstance(error, OnlyTheOperator):
            code = "not_permitted"
    return Refusal(code, said)


def _refusal_of_body(error: RequestValidationError) -> Refusal:
    """Name every field at fault; the first is the `param`."""
    mistakes = cast("list[dict[str, Any]]", error.errors())
    if mistakes[0]["type"] == "json_invalid":  # its place is an offset, not a field
        return Refusal("invalid_request", f"The body is not JSON: {mistakes[0]['ctx']['error']}.")
    places = [".".join(str(part) for part in mistake["loc"][1:]) for mistake in mistakes]
    said = "; ".join(f"{place or 'body'}: {mistake['msg']}" for place, mistake in zip(places, mistakes, strict=True))
    return Refusal("invalid_request", said, param=places[0] or None)
