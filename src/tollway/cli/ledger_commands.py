"""The commands about the ledger: the proof that every cent is where it should be."""

import typer

from tollway.billing.views import view_report
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, choose_settings
from tollway.cli.output import Shown, plain, show
from tollway.ledger.records import LedgerReport


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
