"""The commands about sub-accounts: parts of an account with keys, caps and limits of their own."""

from typing import Annotated, Any

import typer

from tollway.access.caps import SubAccountChanges
from tollway.billing.sub_accounts import SubAccountTerms
from tollway.billing.terms_views import view_sub_account
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, parse_id, render_id
from tollway.money import parse_amount

COLUMNS = ("id", "account", "name", "state", "monthly_cap", "rpm", "tag", "created")

SubAccountId = Annotated[
    str, typer.Argument(metavar="SUB_ACCOUNT", help="A sub-account's id: sa_…", show_default=False)
]
ExternalRef = Annotated[
    str | None, typer.Option("--external-ref", help="What its owner calls it elsewhere.", show_default=False)
]
MonthlyCap = Annotated[
    str | None,
    typer.Option(
        "--monthly-cap", metavar="AMOUNT", help="What it may spend in a month; 0 is no cap.", show_default=False
    ),
]
Rpm = Annotated[
    int | None, typer.Option("--rpm", help="Requests in any 60 seconds; 0 is no limit.", show_default=False)
]
OwnTag = Annotated[str | None, typer.Option("--tag", help="Put on its requests that name no tag.", show_default=False)]
Models = Annotated[
    str | None,
    typer.Option(metavar="A,B/*", help="Only these models, exact or ending in a star; all where empty."),
]


def sub_account_commands(office: Office) -> typer.Typer:
    """Return `tollway sub-account …`."""
    app = typer.Typer(help="Sub-accounts: parts of an account, with keys and caps of their own.", no_args_is_help=True)

    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Who pays: acct_…", show_default=False)],
        name: Annotated[str, typer.Option(help="What people call it.", show_default=False)],
        external_ref: ExternalRef = None,
        monthly_cap: MonthlyCap = None,
        rpm: Rpm = None,
        tag: OwnTag = None,
        models: Models = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make a sub-account with its first key, which is printed this once."""
        terms = SubAccountTerms(
            name=name,
            external_ref=external_ref,
            monthly_cap_nanos=parse_amount(monthly_cap or "0"),
            rpm=rpm,
            tag=tag,
            models=_listed(models or ""),
        )
        with office.open_books(choose_settings(config)) as desk:
            made, key, secret = desk.sub_accounts.create(parse_id(ACCOUNT, account), terms)
        show(as_fields(view_sub_account(made) | {"key_id": render_id(KEY, key.id), "key": secret}), json=json)

    @app.command("list")
    def list_sub_accounts(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List sub-accounts that were not removed, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.sub_accounts.list(None if account is None else parse_id(ACCOUNT, account))
        views = [view_sub_account(each) for each in found]
        show(as_table(views, COLUMNS, empty="There is no sub-account."), json=json)

    @app.command("show")
    def show_sub_account(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Show one sub-account."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.sub_accounts.show(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(found)), json=json)

    @app.command()
    def suspend(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Refuse a sub-account's keys from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            suspended = desk.sub_accounts.suspend(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(suspended)), json=json)

    @app.command()
    def resume(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Let a suspended sub-account's keys spend again."""
        with office.open_books(choose_settings(config)) as desk:
            resumed = desk.sub_accounts.resume(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(resumed)), json=json)

    @app.command()
    def remove(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Revoke a sub-account's keys and lift its limits for good; its history stays."""
        with office.open_books(choose_settings(config)) as desk:
            removed = desk.sub_accounts.remove(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(removed)), json=json)

    _add_set(app, office)
    return app


def _add_set(app: typer.Typer, office: Office) -> None:
    @app.command("set")
    def set_sub_account(
        sub_account: SubAccountId,
        name: Annotated[str | None, typer.Option(help="What people call it.", show_default=False)] = None,
        external_ref: ExternalRef = None,
        monthly_cap: MonthlyCap = None,
        rpm: Rpm = None,
        tag: OwnTag = None,
        models: Models = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Change a sub-account from the next request on; what is left out stays, and an empty text takes it away."""
        given: dict[str, Any] = {
            "name": name,
            "external_ref": external_ref,
            "monthly_cap_nanos": None if monthly_cap is None else parse_amount(monthly_cap),
            "rpm": rpm,
            "tag": tag,
            "models": None if models is None else _listed(models),
        }
        changes = SubAccountChanges(**{field: value for field, value in given.items() if value is not None})
        with office.open_books(choose_settings(config)) as desk:
            changed = desk.sub_accounts.update(parse_id(SUB_ACCOUNT, sub_account), changes)
        show(as_fields(view_sub_account(changed)), json=json)


def _listed(models: str) -> tuple[str, ...]:
    return tuple(model.strip() for model in models.split(",")) if models else ()
