"""Translated streams that do not go well: fallback, money that ends, clients that leave, replays.

And providers that stream never or always, which is no client's business.
"""

import json
import shutil
import socket
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.dialects.asking import KINDS, ask, costs, request, text_of
from tests.e2e.dialects.gateway import CANARY, DIALECTS, PRICE, PROVIDERS, deploy, settings
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.dialects.saying import TEXT
from tests.e2e.gateway import deployment as deployments
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment
from tollway.catalog.presets import PRESETS

CHATS = [kind for kind in KINDS if kind != "openai_completions"]
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SAID = "".join(TEXT.text)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


DEAD_PORT = free_port()

MODELS = {
    "early": [("messages", "m-early"), ("gemini", "m-text")],
    "broken-inside": [("converse", "m-e500"), ("ollama", "m-e503"), ("chat", "m-text")],
    "impossible": [("completions", "m-text"), ("responses", "m-text")],
    "unreachable": [("dead", "m"), ("cohere", "m-text")],
    "nobody": [("dead", "m")],
    "open": [("messages", "m-long")],
}


def model_table(name: str, targets: list[tuple[str, str]]) -> str:
    """Return a model whose first target is tried first, and the others after it."""
    tables = [
        f'{{ provider = "{at}", model = "{model}", weight = {int(rank == 0)} }}'
        for rank, (at, model) in enumerate(targets)
    ]
    return f'\n[[models]]\nid = "{name}"\ntargets = [{", ".join(tables)}]\nprice = {PRICE}\n'


MORE = f"""
[[providers]]
name = "dead"
preset = "anthropic-compatible"
base_url = "http://127.0.0.1:{DEAD_PORT}/inside"
api_key = "env:E2E_PROVIDER_KEY"
""" + "".join(model_table(name, targets) for name, targets in MODELS.items())


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: ManyTongued) -> Iterator[Deployment]:
    deployment = deploy(tmp_path_factory.mktemp("streams"), provider.port, more=MORE)
    yield deployment
    deployment.stop()


@WAYS
@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("model", ["early", "broken-inside", "impossible", "unreachable"])
def test_a_provider_of_another_dialect_takes_over_before_content(
    tollway: Deployment, books: Bookkeeper, key: str, kind: str, model: str, stream: bool
) -> None:
    reply = ask(tollway.client(key), kind, model, stream=stream)
    assert reply.status_code == 200, reply.text
    assert text_of(reply) == SAID
    line = books.call("GET", f"/requests/{reply.headers['x-request-id']}")
    assert line["provider"] == MODELS[model][-1][0]
    assert line["attempts"] == len(MODELS[model]) - (model == "impossible")
    (found,) = costs(reply)
    assert found["total_cost_usd"] == Decimal(line["total_cost"])


@WAYS
@pytest.mark.parametrize("kind", CHATS)
def test_a_provider_that_nobody_reaches_is_named_and_its_address_is_not(
    tollway: Deployment, key: str, kind: str, stream: bool
) -> None:
    reply = ask(tollway.client(key), kind, "nobody", stream=stream)
    assert reply.status_code == 503
    assert "'dead'" in reply.text
    assert str(DEAD_PORT) not in reply.text
    assert "inside" not in reply.text
    assert CANARY not in reply.text


@pytest.mark.parametrize("kind", ["openai_chat", "openai_responses", "gemini", "ollama_chat", "ollama_generate"])
def test_a_translated_stream_whose_money_ends_ends_honestly(tollway: Deployment, books: Bookkeeper, kind: str) -> None:
    account = books.account("0.012")
    key = str(books.key(account)["key"])
    reply = ask(tollway.client(key), kind, "open", stream=True)
    assert reply.status_code == 200
    assert text_of(reply).startswith("word after word ")
    assert "insufficient_quota" in reply.text
    line = books.call("GET", f"/requests/{reply.headers['x-request-id']}")
    assert line["outcome"] == "out_of_money"
    assert 0 < Decimal(line["total_cost"]) <= Decimal("0.012")
    assert books.balance(account) == Decimal("0.012") - Decimal(line["total_cost"])
    (found,) = costs(reply)
    assert found["total_cost_usd"] == Decimal(line["total_cost"])
    finished = {"openai_chat": '"length"', "openai_responses": "response.", "gemini": "MAX_TOKENS"}.get(
        kind, '"length"'
    )
    assert finished in reply.text


