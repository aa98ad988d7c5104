"""Requests in any order get the plans that each would get from a planner that remembers none."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.relay.test_planning import FILE, NOW_MS, YEAR_MS, Asking
from tollway.access.credentials import ClientKey
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import EACH, AccountTerms, CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.catalog.catalog import Catalog
from tollway.catalog.loader import read_deployment
from tollway.errors import Refusal
from tollway.ledger.lines import NOBODY
from tollway.neutral.wishes import Steering
from tollway.relay import planning

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


@pytest.mark.parametrize("of", ["tag", "end_user"])
def test_the_caps_of_what_a_request_is_for_are_found_each_time(catalog: Catalog, of: str) -> None:
    asking = Asking(catalog)
    rule = CapRule(cap_id=6, scope=CapScope(of), subject=EACH, span=CapSpan.DAY, limit_nanos=10**9, alert_ppm=0)
    capped = msgspec.structs.replace(
        KEY, terms=msgspec.structs.replace(AccountTerms(), **{f"{of}_caps": {EACH: (rule,)}})
    )
    for subject in ("a", "b", None, "a"):
        whose = msgspec.structs.replace(NOBODY, **{of: subject})
        asked = asking.plan(model="small", principal=capped, attribution=whose)
        assert [cap.subject for cap in asked.need.funding.caps] == ([] if subject is None else [subject])


def test_the_models_of_an_account_s_own_providers_are_looked_up_each_time(catalog: Catalog, tmp_path: Path) -> None:
    asking = Asking(catalog)
    path = tmp_path / "tollway.toml"
    path.write_text(FILE.replace('id = "small"', 'id = "dear"'))
    theirs, others = msgspec.structs.replace(KEY), read_deployment(path).catalog
    assert asking.plan(model="dear", principal=theirs, models=others).model.id == "dear"
    assert asking.refused(model="dear", principal=theirs).code == "model_not_found"


def test_no_more_plans_are_remembered_than_there_is_room_for(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "STANDING_MAX", 3)
    asking = Asking(catalog)
    for key_id in range(1, 9):
        asking.plan(model="small", principal=msgspec.structs.replace(KEY, key_id=key_id))
        assert len(asking._planner._standing) <= 3
