"""Caps: set them, lift them, look how much of each is spent. Knows no SQL and no surface."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import NamedTuple, Protocol

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.caps import Cap, CapUse, SubAccount
from tollway.access.key_view import KeyView
from tollway.access.terms import EACH, CapScope, CapSpan
from tollway.billing.accounts import Ids
from tollway.billing.audit import Notary
from tollway.billing.calling_in import Pause, ask_again, sleep
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, CAP, KEY, SUB_ACCOUNT, parse_id, render_id
from tollway.ledger.records import Account
from tollway.limits.windows import Window, window_at
from tollway.money import AMOUNT_NANOS_MAX, PPM, render_amount, render_rate

ALERT_PPM = 800_000
"""An event says when 80 % of a cap is spent, unless the cap says otherwise."""

SUBJECT_CHARS_MAX = 256
"""Of a tag or end user that a cap names: as long as any that a request may carry."""

NAMED_CAPS_MAX = 10_000
"""Caps on tags and end users by name, of one account: its terms are read whole when a worker first meets one of its
keys, which takes some 30 ms for so many. For more, one cap of `*` limits each by itself."""

USES_MAX = 1000
"""Subjects of one listing of what is spent, the most spent first: a page of memory, not every end user."""


class CapTarget(NamedTuple):
    """What a cap is for."""

    account_id: int | None
    """None for a key or sub-account by its id: it knows its account."""
    scope: CapScope
    subject: str
    """As in CapRule."""


class CapRows(Protocol):
    """What caps want from the store; every call is one transaction, with effect on the next request in every worker."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def key(self, key_id: int) -> KeyView | None:
        """Read one key."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account."""
        ...

    def set_cap(self, cap: Cap, entry: AuditEntry, *, named_max: int) -> Cap | None:
        """Write a cap, or give the one that is there its limit and alert, in the windows that run too.

        Returns the cap as it stands, of which the entry tells; None, and nothing changed, when the account would have too many by name.
        """
        ...

    def fit_cap(self, cap: Cap, now_ms: int) -> bool:
        """Bring the windows that run down to a cap's limit; False while workers have borrowed what is beyond it."""
        ...

    def unset_cap(self, cap: Cap, entry: AuditEntry, removed_ms: int) -> Cap | None:
        """Lift the cap with the account, scope, subject and window of `cap`; return it, or None when there is none."""
        ...

    def cap(self, cap_id: int) -> Cap | None:
        """Read one cap, lifted or not."""
        ...

    def remove_cap(self, cap_id: int, entry: AuditEntry, removed_ms: int) -> Cap | None:
        """Lift a cap, keeping the first time; None when there never was one."""
        ...

    def caps(self, account_id: int | None) -> tuple[Cap, ...]:
        """Read the caps of an account, or all, that were not lifted, oldest first."""
        ...

    def cap_uses(
        self, account_id: int | None, windows: Mapping[CapSpan, Window], limit: int
    ) -> tuple[tuple[CapUse, ...], bool]:
        """Read what is spent of each cap in the windows given, the most spent first; and whether there is more."""
        ...

    def cap_use(self, cap: Cap, window: Window) -> CapUse:
        """Read what is spent of one cap in a window, by the subject that spent most of it."""
        ...


