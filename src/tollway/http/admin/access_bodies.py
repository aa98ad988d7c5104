"""The bodies of routes about who may ask, and how fast: changes of keys, management keys, limits. As in `bodies`."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET
from pydantic import Field

from tollway.access.key_view import KeyChange
from tollway.access.limits import RateChange
from tollway.access.managing import ManagementAccess
from tollway.access.principal import ShownCosts, Unsupported
from tollway.access.terms import CapSpan
from tollway.http.admin.bodies import Amount, Body
from tollway.money import parse_amount


class Rates(Body):
    """How fast requests may come; what is left out stays, null and zero are no limit of that kind."""

    rpm: int | None = None
    """Requests in any 60 seconds."""
    burst: int | None = None
    """Requests in any 10 seconds."""
    tpm: int | None = None
    """Tokens in any 60 seconds."""
    concurrency: int | None = None
    """Requests that run at a time."""

    def change(self) -> RateChange:
        """Return what the body says."""
        said = self.model_dump(include={"rpm", "burst", "tpm", "concurrency"}, exclude_unset=True)
        return RateChange(**said)


class LimitBody(Rates):
    """A limit to set: for the account, or for one thing of it, or with `*` for each of them."""

    account: str | None = None
    key: str | None = None
    sub_account: str | None = None
    end_user: str | None = None


class ChangedKey(Rates):
    """What is to become of a key; what is left out stays."""

    name: str = ""
    models: list[str] = Field(default_factory=list[str])
    """Empty means all."""
    routes: list[str] = Field(default_factory=list[str])
    """Empty means everything."""
    networks: list[str] = Field(default_factory=list[str])
    """Empty means everywhere."""
    expires: Annotated[datetime | None, Field(strict=False)] = None
    """Null is never; in UTC unless it says otherwise."""
    disabled: bool = False
    """Refused until it is enabled again."""
    unsupported: Annotated[Unsupported, Field(strict=False)] = Unsupported.DROPPED
    costs: Annotated[ShownCosts, Field(strict=False)] = ShownCosts.SHOWN
    daily_cap: Amount = "0"
    """Zero lifts it, as with the next."""
    monthly_cap: Amount = "0"
    total_cap: Amount = "0"

    def key_change(self) -> KeyChange:
        """Return what the body says; raises AmountError."""
        said = self.model_fields_set
        caps = {CapSpan.DAY: "daily_cap", CapSpan.MONTH: "monthly_cap", CapSpan.TOTAL: "total_cap"}
        return KeyChange(
            name=self.name if "name" in said else UNSET,
            models=tuple(self.models) if "models" in said else UNSET,
            routes=tuple(self.routes) if "routes" in said else UNSET,
            networks=tuple(self.networks) if "networks" in said else UNSET,
            expires_ms=milliseconds(self.expires) if "expires" in said else UNSET,
            disabled=self.disabled if "disabled" in said else UNSET,
            unsupported=self.unsupported if "unsupported" in said else UNSET,
            costs=self.costs if "costs" in said else UNSET,
            limits=self.change(),
            caps={span: parse_amount(getattr(self, name)) for span, name in caps.items() if name in said},
        )


class Rotation(Body):
    """How a key is to be rotated."""

    overlap: str = "24h"
    """How long its text of before works beside the new one, such as 90m, 24h or 7d; 0 is not at all."""


class NewManagementKey(Body):
    """A management key to make."""

    account: str
    name: str
    access: Annotated[ManagementAccess, Field(strict=False)] = ManagementAccess.READ_WRITE
    expires: Annotated[datetime | None, Field(strict=False)] = None
    """In UTC unless it says otherwise."""


def milliseconds(at: datetime | None) -> int | None:
    """Return the milliseconds since 1970 of a time, in UTC unless it says otherwise."""
    return None if at is None else int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
