"""Which caps hold for a request, and what is said when one is reached: the one place that resolves them. Pure.

Whatever set a cap (directly, for each tag or end user, for one by name, for the sub-account, for the account), admission
and `key show` learn of it here.
"""

from collections.abc import Mapping

import msgspec

from tollway.access.principal import Principal
from tollway.access.terms import EACH, CapRule, CapScope, CapSpan, PackageUnit
from tollway.errors import Refusal
from tollway.ids import CAP, KEY, SUB_ACCOUNT, render_id
from tollway.money import PPM, divide_up, render_amount

Rules = tuple[CapRule, ...]

SCOPE_WORDS = {
    CapScope.KEY: "key",
    CapScope.SUB_ACCOUNT: "sub-account",
    CapScope.TAG: "tag",
    CapScope.END_USER: "end user",
    CapScope.ACCOUNT: "account",
}
SPAN_WORDS = {CapSpan.DAY: "daily cap", CapSpan.MONTH: "monthly cap", CapSpan.TOTAL: "cap"}


def rules_for(principal: Principal, *, tag: str | None, end_user: str | None) -> Rules:
    """Return every cap that a request must stay within, each with the subject that it is counted for.

    None for a key that spends a package of tokens: the package is its limit, and its requests cost no money.
    """
    if _spends_tokens(principal):
        return ()
    terms = principal.terms
    rules = principal.caps + terms.caps
    if tag is not None and terms.tag_caps:
        rules += own_rules(terms.tag_caps, tag)
    if end_user is not None and terms.end_user_caps:
        rules += own_rules(terms.end_user_caps, end_user)
    return rules


def standing_rules(principal: Principal) -> Rules:
    """Return the caps that hold for a key's requests whatever they are for, and those of each tag and each end user."""
    rules = rules_for(principal, tag=None, end_user=None)
    if _spends_tokens(principal):
        return rules
    terms = principal.terms
    return rules + terms.tag_caps.get(EACH, ()) + terms.end_user_caps.get(EACH, ())


def is_capped_by_request(principal: Principal) -> bool:
    """Tell whether what a request is for, its tag or end user, may say which caps it has to stay within."""
    terms = principal.terms
    return bool(terms.tag_caps or terms.end_user_caps)


def own_rules(by_subject: Mapping[str, Rules], subject: str) -> Rules:
    """Return what holds for one of many: its own caps, and for each window without one, the cap of EACH, counted for it.

    The operator's stand in for the operator's only, and the account's for its own.
    """
    named, each = by_subject.get(subject, ()), by_subject.get(EACH, ())
    if named and each:
        instead = {(rule.span, rule.set_by) for rule in named}
        each = [rule for rule in each if (rule.span, rule.set_by) not in instead]
    return (*named, *[msgspec.structs.replace(rule, subject=subject) for rule in each]) if each else named


def _spends_tokens(principal: Principal) -> bool:
    """Tell whether a key spends a package of tokens."""
    package = principal.package
    return package is not None and package.unit is PackageUnit.TOKENS


def alert_nanos(limit_nanos: int, alert_ppm: int) -> int:
    """Return how much of a limit is left when the share `alert_ppm` of it is spent."""
    return limit_nanos - divide_up(limit_nanos * alert_ppm, PPM)


def cap_reached(rule: CapRule, *, left_nanos: int, currency: str, resets_at: str | None) -> Refusal:
    """Return the refusal of a request that a cap has no room for; `resets_at` is None for a cap that never resets."""
    limit, left = render_amount(rule.limit_nanos), render_amount(left_nanos)
    ends = f"It starts again at {resets_at}" if resets_at else "It never starts again"
    return Refusal(
        "cap_reached",
        f"The {SPAN_WORDS[rule.span]} of {subject_name(rule.scope, rule.subject)} is reached: of {limit} {currency}, "
        f"{left} is left, and this request may cost more. {ends}; until then, raise the cap.",
        metadata={
            "cap": render_id(CAP, rule.cap_id),
            "scope": rule.scope.value,
            "window": rule.span.value,
            "limit": limit,
            "left": left,
            "currency": currency,
            "resets_at": resets_at,
        },
    )


def subject_name(scope: CapScope, subject: str) -> str:
    """Return how a sentence names what a cap is counted for."""
    word = SCOPE_WORDS[scope]
    if scope is CapScope.ACCOUNT:
        return f"the {word}"
    if subject == EACH:
        return f"each {word}"
    if scope is CapScope.KEY:
        return f"the {word} {render_id(KEY, int(subject))}"
    if scope is CapScope.SUB_ACCOUNT:
        return f"the {word} {render_id(SUB_ACCOUNT, int(subject))}"
    return f"the {word} {subject!r}"