@pytest.mark.parametrize("kind", CHATS)
def test_a_client_that_leaves_a_translated_stream_pays_for_what_was_said_until_then(
    tollway: Deployment, books: Bookkeeper, key: str, kind: str
) -> None:
    place = "gemini" if kind != "gemini" else "chat"
    path, body = request(kind, f"{place}/m-long", stream=True)
    with tollway.client(key).stream("POST", path, json=body) as reply:
        request_id = reply.headers["x-request-id"]
        heard = b""
        for piece in reply.iter_raw():
            heard += piece
            if heard.count(b"word after word") > 2:
                break
    line = books.line(request_id)
    assert line["outcome"] == "client_gone"
    assert line["status"] == 499
    assert Decimal(0) < Decimal(line["total_cost"]) < Decimal("0.02")


@pytest.mark.parametrize("kind", CHATS)
def test_a_translated_stream_is_replayed_to_the_byte_and_paid_once(
    tollway: Deployment, books: Bookkeeper, provider: ManyTongued, kind: str
) -> None:
    account = books.account("1.00")
    client = tollway.client(str(books.key(account)["key"]))
    place = "converse"
    mark = f"replayed-{kind}"
    headers = {"idempotency-key": mark}
    first, again = (
        ask(client, kind, f"{place}/m-parallel", prompt=mark, stream=True, headers=headers) for _ in range(2)
    )
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert len(provider.asked(mark)) == 1
    line = books.call("GET", f"/requests/{first.headers['x-request-id']}")
    assert books.balance(account) == Decimal("1.00") - Decimal(line["total_cost"])
    other = ask(client, kind, f"{place}/m-text", prompt=mark, stream=True, headers=headers)
    assert other.status_code == 409


@pytest.fixture(scope="module", params=["never", "always"])
def one_way(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider: ManyTongued
) -> Iterator[tuple[str, Deployment]]:
    """A gateway whose providers stream never, or always."""
    folder = tmp_path_factory.mktemp(request.param)
    presets = Path(shutil.copytree(PRESETS, folder / "presets"))
    for file in presets.glob("*.toml"):
        lines = file.read_text().splitlines()
        told = [
            f'{line}\nstreaming = "{request.param}"'
            if line.startswith("[dialects.") and line.removeprefix("[dialects.").rstrip("]") in DIALECTS.values()
            else line
            for line in lines
        ]
        file.write_text("\n".join(told))
    # What only the settings name, no preset can say of: here it can.
    compatible = presets / "openai-compatible.toml"
    more = [
        f'[dialects.{name}]\nstreaming = "{request.param}"\n' for name in ("openai_responses", "openai_completions")
    ]
    compatible.write_text("\n".join([compatible.read_text(), *more]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployments, "TOLLWAY", (sys.executable, str(Path(__file__).with_name("with_presets.py"))))
        patch.setenv("E2E_PRESETS", str(presets))
        patch.setenv("E2E_PROVIDER_KEY", CANARY)
        chosen = settings(provider.port).replace(
            PROVIDERS["chat"].format(server=f"http://127.0.0.1:{provider.port}/chat"),
            PROVIDERS["chat"].format(server=f"http://127.0.0.1:{provider.port}/chat") + '\ndialects = ["openai_chat"]',
        )
        deployment = Deployment(folder, chosen).start()
        yield str(request.param), deployment
        deployment.stop()


@WAYS
@pytest.mark.parametrize("place", [name for name in DIALECTS if name != "completions"])
def test_clients_stream_or_not_whatever_a_provider_does(
    one_way: tuple[str, Deployment], provider: ManyTongued, place: str, stream: bool
) -> None:
    ways, tollway = one_way
    client = tollway.client(tollway_key(tollway))
    for kind in ("openai_chat", "anthropic_messages", "gemini", "ollama_chat", "openai_responses"):
        mark = f"{ways}-{place}-{kind}-{stream}"
        reply = ask(client, kind, f"{place}/m-text", prompt=mark, stream=stream)
        assert reply.status_code == 200, reply.text
        assert text_of(reply) == SAID
        assert len(costs(reply)) == 1
        (asked,) = provider.asked(mark)
        streamed = "stream" in asked.path if place in {"gemini", "converse"} else asked.body.get("stream", False)
        assert streamed is (ways == "always"), asked


def tollway_key(tollway: Deployment) -> str:
    """Return a key with money, made once for each gateway."""
    kept = tollway.folder / "key"
    if not kept.exists():
        books = Bookkeeper(tollway)
        kept.write_text(json.dumps(books.key(books.account("1000"))["key"]))
    return str(json.loads(kept.read_text()))