class Caps:
    """The use cases of caps. Errors are CommandRefused with a sentence."""

    def __init__(
        self,
        store: CapRows,
        ids: Ids,
        zone: tzinfo,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
        pause: Pause = sleep,
    ) -> None:
        """Work on `store`; windows are those of the calendar of `zone`."""
        self._store = store
        self._ids = ids
        self._zone = zone
        self._now_ms = now_ms
        self._pause = pause
        self._notary = Notary(ids.next, now_ms)

    def set(
        self,
        target: CapTarget,
        span: CapSpan,
        limit_nanos: int,
        alert_ppm: int = ALERT_PPM,
        *,
        by: Actor = OPERATOR,
    ) -> Cap | None:
        """Limit what may be spent in each day or month, or ever; a limit of zero lifts the cap of the side that acts.

        Returns the cap, or None when none was there to be lifted. With another limit, what is spent stays spent; with a
        lower one, so is what running requests have set aside.
        """
        checked_limit(limit_nanos)
        if not 0 < alert_ppm <= PPM:
            raise CommandRefused("the alert of a cap comes at more than 0% and at most 100% of it")
        now_ms = self._now_ms()
        cap = Cap(
            id=self._ids.next(),
            account_id=self._account_of(target),
            scope=target.scope,
            subject=target.subject,
            span=span,
            limit_nanos=limit_nanos,
            alert_ppm=alert_ppm,
            created_ms=now_ms,
            set_by=by.side,
        )
        if limit_nanos == 0:
            return self._store.unset_cap(cap, self._note(by, "cap.remove", cap), now_ms)
        found = self._store.set_cap(cap, self._note(by, "cap.set", cap), named_max=NAMED_CAPS_MAX)
        if found is None:
            raise CommandRefused(
                f"an account has at most {NAMED_CAPS_MAX} caps on tags and end users by name: one of * limits each"
            )
        if found.id != cap.id:
            ask_again(lambda: self._store.fit_cap(found, self._now_ms()), self._pause)
        return found

    def show(self, cap_id: int) -> Cap:
        """Return one cap, lifted or not."""
        cap = self._store.cap(cap_id)
        if cap is None:
            raise NotThere(f"there is no cap {render_id(CAP, cap_id)}")
        return cap

    def remove(self, cap_id: int, *, by: Actor = OPERATOR) -> Cap:
        """Lift a cap for good, from the next request on, in every worker; one that was lifted stays as it is."""
        entry = self._note(by, "cap.remove", self.show(cap_id))
        return self._store.remove_cap(cap_id, entry, entry.created_ms) or self.show(cap_id)

    def list(self, account_id: int | None = None) -> tuple[Cap, ...]:
        """Return the caps of an account, or all, that hold, oldest first."""
        return self._store.caps(account_id)

    def status(self, account_id: int | None = None, limit: int = USES_MAX) -> tuple[tuple[CapUse, ...], bool]:
        """Return what is spent of each cap in the window that runs, by subject, and whether there is more than `limit`."""
        if not 0 < limit <= USES_MAX:
            raise CommandRefused(f"a listing has 1 to {USES_MAX} entries")
        now_ms = self._now_ms()
        windows = {span: window_at(span, self._zone, now_ms) for span in CapSpan}
        return self._store.cap_uses(account_id, windows, limit)

    def most_used(self, cap: Cap) -> CapUse:
        """Return what is spent of one cap in the window that runs, by the subject that spent most of it."""
        return self._store.cap_use(cap, window_at(cap.span, self._zone, self._now_ms()))

    def _note(self, by: Actor, action: str, cap: Cap) -> AuditEntry:
        set_to = {
            "scope": cap.scope.value,
            "subject": named_subject(cap.scope, cap.subject),
            "window": cap.span.value,
            "limit": render_amount(cap.limit_nanos),
            "alert": render_rate(cap.alert_ppm),
        }
        return self._notary.note(by, action, cap.account_id, render_id(CAP, cap.id), set_to)

    def _account_of(self, target: CapTarget) -> int:
        """Return the account that a cap belongs to; refuses what does not exist, or belongs to another account."""
        account_id, name = target.account_id, "account"
        if target.scope is CapScope.KEY and target.subject != EACH:
            key = self._store.key(int(target.subject))
            name = f"key {render_id(KEY, int(target.subject))}"
            found = None if key is None or key.revoked_ms is not None else key.account_id
        elif target.scope is CapScope.SUB_ACCOUNT and target.subject != EACH:
            sub_account = self._store.sub_account(int(target.subject))
            name = f"sub-account {render_id(SUB_ACCOUNT, int(target.subject))}"
            found = None if sub_account is None or sub_account.removed_ms is not None else sub_account.account_id
        else:
            assert account_id is not None, "only what has an id knows its account"
            account = self._store.account(account_id)
            name = f"account {render_id(ACCOUNT, account_id)}"
            found = None if account is None else account.id
        if found is None:
            raise CommandRefused(f"there is no {name}")
        if account_id not in {None, found}:
            raise CommandRefused(f"{name} belongs to another account")
        return found


def named_subject(scope: CapScope, subject: str) -> str | None:
    """Return what a cap is for as people see it: an id with its prefix, a tag, an end user; None for the account."""
    if scope is CapScope.ACCOUNT:
        return None
    if subject != EACH and scope is CapScope.KEY:
        return render_id(KEY, int(subject))
    if subject != EACH and scope is CapScope.SUB_ACCOUNT:
        return render_id(SUB_ACCOUNT, int(subject))
    return subject


def checked_limit(limit_nanos: int) -> int:
    """Return a limit of zero (none) or more that fits 64 bits; raises CommandRefused for any other."""
    if not 0 <= limit_nanos <= AMOUNT_NANOS_MAX:
        raise CommandRefused(f"a cap of {render_amount(limit_nanos)} is not zero (none) or more")
    return limit_nanos


def parse_target(
    *, account: str | None, key: str | None, sub_account: str | None, tag: str | None, end_user: str | None
) -> CapTarget:
    """Return what a cap is for, from the ids and texts that name it; raises CommandRefused or IdError.

    At most one beside the account; `*` is each of them by itself, and needs the account, as a tag and an end user do.
    """
    named = [
        (scope, text)
        for scope, text in (
            (CapScope.KEY, key),
            (CapScope.SUB_ACCOUNT, sub_account),
            (CapScope.TAG, tag),
            (CapScope.END_USER, end_user),
        )
        if text is not None
    ]
    if len(named) > 1:
        raise CommandRefused("a cap is for one thing: a key, a sub-account, a tag, an end user, or the account")
    account_id = None if account is None else parse_id(ACCOUNT, account)
    scope, text = named[0] if named else (CapScope.ACCOUNT, "")
    if account_id is None and (scope not in {CapScope.KEY, CapScope.SUB_ACCOUNT} or text == EACH):
        raise CommandRefused("name the account of the cap: only a key or a sub-account by its id knows its own")
    if text == EACH or scope is CapScope.ACCOUNT:
        return CapTarget(account_id, scope, text)
    if scope is CapScope.KEY:
        return CapTarget(account_id, scope, str(parse_id(KEY, text)))
    if scope is CapScope.SUB_ACCOUNT:
        return CapTarget(account_id, scope, str(parse_id(SUB_ACCOUNT, text)))
    return CapTarget(account_id, scope, checked_subject(text))


def checked_subject(text: str) -> str:
    """Return a tag or an end user as a request could carry it; raises CommandRefused for any other."""
    if not text or len(text) > SUBJECT_CHARS_MAX or not text.isprintable():
        raise CommandRefused(f"a tag or an end user has 1 to {SUBJECT_CHARS_MAX} printable characters")
    return text
