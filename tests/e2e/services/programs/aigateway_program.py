"""Calls AIgateway's own client, sync or async, as it is told line by line; prints what each call returned or raised."""

import asyncio
import dataclasses
import importlib
import json
import sys
from functools import reduce
from typing import Any

import loopback

Order = dict[str, Any]

aigateway: Any = importlib.import_module("aigateway")


def shown(value: Any) -> Any:
    """Return what a call returned as plain data: the client has a class for jobs."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


class Callers:
    """Clients as a program has them: one of each kind for a key, used again and again."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._clients: dict[str, Any] = {}

    def call_sync(self, order: Order) -> Any:
        return self._method(aigateway.AIgateway, order)(*order["words"], **order["named"])

    def call_async(self, order: Order) -> Any:
        return self._runner.run(self._method(aigateway.AsyncAIgateway, order)(*order["words"], **order["named"]))

    def _method(self, kind: Any, order: Order) -> Any:
        name = f"{kind} {order['client']}"
        if name not in self._clients:
            self._clients[name] = kind(**order["client"])
        return reduce(getattr, order["call"].split("."), self._clients[name])

    def close(self) -> None:
        for client in self._clients.values():
            closing = client.close()
            if closing is not None:
                self._runner.run(closing)


def call_function(order: Order) -> Any:
    return getattr(aigateway, order["call"])(*order["words"])


def do(order: Order, callers: Callers) -> Order:
    ways = {"sync": callers.call_sync, "async": callers.call_async, "function": call_function}
    try:
        return {"value": shown(ways[order["way"]](order)), "error": None}
    except Exception as error:  # noqa: BLE001  whatever the client raises is what its user sees
        told = {name: getattr(error, name, None) for name in ("status_code", "type")}
        return {"value": None, "error": told | {"kind": type(error).__name__, "text": str(error)}}


def main() -> None:
    loopback.install()
    print(json.dumps({"aigateway": aigateway.__version__}), flush=True)
    with asyncio.Runner() as runner:
        callers = Callers(runner)
        for line in sys.stdin:
            print(json.dumps(do(json.loads(line), callers)), flush=True)
        callers.close()


if __name__ == "__main__":
    main()
