"""One code path resolves which caps hold, whoever set them (lesson 4: a budget set in another way was not enforced)."""

import msgspec
import pytest

from tollway.access.cap_rules import alert_nanos, cap_reached, own_rules, rules_for, standing_rules, subject_name
from tollway.access.principal import BillingMode, Principal
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, AccountTerms, CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.money import AMOUNT_NANOS_MAX


def test_a_cap_by_name_stands_in_for_that_of_each_of_the_same_side_only() -> None:
    named = rule(1, CapScope.TAG, "t")
    each = rule(2, CapScope.TAG, EACH)
    by_account = msgspec.structs.replace(named, set_by=SetBy.ACCOUNT)
    counted = msgspec.structs.replace(each, subject="t")
    assert own_rules({"t": (named,), EACH: (each,)}, "t") == (named,)
    assert own_rules({"t": (by_account,), EACH: (each,)}, "t") == (by_account, counted)


def rule(cap_id: int, scope: CapScope, subject: str = "", span: CapSpan = CapSpan.DAY) -> CapRule:
    """Return a cap of ten nano-units."""
    return CapRule(cap_id=cap_id, scope=scope, subject=subject, span=span, limit_nanos=10, alert_ppm=800_000)


def principal(**fields: object) -> Principal:
    """Return a principal."""
    return Principal(**({"key_id": 1, "account_id": 2} | fields))  # type: ignore[arg-type]


DIRECTLY = principal(caps=(rule(1, CapScope.KEY, "1"),))
BY_SUB_ACCOUNT = principal(sub_account_id=7, caps=(rule(1, CapScope.SUB_ACCOUNT, "7"),))
BY_ACCOUNT = principal(terms=AccountTerms(caps=(rule(1, CapScope.ACCOUNT),)))
EACH_TAG = principal(terms=AccountTerms(tag_caps={EACH: (rule(1, CapScope.TAG, EACH),)}))
EACH_USER = principal(terms=AccountTerms(end_user_caps={EACH: (rule(1, CapScope.END_USER, EACH),)}))
NAMED_TAG = principal(
    terms=AccountTerms(tag_caps={EACH: (rule(9, CapScope.TAG, EACH),), "t": (rule(1, CapScope.TAG, "t"),)})
)
NAMED_USER = principal(
    terms=AccountTerms(
        end_user_caps={EACH: (rule(9, CapScope.END_USER, EACH),), "u": (rule(1, CapScope.END_USER, "u"),)}
    )
)


@pytest.mark.parametrize(
    ("asks", "scope", "subject"),
    [
        (DIRECTLY, CapScope.KEY, "1"),
        (BY_SUB_ACCOUNT, CapScope.SUB_ACCOUNT, "7"),
        (BY_ACCOUNT, CapScope.ACCOUNT, ""),
        (EACH_TAG, CapScope.TAG, "t"),
        (EACH_USER, CapScope.END_USER, "u"),
        (NAMED_TAG, CapScope.TAG, "t"),
        (NAMED_USER, CapScope.END_USER, "u"),
    ],
    ids=["directly", "by sub-account", "by account", "each tag", "each end user", "a named tag", "a named end user"],
)
def test_lesson_4_a_cap_holds_in_whichever_way_it_was_set(asks: Principal, scope: CapScope, subject: str) -> None:
    assert rules_for(asks, tag="t", end_user="u") == (rule(1, scope, subject),)


def test_a_cap_of_each_is_counted_for_each_by_itself_however_new() -> None:
    (first,) = rules_for(EACH_USER, tag=None, end_user="never seen")
    (second,) = rules_for(EACH_USER, tag=None, end_user="nor this one")
    assert (first.cap_id, first.subject) == (1, "never seen")
    assert (second.cap_id, second.subject) == (1, "nor this one")
    assert rules_for(EACH_USER, tag="t", end_user=None) == ()


def test_a_named_cap_stands_in_for_the_one_of_each_in_its_own_window_only() -> None:
    caps = {
        EACH: (rule(1, CapScope.TAG, EACH, CapSpan.DAY), rule(2, CapScope.TAG, EACH, CapSpan.MONTH)),
        "t": (rule(3, CapScope.TAG, "t", CapSpan.MONTH), rule(4, CapScope.TAG, "t", CapSpan.TOTAL)),
    }
    assert {found.cap_id for found in own_rules(caps, "t")} == {1, 3, 4}
    assert {found.cap_id for found in own_rules(caps, "other")} == {1, 2}
    assert own_rules({}, "t") == ()


