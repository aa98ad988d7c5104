"""The cost in every reply, in the bytes: once, in the same place for each dialect, and the ledger's to the last digit."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.dialects.asking import KINDS, ask, costs, documents, possible, text_of
from tests.e2e.dialects.gateway import DIALECTS
from tests.e2e.dialects.provider import ENDINGS
from tests.e2e.dialects.saying import SAYINGS, TEXT
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment
from tollway.dialects.known import DIALECTS as RECORDS

PAIRS = [(kind, provider) for kind in KINDS for provider in DIALECTS if possible(kind, provider)]
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
NAMES = {"base_cost_usd", "platform_fee_usd", "total_cost_usd"}


@WAYS
@pytest.mark.parametrize(("kind", "place"), PAIRS)
def test_the_cost_stands_once_in_a_reply_and_is_the_ledgers(
    tollway: Deployment, books: Bookkeeper, key: str, kind: str, place: str, stream: bool
) -> None:
    reply = ask(tollway.client(key), kind, f"{place}/m-text", stream=stream)
    assert reply.status_code == 200, reply.text
    assert text_of(reply) == "".join(TEXT.text)
    (found,) = costs(reply)
    line = books.call("GET", f"/requests/{reply.headers['x-request-id']}")
    assert found["total_cost_usd"] == Decimal(line["total_cost"]) > 0
    assert found["base_cost_usd"] == Decimal(line["base_cost"])
    assert found["platform_fee_usd"] == 0
    assert line["lane"] == ("translated" if kind != DIALECTS[place] else line["lane"])
    assert line["provider"] == place


@WAYS
@pytest.mark.parametrize(("kind", "place"), PAIRS)
def test_a_key_that_wants_no_costs_sees_none_and_pays_the_same(
    tollway: Deployment, books: Bookkeeper, account: str, kind: str, place: str, stream: bool
) -> None:
    hidden = str(books.key(account, costs="hidden")["key"])
    reply = ask(tollway.client(hidden), kind, f"{place}/m-text", stream=stream)
    assert text_of(reply) == "".join(TEXT.text)
    assert not costs(reply)
    line = books.call("GET", f"/requests/{reply.headers['x-request-id']}")
    assert Decimal(line["total_cost"]) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_usage_stands_where_it_does_with_the_costs_streamed_or_not(tollway: Deployment, key: str, kind: str) -> None:
    provider = next(name for name, dialect in DIALECTS.items() if dialect == kind)
    client = tollway.client(key)

    def counts(stream: bool) -> Any:
        (found,) = costs(ask(client, kind, f"{provider}/m-text", stream=stream))
        return {name: value for name, value in found.items() if "count" in name or "tokens" in name}

    assert counts(False) == counts(True) or kind == "anthropic_messages", "Messages tell the input at the start"


@WAYS
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_pass_unchanged_for_a_key_without_costs(
    tollway: Deployment, books: Bookkeeper, account: str, kind: str, stream: bool
) -> None:
    hidden, shown = (str(books.key(account, costs=costs)["key"]) for costs in ("hidden", "shown"))
    provider = next(name for name, dialect in DIALECTS.items() if dialect == kind)
    model = f"{provider}/m-parallel" if kind in {"openai_chat", "anthropic_messages"} else f"{provider}/m-text"
    told: dict[str, Any] = (
        {"stream_options": {"include_usage": True}} if stream and kind in {"openai_chat", "openai_completions"} else {}
    )
    plain = ask(tollway.client(hidden), kind, model, stream=stream, **told)
    from_provider = _expected(kind, model.partition("/")[2], stream)
    assert plain.content == from_provider
    with_costs = ask(tollway.client(shown), kind, model, stream=stream, **told)
    without = [_stripped(document) for document in documents(with_costs)]
    assert without == documents(plain)


def _expected(kind: str, model: str, stream: bool) -> bytes:
    path = RECORDS[kind].path
    form = next(form for ending, form in ENDINGS if path.endswith(ending))
    saying = SAYINGS[model.rpartition("-")[2]]
    return b"".join(form.stream(saying, model)) if stream else json.dumps(form.whole(saying, model)).encode()


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(each) for name, each in value.items() if name not in NAMES}
    return [_stripped(each) for each in value] if isinstance(value, list) else value
