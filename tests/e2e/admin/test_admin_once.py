"""Admin calls with an Idempotency-Key: done once, whatever is sent again, and answered the same."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.admin.conftest import Admin, error_of
from tollway import clock
from tollway.errors import Refusal
from tollway.http.once import Send, answer_once
from tollway.ledger.answers import AnswerState
from tollway.relay.recording import ANSWER_BYTES_MAX
from tollway.relay.stored_answers import Asked, StoredAnswers
from tollway.store.store import Store

REPLAY = "x-idempotent-replay"


async def post(admin: Admin, path: str, once: str, /, **body: object) -> httpx.Response:
    return await admin.client.post(path, json=body, headers={"idempotency-key": once})


def stored(folder: Path) -> bytes:
    """Return every byte of the store, its log included."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def test_a_key_that_is_made_is_shown_again_to_who_asks_again_and_lies_nowhere(
    admin: Admin, tmp_path: Path
) -> None:
    account = await admin.account()
    first, second = [await post(admin, "/keys", "make-a-key", account=account, name="k") for _ in range(2)]
    assert first.status_code == second.status_code == 201
    assert second.content == first.content
    assert dict(second.headers) == dict(first.headers) | {REPLAY: "true"}
    assert len(admin.desk.keys.list(None)) == 1
    content = stored(tmp_path)
    assert b"idempotency" in content
    assert first.json()["key"].encode() not in content
    assert b"make-a-key" not in content


async def test_of_many_credits_at_once_one_is_booked(admin: Admin) -> None:
    account = await admin.account("1.00")
    path = f"/accounts/{account}/credits"
    got = await asyncio.gather(*(post(admin, path, "credit", amount="2.00", reason="r") for _ in range(20)))
    booked = [one for one in got if one.status_code == 201]
    early = [one for one in got if one.status_code == 409]
    assert len(booked) + len(early) == 20
    assert len({one.content for one in booked}) == 1
    for one in early:
        assert error_of(one)["metadata"]["reason"] == "still_running"
        assert int(one.headers["retry-after"]) >= 1
        assert one.headers["x-should-retry"] == "true"
    assert (await post(admin, path, "credit", amount="2.00", reason="r")).content == booked[0].content
    balance = (await admin.client.get(f"/accounts/{account}/balance")).json()
    assert balance["balance"].rstrip("0") == "3."


async def test_another_call_under_the_same_key_is_a_conflict(admin: Admin) -> None:
    first = await post(admin, "/accounts", "mine", name="A")
    for other in (
        await post(admin, "/accounts", "mine", name="B"),
        await post(admin, "/accounts?x=1", "mine", name="A"),
        await post(admin, f"/accounts/{first.json()['id']}/suspend", "mine"),
    ):
        assert (other.status_code, error_of(other)["code"]) == (409, "idempotency_conflict")
        assert error_of(other)["metadata"]["request_id"] == first.headers["x-request-id"]
        assert other.headers["x-should-retry"] == "false"
        assert other.headers["x-request-id"] != first.headers["x-request-id"]
    assert len((await admin.client.get("/accounts")).json()["data"]) == 1


async def test_what_was_refused_may_be_sent_again_under_its_key(admin: Admin) -> None:
    account = await admin.account()
    refused = await post(admin, f"/accounts/{account}/credits", "again", amount="x", reason="r")
    assert refused.status_code == 400
    booked = await post(admin, f"/accounts/{account}/credits", "again", amount="1", reason="r")
    assert (booked.status_code, REPLAY in booked.headers) == (201, False)


