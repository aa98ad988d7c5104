"""How the routes of the accounts' API read bodies and write answers: numbers as exact decimals, in both directions."""

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import APIRouter as Routes
from fastapi import Request, Response
from fastapi.routing import APIRoute

__all__ = ("JSON", "Routes", "routes_of", "shown")

JSON = "application/json"


def shown(view: object, status: int = 200) -> Response:
    """Return an answer of plain data, in which amounts stand as they are written."""
    return Response(msgspec.json.encode(view), status_code=status, media_type=JSON)


class _ExactRequest(Request):
    """A request whose body is read without floats: 0.1 is no binary fraction, and NaN is no JSON."""

    async def json(self) -> Any:  # noqa: ANN401 whatever a client sent
        text = await self.body()
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_fields_of)


class ExactRoute(APIRoute):
    """A route whose bodies are read exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def read_exactly(request: Request) -> Response:
            return await answer(_ExactRequest(request.scope, request.receive))

        return read_exactly


def routes_of(tag: str) -> Routes:
    """Return an empty group of routes."""
    return Routes(route_class=ExactRoute, tags=[tag])


def _fields_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; one that says a thing twice says nothing: one of the two might be a limit."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise json.JSONDecodeError(f"{name[:64]!r} stands twice", name, 0)
        fields[name] = value
    return fields


def _refuse_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not a number in JSON", name, 0)
