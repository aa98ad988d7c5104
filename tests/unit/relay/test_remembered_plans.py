"""Requests in any order get the plans that each would get from a planner that remembers none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.relay.test_planning import FILE, NOW_MS, YEAR_MS, Asking
from tollway.access.credentials import ClientKey
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import AccountTerms, CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.catalog.catalog import Catalog
from tollway.catalog.loader import read_deployment
from tollway.errors import Refusal
from tollway.neutral.wishes import Steering

CAP = CapRule(cap_id=6, scope=CapScope.KEY, subject="1", span=CapSpan.DAY, limit_nanos=10**9, alert_ppm=0)
PACKAGE = PackageTerms(package_id=9, name="P", unit=PackageUnit.TOKENS, expires_ms=NOW_MS + YEAR_MS)
KEY = Principal(key_id=1, account_id=2)
PRINCIPALS = [
    KEY,
    msgspec.structs.replace(KEY),
    msgspec.structs.replace(KEY, key_id=2, currency="CNY"),
    msgspec.structs.replace(KEY, models=("big", "d*")),
    msgspec.structs.replace(KEY, caps=(CAP,)),
    msgspec.structs.replace(KEY, caps=(CAP, msgspec.structs.replace(CAP, cap_id=7, span=CapSpan.TOTAL))),
    msgspec.structs.replace(KEY, billing=BillingMode.PACKAGE, package=PACKAGE),
    msgspec.structs.replace(KEY, terms=AccountTerms(fee_ppm=0, price_ppm=1_500_000)),
    msgspec.structs.replace(KEY, terms=AccountTerms(tag_caps={"t": (CAP,)})),
]
ASKED = st.fixed_dictionaries(
    {
        "principal": st.sampled_from(PRINCIPALS),
        "model": st.sampled_from(
            ["small", "yuan", "dated", "unpriced", "nothing", "auto", "p/small-1", "theirs/x", "others/x", "p/new", ""]
        ),
        "max_tokens": st.sampled_from([None, 7, 5_000]),
    },
    optional={
        "received_ms": st.sampled_from([NOW_MS - YEAR_MS, NOW_MS, NOW_MS + 4 * YEAR_MS]),
        "provider": st.sampled_from(["p", "q"]),
        "steering": st.sampled_from([Steering(retries=1), Steering(fallbacks=("yuan",))]),
        "fallbacks": st.sampled_from([["yuan"], False]),
        "client_key": st.just(ClientKey("sk-theirs")),
        "n": st.integers(1, 3),
        "dialect": st.sampled_from(["openai_chat", "anthropic_messages"]),
    },
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("planning") / "tollway.toml"
    path.write_text(FILE)
    return read_deployment(path).catalog


def told(asking: Asking, asked: dict[str, Any]) -> object:
    """Return all that a plan says: where to, what is set aside for it, who pays, and on which terms."""
    try:
        model, need, steered = asking.plan(**asked)
    except Refusal as refusal:
        return refusal.code, refusal.message
    each = (need, *need.others)
    funding = [msgspec.structs.replace(one.funding, known_terms=None) for one in each]
    cards = [(one.funding, target.card) for one in each for target in one.targets if target.card is not None]
    terms = [funds.terms_for(card, service_tier=tier) for funds, card in cards for tier in (None, "batch")]
    limits = [(one.limits, one.peek, one.model_id) for one in each]
    return model, need.all_targets, need.as_asked(), need.with_output(9), funding, terms, limits, steered


@settings(max_examples=60)
@given(st.lists(ASKED, min_size=2, max_size=12))
def test_a_plan_that_is_remembered_is_the_plan_that_would_be_made(
    catalog: Catalog, asked: list[dict[str, Any]]
) -> None:
    remembering = Asking(catalog)
    for each in asked:
        assert told(remembering, each) == told(Asking(catalog), each)
