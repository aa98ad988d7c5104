"""The commands that read the books: requests, usage, and the proof of the ledger."""

from typing import Annotated

import typer

from tollway.billing.views import view_report, view_request, view_usage
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, Limit, OfAccount, choose_settings
from tollway.cli.output import Shown, as_fields, as_table, plain, show
from tollway.ids import ACCOUNT, EXCHANGE, parse_id
from tollway.ledger.records import LedgerReport

REQUEST_COLUMNS = ("id", "started", "outcome", "status", "model_asked", "provider", "total_cost", "basis")
USAGE_COLUMNS = (
    "account",
    "provider",
    "model_routed",
    "requests",
    "input_tokens",
    "output_tokens",
    "base_cost",
    "platform_fee",
    "written_off",
    "total_cost",
)


def request_commands(office: Office) -> typer.Typer:
    """Return `tollway requests …`."""
    app = typer.Typer(help="Requests: what was asked, answered and charged.", no_args_is_help=True)

    @app.command("list")
    def list_requests(account: OfAccount = None, limit: Limit = 50, json: Json = False, config: Config = None) -> None:
        """List finished requests, newest first."""
        with office.open_books(choose_settings(config)) as desk:
            lines = desk.statements.requests(None if account is None else parse_id(ACCOUNT, account), limit)
        show(as_table([view_request(line) for line in lines], REQUEST_COLUMNS, empty="No request yet."), json=json)

    @app.command("show")
    def show_request(
        request: Annotated[
            str, typer.Argument(metavar="REQUEST", help="The x-request-id of a reply: req_…", show_default=False)
        ],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Show one request: its usage, its cost, and how it was charged."""
        settings = choose_settings(config)
        with office.open_books(settings) as desk:
            found = desk.statements.request(parse_id(EXCHANGE, request))
        show(as_fields(view_request(found) | {"currency": settings.billing.currency}), json=json)

    return app


def add_usage_command(app: typer.Typer, office: Office) -> None:
    """Add `tollway usage`."""

    @app.command()
    def usage(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """Sum finished requests by account, provider and model."""
        with office.open_books(choose_settings(config)) as desk:
            rows = desk.statements.usage(None if account is None else parse_id(ACCOUNT, account))
        show(as_table([view_usage(row) for row in rows], USAGE_COLUMNS, empty="Nothing was used yet."), json=json)


def ledger_commands(office: Office) -> typer.Typer:
    """Return `tollway ledger …`."""
    app = typer.Typer(help="The ledger: every cent, proven.", no_args_is_help=True)

    # A group with one command would otherwise become that command.
    @app.callback()
    def ledger() -> None:
        """The ledger: every cent, proven."""

    @app.command()
    def check(json: Json = False, config: Config = None) -> None:
        """Prove that every balance is the sum of its movements; exit status 1 when one is not."""
        with office.open_books(choose_settings(config)) as desk:
            report = desk.statements.ledger_check()
        show(Shown(document=view_report(report), text=_report_text(report)), json=json)
        if report.problems:
            raise typer.Exit(1)

    return app


def _report_text(report: LedgerReport) -> str:
    counted = plain(dict(report.counts))
    verdict = f"{len(report.problems)} problems" if report.problems else "The books are clean"
    return "\n".join([f"{verdict}: {counted}", *(plain(problem) for problem in report.problems)])
