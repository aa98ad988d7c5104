"""The command about usage: who used and paid what, divided by anything that requests carry."""

from typing import Annotated

import typer

from tollway.billing.reports import columns_of, parse_divisions
from tollway.billing.spreadsheets import csv_of
from tollway.cli.office import Office
from tollway.cli.options import (
    Config,
    Csv,
    EndUser,
    First,
    Json,
    Last,
    OfAccount,
    OfKey,
    OfSubAccount,
    Session,
    Tag,
    choose_settings,
)
from tollway.cli.output import Shown, as_table, show
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, parse_id
from tollway.ledger.usage import ALWAYS_DIVIDED, Division, UsageFilter

SUM_COLUMNS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "base_cost",
    "platform_fee",
    "written_off",
    "total_cost",
    "currency",
)
"""Of the table for people; programs get all of them."""

By = Annotated[
    str,
    typer.Option("--by", metavar="WORDS", help=f"Divide by any of {', '.join(Division)}, such as day,model."),
]
OfProvider = Annotated[str | None, typer.Option("--provider", help="Only this provider's.", show_default=False)]
OfModel = Annotated[str | None, typer.Option("--model", help="Only this model's, as routed.", show_default=False)]


def add_usage_command(app: typer.Typer, office: Office) -> None:
    """Add `tollway usage`."""

    @app.command()
    def usage(
        by: By = ",".join(ALWAYS_DIVIDED),
        account: OfAccount = None,
        sub_account: OfSubAccount = None,
        key: OfKey = None,
        provider: OfProvider = None,
        model: OfModel = None,
        tag: Tag = None,
        end_user: EndUser = None,
        session: Session = None,
        first: First = None,
        last: Last = None,
        csv: Csv = False,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Sum finished requests: what was used and paid, by account, provider and model unless you say."""
        divisions = parse_divisions(by)
        names = {"provider": provider, "model_routed": model, "tag": tag, "end_user": end_user, "session": session}
        who = filter_of(account, sub_account, key, **names)
        with office.open_books(choose_settings(config)) as desk:
            rows = desk.reports.usage(divisions, who, desk.reports.span(first, last))
            views = [desk.reports.view(row, divisions) for row in rows]
        columns = tuple(columns_of(divisions).values())
        if csv:
            text = csv_of(views, tuple(views[0]) if views else (*columns, *SUM_COLUMNS))
            show(Shown(document=views, text=text.rstrip("\n")), json=json)
        else:
            show(as_table(views, (*columns, *SUM_COLUMNS), empty="Nothing was used yet."), json=json)


def filter_of(account: str | None, sub_account: str | None, key: str | None, **texts: str | None) -> UsageFilter:
    """Return the filter that options say; raises IdError."""
    return UsageFilter(
        account_id=None if account is None else parse_id(ACCOUNT, account),
        sub_account_id=None if sub_account is None else parse_id(SUB_ACCOUNT, sub_account),
        key_id=None if key is None else parse_id(KEY, key),
        **texts,
    )
