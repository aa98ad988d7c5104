"""Every official client through a real gateway to a provider of every dialect, streamed and not: what it reads and what it costs."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.dialects.clients import ANSWERED, BROKEN, CLIENTS, REFUSED, Cell, cells, run
from tests.e2e.dialects.expected import (
    ERROR_KINDS,
    IN_STREAM,
    STATUSES,
    STOPS,
    USAGE,
    WITHOUT_REASONING,
    counted,
    refused,
    sums,
)
from tests.e2e.dialects.gateway import CANARY, PROVIDERS
from tests.e2e.dialects.programs.jobs import PNG
from tests.e2e.dialects.provider import RETRY_AFTER, ManyTongued
from tests.e2e.dialects.saying import SAYINGS, TEXT
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment

ANSWERS = cells(ANSWERED)
FAILURES = cells((*REFUSED, "broken", "cut", "early")) + cells(("short",), streams_only=True)

SENT = {"tools": b"weather", "parallel": b"clock", "history": b"Rome", "image": PNG.encode(), "schema": b"colour"}
"""What must have reached the provider of each case, whatever its dialect calls it."""


class Runs:
    """Runs each client once, when its first result is wanted: all that it is to do, at once."""

    def __init__(self, tollway: Deployment, key: str) -> None:
        self._tollway = tollway
        self._key = key
        self._results: dict[str, Mapping[str, Any]] = {}

    def of(self, cell: Cell) -> dict[str, Any]:
        client = cell.client
        if client.name not in self._results:
            jobs = [each.job for each in (*ANSWERS, *FAILURES) if each.client is client]
            self._results[client.name] = run(client, jobs, url=self._tollway.url, key=self._key)
        return self._results[client.name][cell.mark]


@pytest.fixture(scope="module")
def runs(tollway: Deployment, key: str) -> Runs:
    return Runs(tollway, key)


def lines_of(books: Bookkeeper, request_id: str) -> dict[str, Any]:
    return books.call("GET", f"/requests/{request_id}")


@pytest.mark.parametrize("cell", ANSWERS, ids=lambda cell: cell.mark)
def test_a_client_reads_what_the_provider_said_and_the_ledger_agrees(
    runs: Runs, provider: ManyTongued, books: Bookkeeper, cell: Cell
) -> None:
    seen = runs.of(cell)
    if refused(cell):
        assert seen["error"]["status"] == 400, seen
        assert not provider.asked(f", {cell.mark}.")
        return
    assert "error" not in seen, seen["error"]
    said = SAYINGS[cell.case]
    assert seen["text"] == "".join(said.text)
    assert [[name, json.loads(text)] for name, text in seen["calls"]] == [
        [call.name, call.arguments] for call in said.calls
    ]
    if cell.client.kind not in WITHOUT_REASONING and cell.provider != "completions":
        assert seen["reasoning"] == said.reasoning
    assert seen["stop"] == STOPS[cell.client.kind][1 if said.calls else 0]

    (asked,) = provider.asked(f", {cell.mark}.")
    sent = SENT.get(cell.case, b"")
    if cell.client.kind == "gemini" == cell.provider:  # its client writes base64 so, and the bytes pass
        sent = sent.replace(b"+", b"-")
    assert sent in asked.raw

    line = lines_of(books, seen["id"])
    units = {unit: count for unit, count in line["usage"].items() if count}
    assert units == USAGE[cell.provider]
    assert line["basis"] == "reported"
    assert line["outcome"] == "completed"
    assert counted(cell.client.kind, seen["usage"]) == sums(units)
    if "total_cost_usd" in seen["usage"]:
        assert Decimal(str(seen["usage"]["total_cost_usd"])) == Decimal(line["total_cost"])
    else:
        assert cell.client.program in {"gemini_program", "ollama_program"}, "their clients drop what they do not know"


@pytest.mark.parametrize("cell", FAILURES, ids=lambda cell: cell.mark)
def test_a_client_raises_its_own_error_for_what_a_provider_does(
    runs: Runs, provider: ManyTongued, books: Bookkeeper, cell: Cell
) -> None:
    seen = runs.of(cell)
    error = seen["error"]
    shown = json.dumps(seen)
    assert CANARY not in shown
    assert CANARY[:-1] not in shown
    assert f":{provider.port}" not in shown, "where a provider stands is nobody's business"
    program = cell.client.program
    begun = cell.streamed and cell.case in BROKEN and cell.case != "early"
    if refused(cell):
        assert error["kind"] == ERROR_KINDS[program][400]
    elif begun:
        assert error["kind"] == IN_STREAM[program]
        assert seen["text"] == TEXT.text[0], "what came before it was read"
        assert f"{cell.provider}'" in f"{error['message']} {error['body']}"
    else:
        status = STATUSES[cell.case]
        assert error["kind"] == ERROR_KINDS[program][status]
        assert error["status"] == status
        assert f"{cell.provider}'" in f"{error['message']} {error['body']}"
        assert error["retry_after"] == (RETRY_AFTER if status == 429 else None)
    if not begun and error["id"] is not None:
        line = lines_of(books, error["id"])
        assert Decimal(line["total_cost"]) == 0, "what failed is free"


def test_every_client_and_every_dialect_took_part_and_the_books_are_right(tollway: Deployment) -> None:
    assert len(ANSWERS) > 1000
    assert {cell.client.name for cell in ANSWERS} == {client.name for client in CLIENTS}
    assert {cell.provider for cell in ANSWERS} <= set(PROVIDERS)
    tollway.check()
