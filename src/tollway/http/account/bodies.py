"""The bodies that routes of the accounts' API take, in the services' words. An unknown field is an error: it might be a limit."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field

from tollway.access.own_providers import ProviderAuth
from tollway.access.terms import CapScope, CapSpan
from tollway.http.account.amounts import CentsNanos, UnitsNanos
from tollway.http.admin.bodies import Body

Moment = Annotated[datetime | None, Field(strict=False)]
"""In UTC unless it says otherwise."""


class Named(Body):
    """A body whose fields may also be given by our own names for them."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class SubAccountBody(Named):
    """A sub-account to make."""

    name: str
    external_ref: str | None = None
    cap_nanos: CentsNanos = Field(None, alias="spend_cap_cents")
    """Of each month; zero and null are none."""
    rpm: int | None = Field(None, alias="rate_limit_rpm")
    """Zero and null are no limit."""
    tag: str | None = Field(None, alias="default_tag")
    models: list[str] | None = Field(None, validation_alias=AliasChoices("allowed_models", "models"))
    """Exact, or ending in a star; none given is all."""


class SubAccountChange(SubAccountBody):
    """What is to change of a sub-account; what is left out stays."""

    name: str = ""
    suspended: bool | None = None


class TagBudgetBody(Named):
    """A budget of a tag to set."""

    tag: str
    """`*` is each tag by itself."""
    cap_nanos: CentsNanos = Field(alias="monthly_cap_cents")
    """Zero and null lift it."""


class BudgetScope(StrEnum):
    """What a budget is for."""

    ORG = "org"
    APP = "app"
    KEY = "key"
    TAG = "tag"
    USER = "user"


SCOPES = {
    BudgetScope.ORG: CapScope.ACCOUNT,
    BudgetScope.APP: CapScope.SUB_ACCOUNT,
    BudgetScope.KEY: CapScope.KEY,
    BudgetScope.TAG: CapScope.TAG,
    BudgetScope.USER: CapScope.END_USER,
}
"""What each is here."""


class BudgetPeriod(StrEnum):
    """How long a budget counts before it starts again."""

    DAILY = "daily"
    MONTHLY = "monthly"
    TOTAL = "total"


SPANS = {
    BudgetPeriod.DAILY: CapSpan.DAY,
    BudgetPeriod.MONTHLY: CapSpan.MONTH,
    BudgetPeriod.TOTAL: CapSpan.TOTAL,
}


class BudgetBody(Named):
    """A budget to set."""

    scope: Annotated[BudgetScope, Field(strict=False)] = BudgetScope.ORG
    scope_id: str | None = None
    """The sub-account, key, tag or user; `*` is each of them by itself. None for `org`."""
    hard_nanos: UnitsNanos = Field(alias="hard_limit_usd")
    soft_nanos: UnitsNanos = Field(None, alias="soft_limit_usd")
    """Of what an event tells; 80 % of the hard limit when left out."""
    period: Annotated[BudgetPeriod, Field(strict=False)] = Field(BudgetPeriod.MONTHLY, alias="period_type")


class BudgetChange(Named):
    """What is to change of a budget; what is left out stays."""

    hard_nanos: UnitsNanos = Field(None, alias="hard_limit_usd")
    soft_nanos: UnitsNanos = Field(None, alias="soft_limit_usd")


class LimitReset(StrEnum):
    """When what was spent of a key's limit is forgotten."""

    DAILY = "daily"
    MONTHLY = "monthly"


class KeyBody(Named):
    """An API key to make."""

    name: str
    limit_nanos: UnitsNanos = Field(None, alias="limit")
    """What it may spend; zero and null are no limit."""
    limit_reset: Annotated[LimitReset | None, Field(strict=False)] = None
    """Null: the limit is for ever."""
    expires_at: Moment = None
    models: list[str] | None = Field(None, validation_alias=AliasChoices("models", "allowed_models"))
    routes: list[str] | None = None
    networks: list[str] | None = Field(None, validation_alias=AliasChoices("networks", "allowed_ips"))
    rpm: int | None = Field(None, alias="rate_limit_rpm")


class KeyPatch(KeyBody):
    """What is to change of a key; what is left out stays."""

    name: str = ""
    disabled: bool | None = None


class RotationBody(Named):
    """How a key is rotated."""

    overlap_hours: int | None = None
    """How long the old text works beside the new one; 24 when left out."""


class ProviderBody(Named):
    """A provider to bring."""

    name: str
    preset: str | None = Field(None, validation_alias=AliasChoices("type", "preset", "provider"))
    """Its kind; the name, when left out."""
    base_url: str | None = None
    auth: Annotated[ProviderAuth, Field(strict=False)] = Field(
        ProviderAuth.API_KEY, validation_alias=AliasChoices("auth_mode", "auth")
    )
    key: str | None = Field(None, validation_alias=AliasChoices("api_key", "key"))
    is_default: bool = Field(default=False, validation_alias=AliasChoices("is_default", "default"))
    enabled: bool = True


class ProviderChange(ProviderBody):
    """What is to change of a provider; what is left out stays."""

    name: str = ""
