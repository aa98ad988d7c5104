"""The bodies that admin routes take. An unknown field is an error; amounts are decimal texts, for a JSON number is a float."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from tollway.access.own_providers import ProviderAuth
from tollway.access.principal import BillingMode, ShownCosts, Unsupported
from tollway.access.terms import CapSpan, PackageUnit
from tollway.billing.bill_files import BillColumns, Rounding
from tollway.billing.caps import ALERT_PPM
from tollway.money import render_rate

Amount = Annotated[str, Field(examples=["5.00"], description="An exact decimal of the account's currency, as text.")]


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no half of a character, which JSON can escape and nothing can encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Body(BaseModel):
    """Any of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: object) -> object:
        """Refuse texts that no database keeps, where JSON can say them and people cannot mean them."""
        for text in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType]
            if isinstance(text, str) and ("\0" in text or not _is_unicode(text)):
                raise PydanticCustomError("text", "has a character that no text has")
        return value  # pyright: ignore[reportUnknownVariableType]


class NewBill(Body):
    """A provider's bill to keep, as told in the address; its lines are the body."""

    name: str
    provider: str
    currency: str = "USD"
    day_column: str = BillColumns().day
    model_column: str = BillColumns().model
    amount_column: str = BillColumns().amount
    tokens_column: str | None = None
    """The tokens are not read when left out."""
    rounding: Annotated[Rounding, Field(strict=False)] = Rounding.REFUSE
    """What becomes of amounts finer than a nano-unit."""


class NewAccount(Body):
    """An account to make."""

    name: str
    credit: Amount = "0"
    currency: str | None = None
    """The brand's when left out."""
    brand: str | None = None
    """One of the deployment's brands, by its preset; its own when left out."""


class NewTerms(Body):
    """What an account pays other than the deployment says; what is left out stays."""

    platform_fee: str | None = None
    """A rate such as `5%`, or `default` for the deployment's."""
    discount: str | None = None
    """Off every price, such as `10%`."""
    markup: str | None = None
    """On every price; not beside a discount."""


class NewSubAccount(Body):
    """A sub-account to make, with its first key."""

    account: str
    name: str
    external_ref: str | None = None
    """What its owner calls it elsewhere."""
    monthly_cap: Amount = "0"
    """Zero is none."""
    rpm: int | None = None
    """Requests in any 60 seconds; null and zero are no limit."""
    tag: str | None = None
    """Put on its requests that name none."""
    models: list[str] = []
    """Model ids that its keys may use, exact or ending in a star; empty means all."""


class SubAccountPatch(Body):
    """What a sub-account is to have other than it has; what is left out stays."""

    name: str = ""
    external_ref: str | None = None
    monthly_cap: Amount = "0"
    rpm: int | None = None
    tag: str | None = None
    models: list[str] = []


class NewOwnProvider(Body):
    """A provider that an account brings."""

    account: str
    name: str
    """What its requests call it."""
    preset: str
    base_url: str | None = None
    """The preset's when left out."""
    auth: Annotated[ProviderAuth, Field(strict=False)] = ProviderAuth.API_KEY
    key: str | None = None
    """Kept encrypted, and never shown."""
    default: bool = False
    """It takes what leads nowhere else."""
    enabled: bool = True


class OwnProviderPatch(Body):
    """What a provider is to have other than it has; what is left out stays. With another address, the key is given again."""

    name: str = ""
    base_url: str | None = None
    auth: Annotated[ProviderAuth, Field(strict=False)] = ProviderAuth.API_KEY
    key: str = ""
    default: bool = False
    enabled: bool = True


class CapBody(Body):
    """A cap to set: for the account, or for one thing of it, or with `*` for each of them."""

    account: str | None = None
    key: str | None = None
    sub_account: str | None = None
    tag: str | None = None
    end_user: str | None = None
    window: Annotated[CapSpan, Field(strict=False)]
    limit: Amount
    """`0` lifts the cap."""
    alert: str = render_rate(ALERT_PPM)
    """The share of the limit whose use raises an event."""


class Ratio(Body):
    """A model that a package covers."""

    model: str
    """An id, exact or ending in a star."""
    ratio: str = "1"
    """How much of the package a token of it takes."""


class NewProduct(Body):
    """A product to offer."""

    name: str
    unit: Annotated[PackageUnit, Field(strict=False)] = PackageUnit.TOKENS
    amount: str
    """Whole tokens, or money."""
    models: list[Ratio] = []
    """The first that matches counts; empty covers all."""
    price: Amount
    currency: str | None = None
    """The deployment's when left out."""
    validity_days: int | None = None
    """For ever when left out."""


class NewPurchase(Body):
    """A package to buy from the balance."""

    account: str
    product: str


class NewGrant(NewPurchase):
    """A package to give."""

    reason: str


class NewCredit(Body):
    """Money to add to a balance."""

    amount: Amount
    reason: str


class NewCheckout(Body):
    """A payment to start: of an amount, or of a product."""

    amount: Amount | None = None
    product: str | None = None
    save_card: bool = False
    """Keep the means of payment for automatic top-ups."""


class NewAutoTopup(Body):
    """What an account allows to be charged by itself."""

    threshold: Amount
    amount: Amount
    daily_max: Amount | None = None
    """Five times the amount when left out."""


class NewVoucherBatch(Body):
    """Vouchers to make."""

    batch: str
    amount: Amount
    count: int = 1
    currency: str | None = None
    """The deployment's when left out."""
    expires: Annotated[datetime | None, Field(strict=False)] = None
    """In UTC unless it says otherwise."""


class VoucherBatch(Body):
    """A batch that exists."""

    batch: str


class VoucherCode(Body):
    """A voucher to redeem."""

    code: str


class NewKey(Body):
    """An API key to make."""

    account: str
    name: str
    models: list[str] = []
    """Model ids, exact or ending in a star; empty means all."""
    expires: Annotated[datetime | None, Field(strict=False)] = None
    """In UTC unless it says otherwise."""
    sub_account: str | None = None
    billing: Annotated[BillingMode, Field(strict=False)] = BillingMode.PAYG
    package: str | None = None
    """The one that it spends, in billing mode `package`."""
    daily_cap: Amount = "0"
    """Zero is none."""
    monthly_cap: Amount = "0"
    """Zero is none."""
    total_cap: Amount = "0"
    """Of all that it ever spends; zero is none."""
    routes: list[str] = []
    """What it may be used for, such as `chat`; empty means everything."""
    networks: list[str] = []
    """Networks or addresses that it may be used from; empty means everywhere."""
    rpm: int | None = None
    """Requests in any 60 seconds; null and zero are no limit, as with the next."""
    burst: int | None = None
    """Requests in any 10 seconds."""
    tpm: int | None = None
    """Tokens in any 60 seconds."""
    concurrency: int | None = None
    """Requests that run at a time."""
    unsupported: Annotated[Unsupported, Field(strict=False)] = Unsupported.DROPPED
    """What becomes of parameters that a model does not know: `refused` is strict mode."""
    costs: Annotated[ShownCosts, Field(strict=False)] = ShownCosts.SHOWN
    """Whether replies say what they cost."""
