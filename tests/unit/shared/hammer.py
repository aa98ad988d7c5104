"""A process that takes requests from a host's counters as fast as it can: run by test_host_counters.py.

Its arguments: the file, how many requests to ask for, and the limits as JSON. It says `ready`, waits for a line, asks,
says how many were admitted, and then waits for its end with all of them running.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import NamedTuple

from tollway.shared.counters import HostCounters


class Limit(NamedTuple):
    rpm: int | None = None
    burst: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


async def main() -> None:
    path, count, limit = Path(sys.argv[1]), int(sys.argv[2]), Limit(**json.loads(sys.argv[3]))
    counters = HostCounters(path)
    print("ready", flush=True)
    sys.stdin.readline()
    rules = ((b"all", limit),)
    verdicts = [await counters.take(rules, tokens=3) for _ in range(count)]
    print(sum(verdict.refused is None for verdict in verdicts), flush=True)
    sys.stdin.readline()
    counters.close()


asyncio.run(main())
