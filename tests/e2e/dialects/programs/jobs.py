"""What every user's program here shares: the jobs that it reads, what it asks in each case, and what it says it saw.

A program reads a list of jobs from its input and prints one object: what came of each. It runs with whatever version of
its client is first on the path.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Job = Mapping[str, Any]

AT_ONCE = 4

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

WEATHER_ARGUMENTS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
CLOCK_ARGUMENTS = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}
TOOLS = (("weather", "Tell the weather.", WEATHER_ARGUMENTS), ("clock", "Tell the time.", CLOCK_ARGUMENTS))

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
SYSTEM = "You are brief."
CALLED = ("call_h1", "weather", {"city": "Rome", "days": 1})
RESULT = '{"sky": "blue"}'
AFTER = "And tomorrow?"


def url() -> str:
    return os.environ["TOLLWAY_URL"]


def key() -> str:
    return os.environ["TOLLWAY_KEY"]


def prompt(job: Job) -> str:
    """Return what is asked, with a mark by which the provider's side is found."""
    return f"Say hello, {job['mark']}."


_heads = threading.local()


def note_head(response: Any) -> None:
    """Keep the headers of the answer that this thread reads; a hook for httpx."""
    _heads.last = dict(response.headers)


def noted_head() -> dict[str, str]:
    return getattr(_heads, "last", {})


def run(version: str, ways: Mapping[str, Callable[[Job], dict[str, Any]]], told: Callable[[Exception], Any]) -> None:
    """Do every job, and print what came of each by its mark."""
    jobs: list[Job] = json.load(sys.stdin)

    def do(job: Job) -> dict[str, Any]:
        seen: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}
        try:
            return seen | ways[job["kind"]](job)
        except Partial as broken:
            return seen | broken.seen | {"error": told(broken.cause)}
        except Exception as error:  # noqa: BLE001  whatever a client raises is what its user sees
            return seen | {"error": told(error)}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = dict(zip([job["mark"] for job in jobs], pool.map(do, jobs), strict=True))
    print(json.dumps({"version": version, "results": results}))


class Partial(Exception):
    """A stream that broke, with what was seen before."""

    def __init__(self, cause: Exception, seen: dict[str, Any]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.seen = seen


def read(stream: Any, take: Callable[[Any], None], seen: dict[str, Any]) -> None:
    """Take every event of a stream; what breaks it comes with what was seen."""
    try:
        for event in stream:
            take(event)
    except Exception as error:
        raise Partial(error, seen) from error


def headers(given: Mapping[str, str]) -> dict[str, Any]:
    return {"id": given.get("x-request-id"), "warning": given.get("x-tollway-warning")}
