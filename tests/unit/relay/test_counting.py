"""Token counts by estimate: in the form of the dialect that asks, and only where the provider does not count in it."""

import msgspec
import pytest

from tollway.access.principal import Principal
from tollway.catalog.records import Origin, Provider, Reach, Scheme, Spoken, Target
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import Called, Operation
from tollway.http.replies import ReplyHeads
from tollway.relay.arrival import Arrival
from tollway.relay.counting import estimated_count
from tollway.settings.brand import read_brand

ORIGIN = Origin(scheme=Scheme.HTTPS, host="provider.example", port=443, reach=Reach.PUBLIC)
ASKED = {
    "anthropic_count_tokens": (b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}', b'{"input_tokens":15}'),
    "gemini_count_tokens": (b'{"contents":[{"parts":[{"text":"Hello"}]}]}', b'{"totalTokens":11}'),
}

HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)


def count(asked: str, spoken: str, *, translate: bool | None = None) -> bytes | None:
    body = ASKED[asked][0]
    dialect = DIALECTS[asked]
    called = Called(model="m")
    speaks = (Spoken(dialect=spoken, origin=ORIGIN, path_prefix=""),)
    target = Target(provider=Provider(name="p", speaks=speaks), model_routed="m", card=None)
    arrival = Arrival(
        heads=HEADS,
        exchange_id=1,
        request_id="req_1",
        received_ms=0,
        dialect=dialect,
        principal=Principal(key_id=1, account_id=2),
        body=body,
        called=called,
        translate=translate,
    )
    return estimated_count(arrival, dialect.peek(body, called), target)


@pytest.mark.parametrize("asked", ASKED)
def test_a_quarter_of_the_bytes_is_told_in_the_form_of_the_dialect(asked: str) -> None:
    assert count(asked, "openai_chat") == ASKED[asked][1]


@pytest.mark.parametrize("asked", ASKED)
def test_who_counts_is_asked_and_a_client_that_wants_no_translation_gets_none(asked: str) -> None:
    assert count(asked, asked) is None
    assert count(asked, "openai_chat", translate=False) is None


def test_every_dialect_that_counts_has_its_form_and_no_other_has() -> None:
    counting = {name for name, dialect in DIALECTS.items() if dialect.operation is Operation.TOKEN_COUNT}
    assert counting == set(ASKED) == {name for name, dialect in DIALECTS.items() if dialect.render_count is not None}
    for name in counting:
        render_count = DIALECTS[name].render_count
        assert render_count is not None
        assert 1234 in msgspec.json.decode(render_count(1234)).values()
