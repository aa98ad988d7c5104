"""Which limits of rates hold for a request, and what is said when one is reached: the one place that resolves them. Pure.

What the operator set for an account takes the place of what the deployment set for the same scope, kind by kind: a key that
is given fewer requests a minute keeps to the deployment's requests at a time. What an account set for itself lowers either.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Network
from typing import NamedTuple

import msgspec

from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.access.terms import EACH
from tollway.errors import Refusal

Defaults = Mapping[LimitScope, RateRule]
"""What the deployment set; a scope that is not in it has no limit."""

Named = tuple[bytes, RateRule]
"""A rule, and the name of what is counted for it, which no other rule has."""


class Hourly(NamedTuple):
    """How many different ones may come in an hour; None is any number."""

    ips_per_key: int | None = None
    keys_per_ip: int | None = None


NO_HOURLY = Hourly()


class Comer(NamedTuple):
    """Who comes, among how many different ones that may come in an hour."""

    name: bytes
    """Of what is counted."""
    member: bytes
    limit: int
    scope: LimitScope
    """A key, to which addresses come; or an address, from which keys do."""


SCOPE_WORDS = {
    LimitScope.KEY: "this API key",
    LimitScope.SUB_ACCOUNT: "the sub-account of this API key",
    LimitScope.ACCOUNT: "the account of this API key",
    LimitScope.END_USER: "this end user",
    LimitScope.KEY_IP: "this API key from this address",
    LimitScope.IP: "this address",
}
MEASURE_WORDS = {
    "rpm": "requests a minute",
    "burst": "requests in 10 seconds",
    "tpm": "tokens a minute",
    "concurrency": "requests at a time",
}
CONCURRENCY = "concurrency"

PREFIX_6 = 64
"""Bits of an IPv6 address that count: a customer has all addresses that begin alike, and may use each once."""
NETWORKS_KNOWN_MAX = 4096
RULES_KNOWN_MAX = 4096


def has_limits(principal: Principal) -> bool:
    """Tell whether an account has set any limit that may hold for a key's requests."""
    terms = principal.terms
    return bool(principal.limits or terms.limits or terms.end_user_limits)


def limits_for(principal: Principal, defaults: Defaults, *, end_user: str | None, address: str) -> list[Named]:
    """Return every limit that a request must stay within; `address` is the client's, empty where it is not known."""
    own = {rule.scope: rule for rule in principal.limits}
    for rule in principal.terms.limits:
        own[rule.scope] = rule
    named: list[Named] = []
    key_id, account_id, sub_account_id = principal.key_id, principal.account_id, principal.sub_account_id
    rule = _either(own.get(LimitScope.KEY), defaults.get(LimitScope.KEY))
    if rule is not None:
        named.append((b"key %d" % key_id, rule))
    if sub_account_id is not None:
        rule = _either(own.get(LimitScope.SUB_ACCOUNT), defaults.get(LimitScope.SUB_ACCOUNT))
        if rule is not None:
            named.append((b"sub-account %d" % sub_account_id, rule))
    rule = _either(own.get(LimitScope.ACCOUNT), defaults.get(LimitScope.ACCOUNT))
    if rule is not None:
        named.append((b"account %d" % account_id, rule))
    if end_user is not None:
        users = principal.terms.end_user_limits
        rule = _either(users.get(end_user) or users.get(EACH), defaults.get(LimitScope.END_USER))
        if rule is not None:
            named.append((b"end user %d %b" % (account_id, end_user.encode()), rule))
    if address:
        network = _network_of(address)
        rule = defaults.get(LimitScope.KEY_IP)
        if rule is not None:
            named.append((b"key %d at %b" % (key_id, network), rule))
        rule = defaults.get(LimitScope.IP)
        if rule is not None:
            named.append((b"at %b" % network, rule))
    return named


def _either(own: RateRule | None, default: RateRule | None) -> RateRule | None:
    """Return an account's own rule as it is counted, with the deployment's limits of the kinds that it says nothing of."""
    if own is None:
        return default
    if default is None:
        return own if own.account_rpm is None else _merged(own, own)
    return _merged(own, default)


@lru_cache(RULES_KNOWN_MAX)
def _merged(own: RateRule, default: RateRule) -> RateRule:
    merged = RateRule(
        scope=own.scope,
        subject=own.subject,
        rpm=default.rpm if own.rpm is None else own.rpm,
        burst=default.burst if own.burst is None else own.burst,
        tpm=default.tpm if own.tpm is None else own.tpm,
        concurrency=default.concurrency if own.concurrency is None else own.concurrency,
        account_rpm=own.account_rpm,
    )
    return msgspec.structs.replace(merged, rpm=merged.rpm_held, account_rpm=None)


def limit_of_one(by_subject: Mapping[str, RateRule], subject: str) -> tuple[RateRule, ...]:
    """Return the limit of one of many: its own, or that of EACH, counted for it; none when there is neither.

    Where only the account set something for the one, what the operator set for EACH holds beside that.
    """
    rule, each = by_subject.get(subject), by_subject.get(EACH)
    if each is not None and (rule is None or not rule.is_operators):
        account_rpm = None if rule is None else rule.account_rpm
        return (msgspec.structs.replace(each, subject=subject, account_rpm=account_rpm),)
    return () if rule is None else (rule,)


def comers_for(principal: Principal, hourly: Hourly, *, address: str) -> list[Comer]:
    """Return among which different ones a request counts in an hour; `address` as above."""
    if not address:
        return []
    key, network = b"key %d" % principal.key_id, _network_of(address)
    comers: list[Comer] = []
    if hourly.ips_per_key is not None:
        comers.append(Comer(b"addresses of %b" % key, network, hourly.ips_per_key, LimitScope.KEY))
    if hourly.keys_per_ip is not None:
        comers.append(Comer(b"keys at %b" % network, key, hourly.keys_per_ip, LimitScope.IP))
    return comers


def too_many(comer: Comer, *, retry_after_s: int) -> Refusal:
    """Return the refusal of a request that is of one too many."""
    measure, word = ("ips_per_key_hour", "addresses") if comer.scope is LimitScope.KEY else ("keys_per_ip_hour", "keys")
    return Refusal(
        "rate_limit_exceeded",
        f"At most {comer.limit} {word} in an hour for {SCOPE_WORDS[comer.scope]}: try again in {retry_after_s} s.",
        metadata={"scope": comer.scope.value, "measure": measure, "limit": comer.limit},
        retry_after_s=retry_after_s,
    )


@lru_cache(NETWORKS_KNOWN_MAX)
def _network_of(address: str) -> bytes:
    """Return whose address it is: an IPv4 address itself, or what an IPv6 address begins with."""
    if ":" not in address:
        return address.encode("ascii")
    return str(IPv6Network((address, PREFIX_6), strict=False)).encode("ascii")


def limit_reached(rule: RateRule, *, measure: str, limit: int, retry_after_s: int) -> Refusal:
    """Return the refusal of a request for which a limit has no room; `measure` is the name of a limit of a RateRule."""
    said = f"At most {limit} {MEASURE_WORDS[measure]} for {SCOPE_WORDS[rule.scope]}"
    metadata: dict[str, object] = {"scope": rule.scope.value, "measure": measure, "limit": limit}
    if measure == CONCURRENCY:
        return Refusal(
            "transfer_agent_capacity_reached",
            f"{said}: try again when one of them has ended.",
            metadata=metadata,
            retry_after_s=retry_after_s,
        )
    return Refusal(
        "rate_limit_exceeded",
        f"{said}: try again in {retry_after_s} s.",
        metadata=metadata,
        retry_after_s=retry_after_s,
    )
