"""The bodies that admin routes take. An unknown field is an error; amounts are decimal texts, for a JSON number is a float."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[str, Field(examples=["5.00"], description="An exact decimal of the account's currency, as text.")]


class Body(BaseModel):
    """Any of them."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewAccount(Body):
    """An account to make."""

    name: str
    credit: Amount = "0"
    currency: str | None = None
    """The deployment's when left out."""


class NewCredit(Body):
    """Money to add to a balance."""

    amount: Amount
    reason: str


class NewKey(Body):
    """An API key to make."""

    account: str
    name: str
    models: list[str] = []
    """Model ids, exact or ending in a star; empty means all."""
    expires: Annotated[datetime | None, Field(strict=False)] = None
    """In UTC unless it says otherwise."""
