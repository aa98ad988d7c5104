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


def call_sync(order: Order) -> Any:
    with aigateway.AIgateway(**order["client"]) as client:
        method = reduce(getattr, order["call"].split("."), client)
        return method(*order["words"], **order["named"])


def call_async(order: Order) -> Any:
    async def run() -> Any:
        async with aigateway.AsyncAIgateway(**order["client"]) as client:
            method = reduce(getattr, order["call"].split("."), client)
            return await method(*order["words"], **order["named"])

    return asyncio.run(run())


def call_function(order: Order) -> Any:
    return getattr(aigateway, order["call"])(*order["words"])


WAYS = {"sync": call_sync, "async": call_async, "function": call_function}


def do(order: Order) -> Order:
    try:
        return {"value": shown(WAYS[order["way"]](order)), "error": None}
    except Exception as error:  # noqa: BLE001  whatever the client raises is what its user sees
        told = {name: getattr(error, name, None) for name in ("status_code", "type")}
        return {"value": None, "error": told | {"kind": type(error).__name__, "text": str(error)}}


def main() -> None:
    loopback.install()
    print(json.dumps({"aigateway": aigateway.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
