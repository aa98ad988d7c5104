"""The throttle between admission and the counters."""

from typing import Any

import msgspec
import pytest

from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms
from tollway.catalog.records import Model
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import Refusal
from tollway.http.replies import ReplyHeads, allowance
from tollway.ledger.lines import Attribution
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage
from tollway.relay.arrival import Arrival
from tollway.relay.throttle import Throttle, defaults_of, hourly_of, thought_tokens
from tollway.settings import LimitsSettings
from tollway.settings.brand import read_brand
from tollway.settings.records import RateSettings
from tollway.shared.counters import Counters

HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)
MODEL = Model(id="m", targets=())
PEEK = Peek(
    model_asked="m",
    streamed=False,
    usage_asked=False,
    output_tokens_max=None,
    choices=1,
    body_bytes=401,
    media_parts=0,
)


class Caller:
    """Who sends requests, and what is told it."""

    def __init__(self) -> None:
        self.asked = 0
        self.lines = b""

    @property
    def address(self) -> str:
        self.asked += 1
        return "192.0.2.1"

    def tell(self, lines: bytes) -> None:
        self.lines += lines


def arriving(caller: Caller | None = None, **principal: object) -> Arrival:
    return Arrival(
        heads=HEADS,
        exchange_id=1,
        request_id="r",
        received_ms=0,
        dialect=OPENAI_CHAT,
        principal=Principal(key_id=1, account_id=2, **principal),  # type: ignore[arg-type]
        body=b"",
        attribution=Attribution(end_user="ada"),
        peer=caller,
    )


def throttle(**limits: Any) -> Throttle:
    return Throttle(Counters.in_memory(), defaults=defaults_of(LimitsSettings(**limits)), lines=allowance)


def peek(**fields: object) -> Peek:
    return msgspec.structs.replace(PEEK, **fields)


def test_what_the_operator_left_out_is_no_rule() -> None:
    assert defaults_of(LimitsSettings()) == {}
    assert defaults_of(LimitsSettings(ip=RateSettings(rpm=5))) == {
        LimitScope.IP: RateRule(scope=LimitScope.IP, subject="*", rpm=5)
    }


def test_a_key_without_a_rule_is_no_concern() -> None:
    assert not throttle().concerns(Principal(key_id=1, account_id=2))
    assert throttle(key=RateSettings(rpm=1)).concerns(Principal(key_id=1, account_id=2))


async def test_the_rest_is_told_and_the_end_refused() -> None:
    limited, caller = throttle(key=RateSettings(rpm=2)), Caller()
    assert await limited.enter(arriving(caller), PEEK, MODEL) is None
    assert b"x-ratelimit-remaining-requests: 1\r\n" in caller.lines
    assert await limited.enter(arriving(), PEEK, MODEL) is None
    refused = Caller()
    with pytest.raises(Refusal, match="At most 2 requests a minute for this API key") as caught:
        await limited.enter(arriving(refused), PEEK, MODEL)
    assert caught.value.retry_after_s == 60
    assert b"x-ratelimit-remaining-requests: 0\r\n" in refused.lines
    assert caller.asked == refused.asked == 0


async def test_an_address_is_looked_for_only_where_it_is_limited() -> None:
    limited, caller = throttle(ip=RateSettings(rpm=1)), Caller()
    await limited.enter(arriving(caller), PEEK, MODEL)
    assert caller.asked == 1
    with pytest.raises(Refusal, match="for this address"):
        await limited.enter(arriving(caller), PEEK, MODEL)
    assert await limited.enter(arriving(), PEEK, MODEL) is None


async def test_keys_of_an_address_are_counted_where_nothing_else_is() -> None:
    hourly = hourly_of(LimitsSettings(keys_per_ip_hour=1))
    limited, caller = Throttle(Counters.in_memory(), defaults={}, lines=allowance, hourly=hourly), Caller()
    assert limited.concerns(Principal(key_id=1, account_id=2))
    for _ in range(3):
        assert await limited.enter(arriving(caller), PEEK, MODEL) is None
    assert caller.lines == b""
    other = msgspec.structs.replace(arriving(caller), principal=Principal(key_id=3, account_id=4))
    with pytest.raises(Refusal, match="At most 1 keys in an hour for this address") as caught:
        await limited.enter(other, PEEK, MODEL)
    assert 59 * 60 < (caught.value.retry_after_s or 0) <= 61 * 60


async def test_an_end_user_without_a_rule_is_not_counted() -> None:
    others = {"bob": RateRule(scope=LimitScope.END_USER, subject="bob", rpm=1)}
    limited, caller = throttle(), Caller()
    arrival = arriving(caller, terms=AccountTerms(end_user_limits=others))
    assert limited.concerns(arrival.principal)
    assert await limited.enter(arrival, PEEK, MODEL) is None
    assert caller.lines == b""


async def test_what_runs_is_closed_with_its_tokens() -> None:
    limited, caller = throttle(account=RateSettings(tpm=3000, concurrency=1)), Caller()
    ticket = await limited.enter(arriving(caller), PEEK, MODEL)
    assert ticket is not None
    assert b"x-ratelimit-remaining-tokens: 1899\r\n" in caller.lines
    with pytest.raises(Refusal) as caught:
        await limited.enter(arriving(), PEEK, MODEL)
    assert caught.value.code == "transfer_agent_capacity_reached"
    assert caught.value.retry_after_s == 1
    ticket.close(100)
    again = Caller()
    assert await limited.enter(arriving(again), PEEK, MODEL) is not None
    assert b"x-ratelimit-remaining-tokens: 1799\r\n" in again.lines


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        (PEEK, 101 + 1000),
        (peek(output_tokens_max=20), 101 + 20),
        (peek(output_tokens_max=20, choices=3), 101 + 60),
        (peek(output_tokens_max=0), 101),
        (peek(body_bytes=4_000_000, media_parts=2, output_tokens_max=0), 4000 + 3000),
        (peek(estimated=Usage(input=7, output=8)), 15),
        (peek(counted=Usage(input=7)), 7),
        (peek(billed=False), 0),
    ],
)
def test_a_request_is_thought_to_need_so_many_tokens(asked: Peek, tokens: int) -> None:
    assert thought_tokens(asked, MODEL) == tokens


def test_an_answer_is_not_thought_to_be_longer_than_its_model_writes() -> None:
    assert thought_tokens(PEEK, Model(id="m", targets=(), output_tokens_max=100)) == 201
