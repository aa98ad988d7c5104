"""An error inside a Responses stream. Knows no provider."""

import msgspec
from msgspec import Raw

_MEMBERS = msgspec.json.Decoder(dict[str, dict[str, Raw]])
_ENCODE = msgspec.json.Encoder().encode
_NULL = Raw(b"null")


def error_event(body: bytes, *, number: int, usage: bytes | None) -> bytes:
    """Return the `error` event of an error body of ours, with what was used until then.

    The members of the event are those of its official type; the object `error` beside them is what the official
    clients look for in every event, and raise.
    """
    error = _MEMBERS.decode(body)["error"]
    fields: dict[str, object] = {
        "type": "error",
        "sequence_number": number,
        "code": error.get("code", _NULL),
        "message": error["message"],
        "param": error.get("param", _NULL),
        "error": error,
    }
    if usage is not None:
        fields["usage"] = Raw(usage)
    return b"event: error\ndata: %b\n\n" % _ENCODE(fields)
