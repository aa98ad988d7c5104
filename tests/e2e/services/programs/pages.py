"""Runs snippets one after another, those of one page in one namespace, as a reader does who types them in.

It runs with whatever versions of the clients are first on the path. Each line of its input is a snippet, and each line
of its output what came of it.
"""

import contextlib
import io
import json
import logging
import os
import sys
from typing import Any

import anthropic
import loopback
import openai


class Retries(logging.Handler):
    """Counts how often a client tries again, by what it logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "Retrying request" in record.msg


def told(error: BaseException) -> dict[str, Any]:
    """Return what a program can read of an error."""
    kinds = [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__]
    response = getattr(error, "response", None)
    return {
        "kinds": kinds,
        "text": str(error),
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "body": response.text if response is not None else None,
        "headers": dict(response.headers) if response is not None else {},
    }


def run(code: str, name: str, space: dict[str, Any], retries: Retries) -> dict[str, Any]:
    """Run one snippet; return what it printed, and what it raised."""
    retries.count = 0
    out = io.StringIO()
    error: BaseException | None = None
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(code, name, "exec"), space)
        except Exception as problem:  # noqa: BLE001  whatever a snippet raises is what its reader sees
            error = problem
    return {"out": out.getvalue(), "error": error and told(error), "retries": retries.count}


def main() -> None:
    loopback.install()
    retries = Retries()
    for client in ("openai", "anthropic"):
        logging.getLogger(client).addHandler(retries)
        logging.getLogger(client).setLevel(logging.INFO)
        logging.getLogger(client).propagate = False
    print(json.dumps({"openai": openai.__version__, "anthropic": anthropic.__version__}), flush=True)
    space: dict[str, Any] = {}
    for line in sys.stdin:
        page = json.loads(line)
        if page["fresh"]:
            space = {"__name__": "__main__"}
        os.environ.update(page["env"])
        print(json.dumps(run(page["code"], page["name"], space, retries)), flush=True)


if __name__ == "__main__":
    main()
