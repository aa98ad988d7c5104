"""A head that comes again on its connection is known and not parsed: nothing that a client sees or pays is otherwise."""

import json
import random
import socket

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.e2e.gateway.test_http import connect, post, read_answer

SEED = 7


@pytest.fixture(scope="module")
def account(tollway: Deployment) -> str:
    """An account with money."""
    return tollway.account("5.00")


@pytest.fixture(scope="module")
def key(tollway: Deployment, account: str) -> str:
    """A key of it."""
    return tollway.key(account)


def asking(words: str) -> bytes:
    """Return a body that says so much."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]}).encode()


def said(provider: Provider, count: int) -> list[str]:
    """Return what the provider was asked last, in order."""
    return [seen.body["messages"][0]["content"] for seen in provider.seen[-count:]]


def statuses(tollway: Deployment, account: str, *changes: list[str]) -> list[int]:
    """Return how a new key is answered on one connection: three times as it was made, and once after each change."""
    made = tollway.command("key", "create", "--account", account, "--name", "changing")
    found: list[int] = []
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        for change in ([], [], [], *changes):
            if change:
                tollway.command("key", change[0], made["id"], *change[1:])
            sock.sendall(post(made["key"], asking("Hello")))
            found.append(read_answer(file)[0])  # type: ignore[arg-type]
    return found


def test_bodies_of_any_length_behind_one_head_are_each_answered_with_their_own(
    tollway: Deployment, provider: Provider, key: str
) -> None:
    words = ["a" * length for length in (1, 9, 10, 99, 100, 5_000, 200_000, 3)]
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        for each in words:
            sock.sendall(post(key, asking(each)))
            assert read_answer(file)[0] == 200  # type: ignore[arg-type]
    assert said(provider, len(words)) == words


def test_requests_may_come_in_any_pieces_and_together(tollway: Deployment, provider: Provider, key: str) -> None:
    draw = random.Random(SEED)
    words = [f"{number} " + "x" * draw.randrange(3_000) for number in range(30)]
    stream = b"".join(post(key, asking(each)) for each in words)
    with connect(tollway) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        file = sock.makefile("rb")
        sock.sendall(post(key, asking("first")))
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]
        at = 0
        while at < len(stream):
            size = draw.choice((1, 20, 300, 4_000, 20_000))
            sock.sendall(stream[at : at + size])
            at += size
        ids = {read_answer(file)[1]["x-request-id"] for _ in words}  # type: ignore[arg-type]
    assert len(ids) == len(words)
    assert said(provider, len(words)) == words


def test_a_head_that_differs_is_read_anew(tollway: Deployment, account: str, key: str) -> None:
    another = tollway.key(account)
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        names = []
        for each, headers in ((key, {}), (key, {}), (another, {}), (key, {"x_tollway_tag": "night"}), (key, {})):
            sock.sendall(post(each, asking("Hello"), **headers))
            names.append(read_answer(file)[1]["x-request-id"])  # type: ignore[arg-type]
    lines = {line["id"]: line for line in tollway.requests()}
    assert [lines[name]["tag"] for name in names] == [None, None, None, "night", None]
    keys = [lines[name]["key"] for name in names]
    assert keys[0] == keys[1] == keys[3] == keys[4] != keys[2]


def test_a_key_that_is_revoked_is_refused_at_its_next_request(tollway: Deployment, account: str) -> None:
    assert statuses(tollway, account, ["revoke"]) == [200, 200, 200, 401]


def test_a_key_that_is_changed_is_judged_anew_at_its_next_request(tollway: Deployment, account: str) -> None:
    changes = ["update", "--models", "another"], ["update", "--models", "", "--routes", "embeddings"]
    assert statuses(tollway, account, *changes) == [200, 200, 200, 403, 403]


def test_a_body_that_is_too_large_is_refused_behind_a_known_head(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        sock.sendall(post(key, asking("Hello")))
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]
        head = post(key, b"").replace(b"content-length: 0", b"content-length: 99999999999")
        sock.sendall(head)
        status, headers, _ = read_answer(file)  # type: ignore[arg-type]
    assert (status, headers["connection"]) == (413, "close")


def test_what_is_not_http_behind_a_known_head_is_refused(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        for _ in range(2):
            sock.sendall(post(key, asking("Hello")))
            assert read_answer(file)[0] == 200  # type: ignore[arg-type]
        sock.sendall(b"nonsense\r\n\r\n")
        assert read_answer(file)[0] == 400  # type: ignore[arg-type]
        assert file.read() == b""


def test_a_client_that_leaves_within_a_body_behind_a_known_head_leaves_nothing(tollway: Deployment, key: str) -> None:
    with connect(tollway) as sock:
        file = sock.makefile("rb")
        sock.sendall(post(key, asking("Hello")))
        assert read_answer(file)[0] == 200  # type: ignore[arg-type]
        before = len(tollway.requests())
        sock.sendall(post(key, asking("Hello"))[:-5])
    assert len(tollway.requests()) == before
    tollway.check()
