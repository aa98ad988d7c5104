"""Which limits of rates hold for a request, and what is said of them."""

import msgspec
import pytest

from tollway.access.limit_rules import (
    NO_HOURLY,
    Comer,
    Hourly,
    comers_for,
    has_limits,
    limit_of_one,
    limit_reached,
    limits_for,
    too_many,
)
from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.access.terms import EACH, AccountTerms

KEY = Principal(key_id=11, account_id=22)


def rule(scope: LimitScope, rpm: int, subject: str = EACH) -> RateRule:
    return RateRule(scope=scope, subject=subject, rpm=rpm)


DEFAULTS = {scope: rule(scope, 100 + number) for number, scope in enumerate(LimitScope)}


def names(principal: Principal, *, end_user: str | None = None, address: str = "") -> list[bytes]:
    return [name for name, _ in limits_for(principal, DEFAULTS, end_user=end_user, address=address)]


def test_without_any_rule_nothing_is_limited() -> None:
    assert not has_limits(KEY)
    assert limits_for(KEY, {}, end_user="ada", address="192.0.2.1") == []
    part = Principal(key_id=11, account_id=22, sub_account_id=33)
    assert limits_for(part, {}, end_user="ada", address="192.0.2.1") == []


def test_each_scope_is_counted_under_a_name_of_its_own() -> None:
    part = Principal(key_id=11, account_id=22, sub_account_id=33)
    assert not has_limits(part)
    assert names(part, end_user="ada", address="192.0.2.1") == [
        b"key 11",
        b"sub-account 33",
        b"account 22",
        b"end user 22 ada",
        b"key 11 at 192.0.2.1",
        b"at 192.0.2.1",
    ]


def test_what_a_request_has_not_is_not_limited() -> None:
    assert names(KEY) == [b"key 11", b"account 22"]


def test_the_addresses_of_an_ipv6_network_are_one() -> None:
    first = names(KEY, address="2001:db8:1:2:3::4")
    assert first == names(KEY, address="2001:db8:1:2:ffff::")
    assert first[-1] == b"at 2001:db8:1:2::/64"
    assert first != names(KEY, address="2001:db8:1:3::4")


def test_an_own_rule_takes_the_place_of_the_default_kind_by_kind() -> None:
    default = RateRule(scope=LimitScope.KEY, subject=EACH, rpm=600, burst=200, tpm=1000, concurrency=50)
    for kind in ("rpm", "burst", "tpm", "concurrency"):
        own = RateRule(scope=LimitScope.KEY, subject="11", **{kind: 7})
        key = Principal(key_id=11, account_id=22, limits=(own,))
        ((_, found),) = limits_for(key, {LimitScope.KEY: default}, end_user=None, address="")
        assert found == msgspec.structs.replace(default, subject="11", **{kind: 7})


@pytest.mark.parametrize(
    ("operators", "accounts", "default", "held"),
    [
        (None, 7, None, 7),
        (None, 7, 5, 5),
        (None, 4, 5, 4),
        (9, 7, 5, 7),
        (9, 10, 5, 9),
    ],
)
def test_what_an_account_set_for_itself_lowers_what_holds_and_never_raises_it(
    operators: int | None, accounts: int, default: int | None, held: int
) -> None:
    own = RateRule(scope=LimitScope.KEY, subject="11", rpm=operators, account_rpm=accounts)
    defaults = {} if default is None else {LimitScope.KEY: RateRule(scope=LimitScope.KEY, subject=EACH, rpm=default)}
    key = Principal(key_id=11, account_id=22, limits=(own,))
    ((_, found),) = limits_for(key, defaults, end_user=None, address="")
    assert found == RateRule(scope=LimitScope.KEY, subject="11", rpm=held)


def test_one_of_many_has_what_the_operator_set_for_it_or_for_each() -> None:
    each = RateRule(scope=LimitScope.KEY, subject=EACH, rpm=5, burst=2)
    named = RateRule(scope=LimitScope.KEY, subject="1", tpm=100)
    its_own = RateRule(scope=LimitScope.KEY, subject="1", account_rpm=3)
    assert limit_of_one({}, "1") == ()
    assert limit_of_one({EACH: each}, "1") == (msgspec.structs.replace(each, subject="1"),)
    assert limit_of_one({EACH: each, "1": named}, "1") == limit_of_one({"1": named}, "1") == (named,)
    assert limit_of_one({EACH: each, "1": its_own}, "1") == (msgspec.structs.replace(each, subject="1", account_rpm=3),)


