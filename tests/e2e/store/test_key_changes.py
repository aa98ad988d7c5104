"""Keys that are limited, changed, disabled and rotated, on both kinds of store, as the data plane then finds them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import msgspec
import pytest

from tests.e2e.store.conftest import Meanwhile, tw
from tollway.access.audit import Actor, ActorKind, AuditQuery
from tollway.access.decide import check_key
from tollway.access.key_view import KeyChange, KeyState, KeyView
from tollway.access.limits import NO_LIMITS, LimitScope, RateChange, RateLimits, RateRule
from tollway.access.packages import MICROS_PER_TOKEN
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.access.terms import CapScope, CapSpan, PackageUnit
from tollway.billing.audit import Audit
from tollway.billing.caps import Caps, CapTarget
from tollway.billing.key_secrets import key_digest
from tollway.billing.keys import HOUR_MS, OVERLAP_MS, OVERLAP_MS_MAX, Keys, KeyTerms
from tollway.billing.packages import Packages
from tollway.billing.products import Products, ProductTerms
from tollway.errors import CommandRefused, NotThere, OnlyTheOperator, Refusal
from tollway.ids import KEY, render_id
from tollway.ledger.records import Account
from tollway.store.key_directory import KeyDirectory
from tollway.store.store import Store

NOBODY = 12345
ROBOT = Actor(kind=ActorKind.ADMIN_KEY, id=5)
OWNER = Actor(kind=ActorKind.MANAGEMENT_KEY, id=6)


class Clock:
    """Stands still until it is moved."""

    now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(store: Store, clock: Clock) -> Keys:
    return Keys(store, store.ids(), tw, now_ms=clock, pause=lambda _: None)


@pytest.fixture
def directory(store: Store) -> Iterator[KeyDirectory]:
    directory = store.key_directory()
    yield directory
    directory.close()


def found(directory: KeyDirectory, secret: str) -> Principal:
    principal = directory.find(key_digest(secret))
    assert principal is not None
    return principal


def rates(limits: tuple[RateRule, ...]) -> list[tuple[int | None, ...]]:
    return [(rule.rpm, rule.burst, rule.tpm, rule.concurrency) for rule in limits]


def test_a_key_is_limited_to_routes_networks_and_rates_from_its_first_request_on(
    keys: Keys, directory: KeyDirectory, account: Account
) -> None:
    terms = KeyTerms(
        routes=("chat", "models", "chat"),
        networks=("192.0.2.7", "10.1.2.3/8", "2001:DB8::/32", "::ffff:198.51.100.0/120"),
        limits=RateLimits(rpm=60, burst=0, tpm=10_000, concurrency=2),
        total_cap_nanos=7,
    )
    key, secret = keys.create(account.id, "ci", terms)
    principal = found(directory, secret)
    assert key.routes == principal.routes == ("chat", "models")
    assert key.networks == principal.networks == ("192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32", "198.51.100.0/24")
    assert rates(principal.limits) == rates(keys.rates(key.id)) == [(60, None, 10_000, 2)]
    assert [(cap.span, cap.limit_nanos) for cap in principal.caps] == [(CapSpan.TOTAL, 7)]
    assert keys.list(account.id) == (keys.show(key.id),) == (key,)
    assert keys.state(key) is KeyState.ACTIVE


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (KeyTerms(routes=("chats",)), "'chats' is nothing that a key may be limited to: chat, "),
        (KeyTerms(routes=("",)), "'' is nothing"),
        (KeyTerms(networks=("10.0.0.0/33",)), "'10.0.0.0/33' is no IP address"),
        (KeyTerms(networks=("example.com",)), "'example.com' is no IP address"),
        (KeyTerms(networks=("10.0.0.1,10.0.0.2",)), "is no IP address"),
        (KeyTerms(networks=("fe80::1%eth0",)), "is no IP address"),
        (KeyTerms(networks=tuple(f"10.0.0.{last}" for last in range(101))), "at most 100 networks"),
        (KeyTerms(models=tuple(f"m{number}" for number in range(1001))), "at most 1000 models"),
        (KeyTerms(limits=RateLimits(rpm=-1)), "rpm is 0 .* and -1 is not"),
        (KeyTerms(limits=RateLimits(concurrency=10**9 + 1)), "concurrency is 0"),
        (KeyTerms(total_cap_nanos=-1), "a cap of"),
    ],
)
def test_a_limit_that_is_none_is_refused_by_name(keys: Keys, account: Account, terms: KeyTerms, said: str) -> None:
    with pytest.raises(CommandRefused, match=said):
        keys.create(account.id, "k", terms)
    assert keys.list() == ()


def test_a_change_holds_from_the_next_request_on_and_what_is_left_out_stays(
    store: Store, keys: Keys, directory: KeyDirectory, account: Account, clock: Clock
) -> None:
    terms = KeyTerms(models=("m",), limits=RateLimits(rpm=60, tpm=5), daily_cap_nanos=5, monthly_cap_nanos=50)
    key, secret = keys.create(account.id, "ci", terms)
    assert found(directory, secret).models == ("m",)
    change = KeyChange(
        name=" prod ",
        routes=("embeddings",),
        networks=("192.0.2.1",),
        expires_ms=clock.now_ms + 1,
        unsupported=Unsupported.REFUSED,
        costs=ShownCosts.HIDDEN,
        limits=RateChange(rpm=0, concurrency=3),
        caps={CapSpan.DAY: 0, CapSpan.MONTH: 40, CapSpan.TOTAL: 100},
    )
    changed = keys.update(key.id, change, by=ROBOT)
    assert changed == keys.show(key.id)
    assert (changed.name, changed.models, changed.digest) == ("prod", ("m",), key.digest)
    principal = found(directory, secret)
    assert (principal.models, principal.routes, principal.networks) == (("m",), ("embeddings",), ("192.0.2.1/32",))
    assert (principal.unsupported, principal.costs) == (Unsupported.REFUSED, ShownCosts.HIDDEN)
    assert principal.expires_ms == clock.now_ms + 1
    assert rates(principal.limits) == [(None, None, 5, 3)]
    assert {cap.span: cap.limit_nanos for cap in principal.caps} == {CapSpan.MONTH: 40, CapSpan.TOTAL: 100}
    (entry,) = Audit(store).list(AuditQuery(action="key.update")).entries
    assert (entry.actor, entry.resource_id) == (ROBOT, render_id(KEY, key.id))
    assert entry.metadata == {
        "name": "prod",
        "routes": ["embeddings"],
        "networks": ["192.0.2.1/32"],
        "unsupported": "refused",
        "costs": "hidden",
        "expires": "2027-01-15T08:00:00.001Z",
        "day_cap": "0.00",
        "month_cap": "0.00000004",
        "total_cap": "0.0000001",
        "rpm": None,
        "concurrency": 3,
    }
    # And back: nothing is left of the limits, and their row is gone.
    lifted = RateChange(tpm=None, concurrency=0)
    changed = keys.update(key.id, KeyChange(models=(), routes=(), networks=(), expires_ms=None, limits=lifted))
    principal = found(directory, secret)
    assert (principal.models, principal.routes, principal.networks, principal.expires_ms) == ((), (), (), None)
    assert principal.limits == keys.rates(key.id) == store.rate_limits(account.id) == ()
    assert changed.expires_ms is None


def test_another_limit_leaves_the_alert_of_a_cap_as_it_was_set(store: Store, keys: Keys, account: Account) -> None:
    key, _ = keys.create(account.id, "ci", KeyTerms(daily_cap_nanos=50))
    target = CapTarget(None, CapScope.KEY, str(key.id))
    Caps(store, store.ids(), UTC).set(target, CapSpan.DAY, 50, 500_000)
    keys.update(key.id, KeyChange(caps={CapSpan.DAY: 40}))
    assert [(cap.limit_nanos, cap.alert_ppm) for cap in store.caps(account.id)] == [(40, 500_000)]


def test_a_disabled_key_is_refused_until_it_is_enabled_again(
    keys: Keys, directory: KeyDirectory, account: Account, clock: Clock
) -> None:
    key, secret = keys.create(account.id, "ci")
    disabled = keys.update(key.id, KeyChange(disabled=True))
    assert keys.state(disabled) is KeyState.DISABLED
    with pytest.raises(Refusal, match="disabled") as refused:
        check_key(found(directory, secret), now_ms=clock())
    assert refused.value.code == "invalid_api_key"
    clock.now_ms += 5
    assert keys.update(key.id, KeyChange(disabled=True)).disabled_ms == disabled.disabled_ms
    assert keys.update(key.id, KeyChange(name="x")).disabled_ms == disabled.disabled_ms
    enabled = keys.update(key.id, KeyChange(disabled=False))
    assert (enabled.disabled_ms, keys.state(enabled)) == (None, KeyState.ACTIVE)
    assert check_key(found(directory, secret), now_ms=clock()).key_id == key.id


def test_what_a_key_cannot_be_changed_to_is_refused_and_changes_nothing(
    store: Store, keys: Keys, account: Account, clock: Clock
) -> None:
    key, _ = keys.create(account.id, "ci")
    refused = (
        KeyChange(),
        KeyChange(name=" "),
        KeyChange(name="x", models=("a,b",)),
        KeyChange(name="x", routes=("teapot",)),
        KeyChange(name="x", networks=("here",)),
        KeyChange(name="x", expires_ms=clock.now_ms),
        KeyChange(name="x", limits=RateChange(tpm=-1)),
        KeyChange(name="x", caps={CapSpan.DAY: -1}),
    )
    for change in refused:
        with pytest.raises(CommandRefused):
            keys.update(key.id, change)
    with pytest.raises(NotThere):
        keys.update(NOBODY, KeyChange(name="x"))
    assert keys.show(key.id) == key
    revoked = keys.revoke(key.id)
    for change_it in (lambda: keys.update(key.id, KeyChange(name="x")), lambda: keys.rotate(key.id)):
        with pytest.raises(CommandRefused, match="revoked, and that is for good"):
            change_it()
    # Also when it was revoked between the look at it and the change.
    entry = Audit(store).list(AuditQuery(resource_type="key")).entries[0]
    again = msgspec.structs.replace(entry, id=1)
    assert store.update_key(key, KeyChange(name="x"), (), again, lambda found: found.operator_set) is None
    assert store.rotate_key(key, None, again) is None
    assert store.revoke_key(key.id, 5, again) is None
    assert keys.show(key.id) == revoked
    assert keys.state(revoked) is KeyState.REVOKED
    assert keys.rates(key.id) == keys.limits(key.id) == ()
    assert Audit(store).list(AuditQuery(resource_type="key")).total == 2


def test_a_key_of_a_package_of_tokens_gets_no_cap_on_money_later(store: Store, keys: Keys, account: Account) -> None:
    products = Products(store, store.ids())
    product = products.create("P", ProductTerms(unit=PackageUnit.TOKENS, amount=MICROS_PER_TOKEN, price_nanos=1))
    package = Packages(store, store.ids()).buy(account.id, product.id)
    terms = KeyTerms(billing=BillingMode.PACKAGE, package_id=package.package.id)
    key, _ = keys.create(account.id, "p", terms)
    with pytest.raises(CommandRefused, match="the package is its limit"):
        keys.update(key.id, KeyChange(caps={CapSpan.DAY: 5}))
    assert keys.update(key.id, KeyChange(caps={CapSpan.DAY: 0}, name="q")).name == "q"


def test_a_rotated_key_has_a_new_text_and_the_old_one_works_for_a_while(
    store: Store, keys: Keys, directory: KeyDirectory, account: Account, clock: Clock
) -> None:
    terms = KeyTerms(limits=RateLimits(rpm=60), daily_cap_nanos=5, expires_ms=clock.now_ms + 20 * OVERLAP_MS)
    key, old = keys.create(account.id, "ci", terms)
    rotated, new = keys.rotate(key.id, by=ROBOT)
    assert new != old
    assert rotated.id == key.id
    assert (rotated.digest, rotated.hint) == (key_digest(new), f"{new[:7]}...{new[-4:]}")
    assert rotated.old_expires_ms == clock.now_ms + OVERLAP_MS
    fresh, stale = found(directory, new), found(directory, old)
    assert (fresh.key_id, fresh.caps, fresh.limits, fresh.expires_ms) == (
        key.id,
        stale.caps,
        stale.limits,
        key.expires_ms,
    )
    assert stale == msgspec.structs.replace(fresh, expires_ms=rotated.old_expires_ms)
    assert keys.find(key_digest(old)) == keys.find(key_digest(new)) == rotated
    assert keys.find(b"nobody") is None
    clock.now_ms += OVERLAP_MS
    with pytest.raises(Refusal, match="expired"):
        check_key(stale, now_ms=clock())
    assert check_key(fresh, now_ms=clock()) is fresh
    (entry,) = Audit(store).list(AuditQuery(action="key.rotate")).entries
    assert entry.metadata == {"old_hint": key.hint, "overlap_s": 86_400}
    assert old not in str(entry)
    assert new not in str(entry)


def test_a_key_that_is_rotated_again_has_two_texts_at_most(
    keys: Keys, directory: KeyDirectory, account: Account
) -> None:
    key, first = keys.create(account.id, "ci")
    _, second = keys.rotate(key.id, HOUR_MS)
    rotated, third = keys.rotate(key.id, HOUR_MS)
    assert directory.find(key_digest(first)) is None
    assert found(directory, second).key_id == found(directory, third).key_id == key.id
    at_once, fourth = keys.rotate(key.id, 0)
    assert at_once.old_expires_ms is None
    assert [directory.find(key_digest(text)) for text in (first, second, third)] == [None] * 3
    assert found(directory, fourth).expires_ms is None
    keys.revoke(key.id)
    assert directory.find(key_digest(fourth)) is None
    assert rotated.hint != at_once.hint


def test_rotations_at_the_same_time_leave_one_text_and_the_one_before(
    keys: Keys, directory: KeyDirectory, account: Account
) -> None:
    key, first = keys.create(account.id, "ci")
    with ThreadPoolExecutor(4) as threads:
        texts = [text for _, text in threads.map(lambda _: keys.rotate(key.id, HOUR_MS), range(4))]
    alive = [text for text in (first, *texts) if directory.find(key_digest(text)) is not None]
    assert len(alive) == 2
    assert first not in alive


def test_what_the_operator_limits_while_an_owner_changes_a_key_stays(
    keys: Keys, store: Store, account: Account
) -> None:
    key, _ = keys.create(account.id, "ci")
    keys.update(key.id, KeyChange(disabled=True), by=OWNER)
    ids = Meanwhile(store, lambda: keys.update(key.id, KeyChange(disabled=True)))
    with pytest.raises(OnlyTheOperator, match="the operator set 'disabled'"):
        Keys(store, ids, tw).update(key.id, KeyChange(disabled=False), by=OWNER)
    ids = Meanwhile(store, lambda: keys.update(key.id, KeyChange(models=("m",))))
    Keys(store, ids, tw).update(key.id, KeyChange(routes=("chat",)))
    assert sorted(keys.show(key.id).operator_set) == ["disabled", "models", "routes"]


@pytest.mark.parametrize("overlap_ms", [-1, OVERLAP_MS_MAX + 1])
def test_an_overlap_is_up_to_thirty_days(keys: Keys, account: Account, overlap_ms: int) -> None:
    key, _ = keys.create(account.id, "ci")
    with pytest.raises(CommandRefused, match="0 to 720 hours"):
        keys.rotate(key.id, overlap_ms)
    assert keys.rotate(key.id, OVERLAP_MS_MAX)[0].old_expires_ms is not None
    with pytest.raises(NotThere):
        keys.rotate(NOBODY)


def test_an_expired_key_is_not_rotated_but_may_live_longer(keys: Keys, account: Account, clock: Clock) -> None:
    key, _ = keys.create(account.id, "ci", KeyTerms(expires_ms=clock.now_ms + 1))
    clock.now_ms += 1
    assert keys.state(key) is KeyState.EXPIRED
    with pytest.raises(CommandRefused, match="give it another expiry first"):
        keys.rotate(key.id)
    keys.update(key.id, KeyChange(expires_ms=None))
    assert keys.rotate(key.id)[0].id == key.id


def test_what_a_key_without_limits_writes_is_no_limit(store: Store, keys: Keys, account: Account) -> None:
    key, _ = keys.create(account.id, "k", KeyTerms(limits=RateLimits(rpm=0)))
    assert store.rate_limits(None) == keys.rates(key.id) == ()
    assert KeyTerms().limits == NO_LIMITS
    assert isinstance(key, KeyView)
    assert RateRule(scope=LimitScope.KEY, subject="1").rpm is None
