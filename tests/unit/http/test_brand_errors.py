"""What a brand adds to errors, how it tells some, and which brand a host name means."""

import json

import msgspec
import pytest

from tollway.dialects.ollama import OLLAMA_CHAT
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import Refusal
from tollway.http.brand_errors import retold, with_members
from tollway.http.replies import BrandHeads, ReplyHeads
from tollway.settings.brand import read_brand

MONEY = Refusal("insufficient_quota", 'No "money".', metadata={"balance_usd": "0"})


def heads_of(preset: str, *hosts: str) -> ReplyHeads:
    return ReplyHeads(msgspec.structs.replace(read_brand(preset), hosts=hosts), render_error=OPENAI_CHAT.render_error)


def told(preset: str, refusal: Refusal = MONEY) -> tuple[bytes, dict[str, object]]:
    head, body = heads_of(preset).refusal(refusal, request_id="req_1")
    return head, json.loads(body)


def test_our_own_brand_adds_nothing() -> None:
    head, body = told("tollway")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert list(body) == ["error"]
    assert b"x-should-retry: false\r\n" in head


def test_code_msg_and_data_stand_beside_the_error() -> None:
    head, body = told("gogpu")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert (body["code"], body["msg"], body["data"]) == (7, 'No "money".', {})
    assert json.loads(OPENAI_CHAT.render_error(MONEY)) == {"error": body["error"]}


def test_the_error_code_stands_beside_the_error_in_the_brands_words() -> None:
    assert told("ingate")[1]["error_code"] == "insufficient_quota"
    _, body = told("ingate", Refusal("cap_reached", "Spent."))
    assert body["error_code"] == "budget_exceeded"
    assert body["error"]["code"] == "budget_exceeded"  # type: ignore[index]


def test_money_is_another_status_where_the_brand_says_so_and_is_still_not_to_be_tried_again() -> None:
    head, body = told("aigateway")
    assert head.startswith(b"HTTP/1.1 402 ")
    assert b"x-should-retry: false\r\n" in head
    error = body["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["type"], error["metadata"]) == (
        "payment_required",
        "payment_required",
        {"balance_usd": "0"},
    )


def test_a_suspended_account_has_the_brands_name_for_it() -> None:
    head, body = told("gonkagate", Refusal("account_suspended", "Suspended."))
    assert head.startswith(b"HTTP/1.1 403 ")
    assert body["error"]["code"] == "account_deactivated"  # type: ignore[index]


def test_what_a_brand_does_not_tell_otherwise_stays() -> None:
    refusal = Refusal("not_found", "Nothing.")
    assert retold(refusal, read_brand("aigateway")) is refusal


def test_a_member_of_the_error_itself_is_never_replaced() -> None:
    body = OLLAMA_CHAT.render_error(MONEY)
    assert json.loads(body)["code"] == "insufficient_quota"
    shown = json.loads(with_members(body, {"code": 7, "msg": "{message}"}, MONEY, request_id="r"))
    assert (shown["code"], shown["msg"]) == ("insufficient_quota", MONEY.message)


def test_all_four_words_are_filled_in_at_any_depth() -> None:
    members = {"a": {"b": "{code}-{status}"}, "headers": {"X-Id": "{request_id}"}, "n": None}
    shown = json.loads(with_members(b'{"error":1}', members, MONEY, request_id="req_9"))
    assert shown == {"error": 1, "a": {"b": "insufficient_quota-429"}, "headers": {"X-Id": "req_9"}, "n": None}


@pytest.mark.parametrize("body", [b"[1]", b"", b"data: x"])
def test_what_is_no_object_stays_as_it_is(body: bytes) -> None:
    assert with_members(body, {"a": 1}, MONEY, request_id="r") == body


@pytest.mark.parametrize(
    ("host", "preset"),
    [
        (b"in.example", "ingate"),
        (b"IN.example:8080", "ingate"),
        (b"[::1]:80", "gogpu"),
        (b"[::1]", "gogpu"),
        (b"other.example", "tollway"),
        (b"in.example:x", "tollway"),
        (b"", "tollway"),
    ],
)
def test_the_host_name_decides_the_brand(host: bytes, preset: str) -> None:
    heads = BrandHeads(heads_of("tollway"), [heads_of("ingate", "in.example"), heads_of("gogpu", "[::1]")])
    assert heads.at([(b"accept", b"x"), (b"host", host)]).brand.preset == preset
    assert heads.at([]).brand.preset == "tollway"


def test_one_brand_answers_for_every_host() -> None:
    heads = BrandHeads(heads_of("ingate"))
    assert heads.at([(b"host", b"x")]) is heads.default


def test_the_request_id_stands_under_the_brands_name_too() -> None:
    head, _ = told("ingate")
    assert b"x-request-id: req_1\r\nx-ingate-request-id: req_1\r\nrequest-id: req_1\r\n" in head
