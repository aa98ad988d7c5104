"""What a key may be limited to: the words of routes, networks in one form, states, and what other kinds are told."""

import pytest

from tollway.access.decide import check_key
from tollway.access.key_view import KeyState, KeyView, ManagementKeyView
from tollway.access.kinds import KeyKind, cannot_administer, cannot_ask
from tollway.access.limits import NO_CHANGE, RateChange
from tollway.access.managing import ManagementAccess
from tollway.access.networks import normal_network
from tollway.access.principal import Principal
from tollway.access.routes import ROUTE_WORDS, unknown_routes
from tollway.errors import Refusal


def test_routes_are_named_by_known_words_only() -> None:
    assert unknown_routes(ROUTE_WORDS) == unknown_routes(()) == ()
    assert unknown_routes(("chat", "Chat", "", "video")) == ("Chat", "", "video")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::1", "2001:db8::1/128"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ],
)
def test_a_network_has_one_form(text: str, normal: str) -> None:
    assert normal_network(text) == normal == normal_network(normal)


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0", "10.0.0.256", "10.0.0.0/33", "::1/129", "fe80::1%1", "1"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 its words are not ours
        normal_network(text)


def test_a_disabled_key_is_refused() -> None:
    with pytest.raises(Refusal, match="This API key is disabled") as refused:
        check_key(Principal(key_id=1, account_id=2, disabled=True, account_suspended=True), now_ms=0)
    assert refused.value.facts.status == 401


@pytest.mark.parametrize(
    ("revoked_ms", "disabled_ms", "expires_ms", "state"),
    [
        (1, 1, 1, KeyState.REVOKED),
        (None, 1, 1, KeyState.DISABLED),
        (None, None, 5, KeyState.EXPIRED),
        (None, None, 6, KeyState.ACTIVE),
        (None, None, None, KeyState.ACTIVE),
    ],
)
def test_a_key_stands_as_what_lasts_longest(
    revoked_ms: int | None, disabled_ms: int | None, expires_ms: int | None, state: KeyState
) -> None:
    key = KeyView(
        id=1,
        account_id=2,
        name="k",
        hint="h",
        created_ms=0,
        revoked_ms=revoked_ms,
        disabled_ms=disabled_ms,
        expires_ms=expires_ms,
    )
    assert key.state(now_ms=5) is state


@pytest.mark.parametrize(
    ("revoked_ms", "expires_ms", "works"), [(None, None, True), (None, 6, True), (None, 5, False), (1, None, False)]
)
def test_a_management_key_works_until_it_expires_or_is_revoked(
    revoked_ms: int | None, expires_ms: int | None, works: bool
) -> None:
    key = ManagementKeyView(
        id=1,
        account_id=2,
        name="k",
        hint="h",
        access=ManagementAccess.READ_ONLY,
        created_ms=0,
        revoked_ms=revoked_ms,
        expires_ms=expires_ms,
    )
    assert key.works(now_ms=5) is works


def test_a_key_of_another_kind_is_told_what_it_is() -> None:
    assert cannot_ask(None) is cannot_ask(KeyKind.API) is None
    for kind, said in ((KeyKind.MANAGEMENT, "This is a management key"), (KeyKind.ADMIN, "This is an admin key")):
        refusal = cannot_ask(kind)
        assert refusal is not None
        assert (refusal.code, said in refusal.message) == ("invalid_api_key", True)
    assert "This is an API key" in cannot_administer(KeyKind.API).message
    assert "This is a management key" in cannot_administer(KeyKind.MANAGEMENT).message
    for kind in (None, KeyKind.ADMIN):
        assert "unknown or was revoked" in cannot_administer(kind).message


def test_a_change_of_limits_tells_what_it_changes() -> None:
    assert NO_CHANGE.told == {}
    assert RateChange(rpm=0, burst=None, tpm=7).told == {"rpm": 0, "burst": None, "tpm": 7}
    assert RateChange(concurrency=1).told == {"concurrency": 1}