def test_every_cap_that_applies_holds_at_once() -> None:
    asks = principal(
        caps=(rule(1, CapScope.KEY, "1"), rule(2, CapScope.SUB_ACCOUNT, "7", CapSpan.MONTH)),
        terms=AccountTerms(
            caps=(rule(3, CapScope.ACCOUNT, span=CapSpan.TOTAL),),
            tag_caps={"t": (rule(4, CapScope.TAG, "t"),)},
            end_user_caps={EACH: (rule(5, CapScope.END_USER, EACH),)},
        ),
    )
    assert [found.cap_id for found in rules_for(asks, tag="t", end_user="u")] == [1, 2, 3, 4, 5]
    assert [found.cap_id for found in rules_for(asks, tag=None, end_user=None)] == [1, 2, 3]


@pytest.mark.parametrize(("unit", "caps"), [(PackageUnit.TOKENS, 0), (PackageUnit.MONEY, 1)])
def test_a_package_of_tokens_is_its_own_limit_and_one_of_money_is_capped(unit: PackageUnit, caps: int) -> None:
    package = PackageTerms(package_id=5, name="p", unit=unit)
    asks = principal(
        billing=BillingMode.PACKAGE, package=package, terms=AccountTerms(caps=(rule(1, CapScope.ACCOUNT),))
    )
    assert len(rules_for(asks, tag="t", end_user="u")) == caps


@pytest.mark.parametrize(("limit", "ppm", "left"), [(10, 800_000, 2), (10, 1_000_000, 0), (3, 500_000, 1), (1, 1, 0)])
def test_an_alert_comes_when_its_share_is_spent(limit: int, ppm: int, left: int) -> None:
    assert alert_nanos(limit, ppm) == left


def test_an_alert_of_the_largest_cap_fits() -> None:
    assert 0 <= alert_nanos(AMOUNT_NANOS_MAX, 800_000) < AMOUNT_NANOS_MAX


def test_a_cap_that_is_reached_names_itself_its_window_and_its_reset() -> None:
    daily = rule(0xAB, CapScope.TAG, "team a")
    refused = cap_reached(daily, left_nanos=3, currency="CNY", resets_at="2026-11-21T00:00:00+08:00")
    assert (refused.code, refused.facts.status, refused.facts.retry) == ("cap_reached", 429, False)
    assert "daily cap of the tag 'team a'" in refused.message
    assert "2026-11-21T00:00:00+08:00" in refused.message
    assert refused.metadata == {
        "cap": "cap_00000000000000ab",
        "scope": "tag",
        "window": "day",
        "limit": "0.00000001",
        "left": "0.000000003",
        "currency": "CNY",
        "resets_at": "2026-11-21T00:00:00+08:00",
    }
    total = rule(1, CapScope.KEY, "1", CapSpan.TOTAL)
    assert "never starts again" in cap_reached(total, left_nanos=0, currency="USD", resets_at=None).message


@pytest.mark.parametrize(
    ("scope", "subject", "name"),
    [
        (CapScope.ACCOUNT, "", "the account"),
        (CapScope.KEY, "1", "the key key_0000000000000001"),
        (CapScope.SUB_ACCOUNT, "2", "the sub-account sa_0000000000000002"),
        (CapScope.SUB_ACCOUNT, EACH, "each sub-account"),
        (CapScope.END_USER, "u", "the end user 'u'"),
        (CapScope.END_USER, EACH, "each end user"),
    ],
)
def test_a_sentence_names_what_a_cap_is_counted_for(scope: CapScope, subject: str, name: str) -> None:
    assert subject_name(scope, subject) == name


def test_what_is_shown_of_a_key_are_the_caps_that_admission_applies() -> None:
    asks = principal(
        caps=(rule(1, CapScope.KEY, "1"),),
        terms=AccountTerms(
            caps=(rule(3, CapScope.ACCOUNT),),
            tag_caps={EACH: (rule(4, CapScope.TAG, EACH),), "t": (rule(5, CapScope.TAG, "t"),)},
            end_user_caps={EACH: (rule(6, CapScope.END_USER, EACH),)},
        ),
    )
    assert [found.cap_id for found in standing_rules(asks)] == [1, 3, 4, 6]
    package = PackageTerms(package_id=5, name="p", unit=PackageUnit.TOKENS)
    assert standing_rules(principal(package=package, terms=asks.terms)) == ()
