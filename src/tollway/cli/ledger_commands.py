"""The commands about the ledger: the proof that every cent is where it should be, and charges computed anew."""

from typing import Annotated

import typer

from tollway.billing.repricing import NewTerms, parse_prices, view_proof, view_repriced
from tollway.billing.views import view_report
from tollway.cli.office import Office
from tollway.cli.options import Config, First, Json, Last, OfAccount, OfKey, choose_settings
from tollway.cli.output import Shown, as_table, plain, show
from tollway.cli.usage_commands import OfModel, OfProvider, filter_of
from tollway.errors import CommandRefused
from tollway.ids import CARD, parse_id
from tollway.ledger.records import LedgerReport
from tollway.ledger.repricing import ChargeProof, RepriceQuery
from tollway.ledger.usage import EVERYBODY, UsageFilter
from tollway.money import parse_rate

REPRICED_COLUMNS = (
    "account",
    "provider",
    "model_routed",
    "requests",
    "base_cost",
    "platform_fee",
    "new_base_cost",
    "new_platform_fee",
    "difference",
    "currency",
)


def ledger_commands(office: Office) -> typer.Typer:
    """Return `tollway ledger …`."""
    app = typer.Typer(help="The ledger: every cent, proven.", no_args_is_help=True)

    @app.command()
    def check(json: Json = False, config: Config = None) -> None:
        """Prove that every balance is the sum of its movements; exit status 1 when one is not."""
        with office.open_books(choose_settings(config)) as desk:
            report = desk.statements.ledger_check()
        show(Shown(document=view_report(report), text=_report_text(report)), json=json)
        if report.problems:
            raise typer.Exit(1)

    @app.command()
    def reprice(
        proof: Annotated[
            bool, typer.Option("--check", help="Compute every past charge anew; exit status 1 when one differs.")
        ] = False,
        card: Annotated[
            str | None, typer.Option(metavar="CARD", help="What if by this card: card_…", show_default=False)
        ] = None,
        prices: Annotated[
            str | None,
            typer.Option(
                metavar="PRICES", help="What if by these, per million: input=0.15,output=0.60", show_default=False
            ),
        ] = None,
        fee: Annotated[
            str | None, typer.Option(metavar="RATE", help="What if with this platform fee: 10%.", show_default=False)
        ] = None,
        share: Annotated[
            str | None,
            typer.Option(metavar="RATE", help="What if at this share of the prices: 90%.", show_default=False),
        ] = None,
        account: OfAccount = None,
        key: OfKey = None,
        provider: OfProvider = None,
        model: OfModel = None,
        first: First = None,
        last: Last = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Compute past charges anew: by their own cards, or by other prices to see what would have been. Changes nothing."""
        new = NewTerms(
            card_id=None if card is None else parse_id(CARD, card),
            prices=None if prices is None else parse_prices(prices),
            fee_ppm=None if fee is None else parse_rate(fee),
            price_ppm=None if share is None else parse_rate(share),
        )
        who = filter_of(account, None, key, provider=provider, model_routed=model)
        _require_one_question(new, who, proof=proof, in_time=first is not None or last is not None)
        with office.open_books(choose_settings(config)) as desk:
            if proof:
                checked = desk.repricing.check()
                show(Shown(document=view_proof(checked), text=_proof_text(checked)), json=json)
                raise typer.Exit(1 if checked.wrong else 0)
            query = RepriceQuery(span=desk.statements.span(first, last), who=who)
            views = [view_repriced(row) for row in desk.repricing.reprice(query, new)]
        show(as_table(views, REPRICED_COLUMNS, empty="Nothing was charged then."), json=json)

    return app


def _require_one_question(new: NewTerms, who: UsageFilter, *, proof: bool, in_time: bool) -> None:
    """Refuse words that would have no effect."""
    if proof and (new != NewTerms() or who != EVERYBODY or in_time):
        raise CommandRefused("--check computes every charge anew, by its own card: it takes no other word")
    if new.card_id is not None and new.prices is not None:
        raise CommandRefused("name a card or prices, not both")
    if not proof and new == NewTerms():
        raise CommandRefused("say what shall be otherwise: --card, --prices, --fee or --share; or --check")


def _report_text(report: LedgerReport) -> str:
    counted = plain(dict(report.counts))
    verdict = f"{len(report.problems)} problems" if report.problems else "The books are clean"
    return "\n".join([f"{verdict}: {counted}", *(plain(problem) for problem in report.problems)])


def _proof_text(proof: ChargeProof) -> str:
    verdict = f"{len(proof.wrong)} charges differ" if proof.wrong else "Every charge is what its card makes"
    problems = [problem for wrong in proof.wrong for problem in wrong.problems]
    return "\n".join([f"{verdict}: {proof.checked} requests", *(plain(problem) for problem in problems)])
