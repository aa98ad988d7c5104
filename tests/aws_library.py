"""Amazon's own library, which says what is right about signatures, event streams and Converse. It lives apart from what we run.

It wants an older `dateutil` than ours, so its folder stands last in the path: what both have is ours.
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix, "compat", "boto3")


def botocore(name: str) -> Any:
    """Return a module of botocore's."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return import_module(f"botocore.{name}")


@cache
def _operation(name: str) -> Any:
    return botocore("session").get_session().get_service_model("bedrock-runtime").operation_model(name)


def mistakes_in_converse(body: bytes) -> str:
    """Return what botocore has against the body of a request to Converse; nothing, if nothing."""
    params = {"modelId": "m", **json.loads(body)}
    return botocore("validate").ParamValidator().validate(params, _operation("Converse").input_shape).generate_report()


def converse_answer(body: bytes) -> dict[str, Any]:
    """Return what a client of botocore's makes of a whole answer."""
    parser = botocore("parsers").create_parser("rest-json")
    return parser.parse({"status_code": 200, "headers": {}, "body": body}, _operation("Converse").output_shape)


class _Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> Iterator[bytes]:
        """Yield the stream in pieces, as a connection gives them."""
        for at in range(0, len(self._data), 100):
            yield self._data[at : at + 100]


def converse_events(data: bytes) -> list[dict[str, Any]]:
    """Return what a client of botocore's makes of a stream; raises its EventStreamError for an exception in it."""
    shape = _operation("ConverseStream").output_shape.members["stream"]
    parser = botocore("parsers").create_parser("rest-json")._event_stream_parser
    return list(botocore("eventstream").EventStream(_Raw(data), shape, parser, "ConverseStream"))
