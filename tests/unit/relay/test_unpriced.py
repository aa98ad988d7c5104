"""What would cost more than a price card knows is refused by name, in whatever spelling it comes."""

import pytest

from tollway.errors import Refusal
from tollway.relay.unpriced import refuse_unpriced

REFUSED = {"service_tier": ("priority",), "models": ()}


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","service_tier":"priority"}',
        b'{"service_tier" : "Priority" }',
        b'{"\\u0073ervice_tier":"priority"}',
        b'{"models":["a","b"]}',
        b'{"models":"a"}',
    ],
)
def test_a_value_without_a_price_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(Refusal, match="may cost more") as refused:
        refuse_unpriced(body, REFUSED)
    assert refused.value.code == "not_supported"
    assert refused.value.param in REFUSED


@pytest.mark.parametrize(
    "body",
    [
        b'{"service_tier":"flex"}',
        b'{"service_tier":null,"models":null}',
        b'{"model":"m"}',
        b'{"messages":["service_tier","priority"]}',
        b'{"messages":[{"models":["a"]}]}',
        b'{"x":"\\u0041"}',
    ],
)
def test_everything_else_passes(body: bytes) -> None:
    refuse_unpriced(body, REFUSED)


def test_a_provider_that_refuses_nothing_is_not_looked_at() -> None:
    refuse_unpriced(b"not json", {})
