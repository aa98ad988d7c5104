"""The commands about requests: what was asked, answered and charged."""

from typing import Annotated

import typer

from tollway.billing.request_log import view_refused
from tollway.billing.views import view_request
from tollway.cli.office import Office
from tollway.cli.options import (
    Config,
    EndUser,
    First,
    Json,
    Last,
    Limit,
    OfAccount,
    OfKey,
    OfSubAccount,
    Session,
    Tag,
    choose_settings,
)
from tollway.cli.output import as_fields, as_table, show
from tollway.cli.usage_commands import filter_of
from tollway.ids import EXCHANGE, parse_id
from tollway.ledger.lines import Outcome
from tollway.ledger.requests import RefusedRequest, RequestQuery

COLUMNS = ("id", "started", "outcome", "status", "model_asked", "provider", "total_cost", "currency", "basis")


def request_commands(office: Office) -> typer.Typer:
    """Return `tollway requests …`."""
    app = typer.Typer(help="Requests: what was asked, answered and charged.", no_args_is_help=True)

    @app.command("list")
    def list_requests(
        account: OfAccount = None,
        sub_account: OfSubAccount = None,
        key: OfKey = None,
        tag: Tag = None,
        end_user: EndUser = None,
        session: Session = None,
        outcome: Annotated[Outcome | None, typer.Option(help="How it ended.", show_default=False)] = None,
        first: First = None,
        last: Last = None,
        limit: Limit = 50,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """List finished requests, newest first."""
        who = filter_of(account, sub_account, key, tag=tag, end_user=end_user, session=session)
        with office.open_books(choose_settings(config)) as desk:
            statements = desk.statements
            query = RequestQuery(who=who, outcome=outcome, span=statements.span(first, last))
            lines = statements.requests(query, limit)
            facts = statements.facts(lines)
        show(as_table([view_request(line, facts) for line in lines], COLUMNS, empty="No request yet."), json=json)

    @app.command("show")
    def show_request(
        request: Annotated[
            str, typer.Argument(metavar="REQUEST", help="The x-request-id of a reply: req_…", show_default=False)
        ],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Show one request: its usage, its cost, and how it was charged."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.request_log.anybodys(parse_id(EXCHANGE, request))
            view = (
                view_refused(found)
                if isinstance(found, RefusedRequest)
                else view_request(found, desk.statements.facts((found,)))
            )
        show(as_fields(view), json=json)

    return app