def test_each_scope_may_have_a_rule_of_its_own() -> None:
    terms = AccountTerms(limits=(rule(LimitScope.ACCOUNT, 3, ""),))
    own = (rule(LimitScope.KEY, 1, "11"), rule(LimitScope.SUB_ACCOUNT, 2, "33"))
    part = Principal(key_id=11, account_id=22, sub_account_id=33, limits=own, terms=terms)
    assert has_limits(part)
    found = dict(limits_for(part, DEFAULTS, end_user=None, address=""))
    assert [each.rpm for each in found.values()] == [1, 2, 3]
    assert [name for name, _ in limits_for(part, {}, end_user=None, address="")] == list(found)


def test_an_end_user_has_its_own_limit_or_that_of_each() -> None:
    terms = AccountTerms(
        end_user_limits={
            "ada": rule(LimitScope.END_USER, 1, "ada"),
            EACH: rule(LimitScope.END_USER, 2),
        }
    )
    key = Principal(key_id=11, account_id=22, terms=terms)
    assert has_limits(key)
    for user, rpm in (("ada", 1), ("bob", 2)):
        ((name, found),) = limits_for(key, {}, end_user=user, address="")
        assert (name, found.rpm) == (b"end user 22 " + user.encode(), rpm)
    assert names(Principal(key_id=11, account_id=22), end_user="ünï")[-1] == "end user 22 ünï".encode()


@pytest.mark.parametrize(
    ("scope", "measure", "said"),
    [
        (LimitScope.KEY, "rpm", "At most 5 requests a minute for this API key: try again in 7 s."),
        (LimitScope.ACCOUNT, "burst", "At most 5 requests in 10 seconds for the account of this API key: try again"),
        (LimitScope.END_USER, "tpm", "At most 5 tokens a minute for this end user: try again in 7 s."),
    ],
)
def test_a_limit_that_is_reached_says_which_and_how_long(scope: LimitScope, measure: str, said: str) -> None:
    refusal = limit_reached(rule(scope, 5), measure=measure, limit=5, retry_after_s=7)
    assert refusal.code == "rate_limit_exceeded"
    assert refusal.message.startswith(said)
    assert refusal.metadata == {"scope": scope.value, "measure": measure, "limit": 5}
    assert refusal.retry_after_s == 7


def test_too_many_at_a_time_have_a_code_of_their_own() -> None:
    refusal = limit_reached(rule(LimitScope.IP, 5), measure="concurrency", limit=5, retry_after_s=1)
    assert refusal.code == "transfer_agent_capacity_reached"
    assert refusal.message == "At most 5 requests at a time for this address: try again when one of them has ended."
    assert refusal.retry_after_s == 1


def test_who_comes_is_told_apart_by_key_and_by_address() -> None:
    both = Hourly(ips_per_key=3, keys_per_ip=4)
    assert comers_for(KEY, both, address="192.0.2.1") == [
        Comer(b"addresses of key 11", b"192.0.2.1", 3, LimitScope.KEY),
        Comer(b"keys at 192.0.2.1", b"key 11", 4, LimitScope.IP),
    ]
    assert comers_for(KEY, both, address="") == comers_for(KEY, NO_HOURLY, address="192.0.2.1") == []


@pytest.mark.parametrize(
    ("scope", "measure", "said"),
    [
        (LimitScope.KEY, "ips_per_key_hour", "At most 3 addresses in an hour for this API key: try again in 99 s."),
        (LimitScope.IP, "keys_per_ip_hour", "At most 3 keys in an hour for this address: try again in 99 s."),
    ],
)
def test_one_too_many_is_told_of_what(scope: LimitScope, measure: str, said: str) -> None:
    refusal = too_many(Comer(b"", b"", 3, scope), retry_after_s=99)
    assert (refusal.code, refusal.message, refusal.retry_after_s) == ("rate_limit_exceeded", said, 99)
    assert refusal.metadata == {"scope": scope.value, "measure": measure, "limit": 3}
