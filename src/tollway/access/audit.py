"""The audit trail: who changed what of an account, and from where. Values only; knows no store."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tollway.access.setters import SetBy


class ActorKind(StrEnum):
    """Who acts."""

    OPERATOR = "operator"
    """By the command line, on the machine itself."""
    ADMIN_KEY = "admin_key"
    MANAGEMENT_KEY = "management_key"
    KEY = "key"
    SYSTEM = "system"
    """Nobody: what follows from something else, such as a payment that was taken back."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who acts."""

    kind: ActorKind
    id: int | None = None
    """Of the key; None for the operator."""
    ip: str | None = None
    """The address that the call came from; None on the command line."""

    @property
    def side(self) -> SetBy:
        """On whose behalf what this one sets is set."""
        return SetBy.ACCOUNT if self.kind in _OWNERS else SetBy.OPERATOR


_OWNERS = frozenset((ActorKind.MANAGEMENT_KEY, ActorKind.KEY))


OPERATOR = Actor(kind=ActorKind.OPERATOR)
SYSTEM = Actor(kind=ActorKind.SYSTEM)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change, as it is kept for good."""

    id: int
    account_id: int
    actor: Actor
    action: str
    """Such as `key.create`."""
    resource_type: str
    """Such as `key`."""
    resource_id: str
    """As people see it, such as `key_…`."""
    metadata: Mapping[str, object] = {}
    """What was set, without any secret."""
    created_ms: int


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are asked for; None is any."""

    account_id: int | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    actor_kind: ActorKind | None = None
    actor_id: int | None = None
    since_ms: int | None = None
    """From then on."""
    until_ms: int | None = None
    """Up to then, without it."""