async def test_a_defect_is_answered_the_same_again_because_nobody_knows_how_far_it_came(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def fail(*words: object, **_: object) -> Any:
        calls.append(words)
        raise AssertionError("a defect")

    monkeypatch.setattr(admin.desk.accounts, "create", fail)
    with pytest.raises(AssertionError):
        await post(admin, "/accounts", "defect", name="A")
    again = await post(admin, "/accounts", "defect", name="A")
    assert (again.status_code, error_of(again)["code"], again.headers[REPLAY]) == (500, "internal_error", "true")
    assert len(calls) == 1


async def test_each_admin_key_has_keys_of_its_own_and_only_posts_have_any(admin: Admin) -> None:
    first = await post(admin, "/accounts", "1", name="A")
    _, secret = admin.desk.admin_keys.create("another")
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "1"}
    second = await admin.client.post("/accounts", json={"name": "A"}, headers=headers)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    listed = await admin.client.get("/accounts", headers={"idempotency-key": "1"})
    assert (listed.status_code, REPLAY in listed.headers) == (200, False)


@pytest.mark.parametrize("name", ["", "x" * 257])
async def test_a_key_that_is_none_is_refused(admin: Admin, name: str) -> None:
    got = await post(admin, "/accounts", name, name="A")
    assert (got.status_code, error_of(got)["param"]) == (400, "idempotency-key")


async def test_two_different_keys_in_one_call_are_refused(admin: Admin) -> None:
    headers = [("idempotency-key", "1"), ("idempotency-key", "2")]
    got = await admin.client.post("/accounts", json={"name": "A"}, headers=headers)
    assert (got.status_code, error_of(got)["param"]) == (400, "idempotency-key")


def asked(number: int) -> Asked:
    return Asked(
        scope_id=0,
        owner_id=1,
        key="k",
        target=b"POST /x?",
        body=b"{}",
        exchange_id=number,
        received_ms=clock.now_ms(),
        state=AnswerState.ACTING,
    )


async def ignore(message: Any) -> None:
    """Be a client that does not look."""


async def test_an_answer_that_is_too_long_is_given_once(admin: Admin) -> None:
    done: list[int] = []

    async def answer(to: Send) -> None:
        done.append(1)
        await to({"type": "http.response.start", "status": 201, "headers": []})
        for _ in range(5):
            await to({"type": "http.response.body", "body": bytes(ANSWER_BYTES_MAX // 4), "more_body": True})
        await to({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await answer_once(admin.parts.answers, asked(1), answer, send)
    assert sent[0]["status"] == 201
    assert len(sent[1]["body"]) == ANSWER_BYTES_MAX // 4 * 5
    with pytest.raises(Refusal) as refused:
        await answer_once(admin.parts.answers, asked(2), answer, send)
    assert refused.value.metadata == {"reason": "not_kept", "request_id": "req_0000000000000001"}
    assert done == [1]


async def test_a_call_whose_worker_died_is_not_done_again_without_a_look(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'dying.db'}"
    dying, living = Store.open(url), Store.open(url)
    commits = dying.group_commit(dying.register_worker(clock.now_ms()))
    commits.start()
    acting = asyncio.Event()

    async def never(to: Send) -> None:
        acting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(answer_once(StoredAnswers(commits), asked(1), never, ignore))
    await acting.wait()
    dying.close()
    assert living.reclaim_dead_workers(clock.now_ms()) == 1
    again = living.group_commit(living.register_worker(clock.now_ms()))
    again.start()
    with pytest.raises(Refusal) as refused:
        await answer_once(StoredAnswers(again), asked(2), never, ignore)
    assert (refused.value.code, refused.value.retry_after_s) == ("idempotency_conflict", None)
    assert refused.value.metadata == {"reason": "unclear", "request_id": "req_0000000000000001"}
    await again.stop()
    living.close()
    task.cancel()
    await asyncio.wait((task,))


async def test_a_call_that_was_cut_off_is_not_done_again_without_a_look(admin: Admin) -> None:
    async def cut(to: Send) -> None:
        await to({"type": "http.response.start", "status": 201, "headers": []})
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await answer_once(admin.parts.answers, asked(1), cut, ignore)
    with pytest.raises(Refusal) as refused:
        await answer_once(admin.parts.answers, asked(2), cut, ignore)
    assert refused.value.metadata == {"reason": "unclear", "request_id": "req_0000000000000001"}
