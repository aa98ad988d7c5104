"""The commands about API keys of accounts. A key's text is shown once, when made or rotated."""

from typing import Annotated

import typer
from msgspec import UNSET

from tollway.access.key_view import KeyChange
from tollway.access.limits import RateLimits
from tollway.access.principal import BillingMode, ShownCosts, Unsupported
from tollway.access.terms import CapSpan
from tollway.billing.key_terms import parse_duration
from tollway.billing.key_views import view_key_with_limits, view_standing_key
from tollway.billing.keys import KeyTerms
from tollway.cli.key_options import Burst, Concurrency, KeyId, KeyName, Rpm, Tpm, listed, rate_change
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings, parse_expiry
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, parse_id
from tollway.money import parse_amount

KEY_COLUMNS = ("id", "account", "name", "hint", "billing", "models", "state", "expires", "created")
NEVER = "never"
"""The word for no expiry."""


def key_commands(office: Office) -> typer.Typer:
    """Return `tollway key …`."""
    app = typer.Typer(help="API keys: who asks.", no_args_is_help=True)
    _add_create(app, office)
    _add_update(app, office)

    @app.command("list")
    def list_keys(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List keys without their texts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            keys = desk.keys.list(None if account is None else parse_id(ACCOUNT, account))
            views = [view_standing_key(desk.keys, key) for key in keys]
        show(as_table(views, KEY_COLUMNS, empty="There is no key: `tollway key create` makes one."), json=json)

    @app.command("show")
    def show_key(key: KeyId, json: Json = False, config: Config = None) -> None:
        """Show one key without its text, and all that limits what it spends and how fast it may ask."""
        with office.open_books(choose_settings(config)) as desk:
            view = view_key_with_limits(desk.keys, desk.keys.show(parse_id(KEY, key)))
        show(as_fields(view), json=json)

    @app.command()
    def rotate(
        key: KeyId,
        overlap: Annotated[
            str,
            typer.Option(metavar="DURATION", help="How long the old text works too, such as 90m, 24h or 7d; 0 is not."),
        ] = "24h",
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Give a key another text and show it, this once; it keeps its id, limits and history."""
        with office.open_books(choose_settings(config)) as desk:
            rotated, text = desk.keys.rotate(parse_id(KEY, key), parse_duration(overlap))
            view = view_key_with_limits(desk.keys, rotated)
        show(as_fields(view | {"key": text}), json=json)

    @app.command()
    def revoke(key: KeyId, json: Json = False, config: Config = None) -> None:
        """Refuse a key for good, from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            view = view_standing_key(desk.keys, desk.keys.revoke(parse_id(KEY, key)))
        show(as_fields(view), json=json)

    return app


def _add_create(app: typer.Typer, office: Office) -> None:
    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Who pays: acct_…", show_default=False)],
        name: KeyName,
        models: Annotated[
            str, typer.Option(metavar="A,B/*", help="Only these models, exact or ending in a star.")
        ] = "",
        routes: Annotated[str, typer.Option(metavar="A,B", help="Only for these, such as chat,models.")] = "",
        networks: Annotated[
            str, typer.Option(metavar="A,B", help="Only from these networks or addresses, such as 192.0.2.0/24.")
        ] = "",
        expires: Annotated[
            str | None, typer.Option(metavar="TIME", help="A date or time, such as 2027-01-31.", show_default=False)
        ] = None,
        sub_account: Annotated[
            str | None, typer.Option(metavar="SUB_ACCOUNT", help="Of that sub-account: sa_…", show_default=False)
        ] = None,
        billing: Annotated[BillingMode, typer.Option(help="What it spends.")] = BillingMode.PAYG,
        package: Annotated[
            str | None, typer.Option(metavar="PACKAGE", help="The package that it spends: pkg_…", show_default=False)
        ] = None,
        daily_cap: Annotated[str, typer.Option(metavar="AMOUNT", help="What it may spend a day; 0 is no cap.")] = "0",
        monthly_cap: Annotated[
            str, typer.Option(metavar="AMOUNT", help="What it may spend a month; 0 is no cap.")
        ] = "0",
        total_cap: Annotated[str, typer.Option(metavar="AMOUNT", help="What it may spend ever; 0 is no cap.")] = "0",
        rpm: Rpm = None,
        burst: Burst = None,
        tpm: Tpm = None,
        concurrency: Concurrency = None,
        unsupported: Annotated[
            Unsupported, typer.Option(help="Parameters that a model does not know; refused is strict mode.")
        ] = Unsupported.DROPPED,
        costs: Annotated[ShownCosts, typer.Option(help="Whether replies say what they cost.")] = ShownCosts.SHOWN,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make a key and show its text, this once."""
        terms = KeyTerms(
            models=listed(models),
            routes=listed(routes),
            networks=listed(networks),
            expires_ms=parse_expiry(expires),
            sub_account_id=None if sub_account is None else parse_id(SUB_ACCOUNT, sub_account),
            billing=billing,
            package_id=None if package is None else parse_id(PACKAGE, package),
            daily_cap_nanos=parse_amount(daily_cap),
            monthly_cap_nanos=parse_amount(monthly_cap),
            total_cap_nanos=parse_amount(total_cap),
            limits=RateLimits(rpm=rpm, burst=burst, tpm=tpm, concurrency=concurrency),
            unsupported=unsupported,
            costs=costs,
        )
        with office.open_books(choose_settings(config)) as desk:
            key, text = desk.keys.create(parse_id(ACCOUNT, account), name, terms)
            view = view_key_with_limits(desk.keys, key)
        show(as_fields(view | {"key": text}), json=json)


def _add_update(app: typer.Typer, office: Office) -> None:
    @app.command()
    def update(
        key: KeyId,
        name: Annotated[str | None, typer.Option(help="What people call it.", show_default=False)] = None,
        models: Annotated[
            str | None, typer.Option(metavar="A,B/*", help='Only these models; "" is all.', show_default=False)
        ] = None,
        routes: Annotated[
            str | None, typer.Option(metavar="A,B", help='Only for these; "" is everything.', show_default=False)
        ] = None,
        networks: Annotated[
            str | None, typer.Option(metavar="A,B", help='Only from these; "" is everywhere.', show_default=False)
        ] = None,
        expires: Annotated[
            str | None, typer.Option(metavar="TIME", help="A date or time, or never.", show_default=False)
        ] = None,
        disabled: Annotated[
            bool | None, typer.Option("--disable/--enable", help="Refuse it for now.", show_default=False)
        ] = None,
        daily_cap: Annotated[
            str | None, typer.Option(metavar="AMOUNT", help="For a day; 0 is no cap.", show_default=False)
        ] = None,
        monthly_cap: Annotated[
            str | None, typer.Option(metavar="AMOUNT", help="For a month; 0 is no cap.", show_default=False)
        ] = None,
        total_cap: Annotated[
            str | None, typer.Option(metavar="AMOUNT", help="For ever; 0 is no cap.", show_default=False)
        ] = None,
        rpm: Rpm = None,
        burst: Burst = None,
        tpm: Tpm = None,
        concurrency: Concurrency = None,
        unsupported: Annotated[
            Unsupported | None, typer.Option(help="Parameters that a model does not know.", show_default=False)
        ] = None,
        costs: Annotated[
            ShownCosts | None, typer.Option(help="Whether replies say what they cost.", show_default=False)
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Change what a key may do, from the next request on; what is left out stays."""
        caps = {CapSpan.DAY: daily_cap, CapSpan.MONTH: monthly_cap, CapSpan.TOTAL: total_cap}
        change = KeyChange(
            name=UNSET if name is None else name,
            models=UNSET if models is None else listed(models),
            routes=UNSET if routes is None else listed(routes),
            networks=UNSET if networks is None else listed(networks),
            expires_ms=UNSET if expires is None else None if expires == NEVER else parse_expiry(expires),
            disabled=UNSET if disabled is None else disabled,
            unsupported=UNSET if unsupported is None else unsupported,
            costs=UNSET if costs is None else costs,
            limits=rate_change(rpm=rpm, burst=burst, tpm=tpm, concurrency=concurrency),
            caps={span: parse_amount(text) for span, text in caps.items() if text is not None},
        )
        with office.open_books(choose_settings(config)) as desk:
            view = view_key_with_limits(desk.keys, desk.keys.update(parse_id(KEY, key), change))
        show(as_fields(view), json=json)
